"""Live inventory: limited units (gifts, coupons with a quota) that members contest. Redis decides, PostgreSQL records.

Owns the tables of schema `inventory` and, for each offer, four keys of one hash slot in Redis. A claim holds a unit in
Redis, is written to PostgreSQL, and is confirmed in Redis after the commit; the member is told "yours" only then.

What a claim_id comes to, each for ever, in the row of that primary key:

    CONFIRMED  has a unit           RETURNED  had one and gave it back
    EXPIRED    its hold ran out     REFUSED   a final refusal, told again to every repeat

Holds are released in Redis only after a row says that they can never be confirmed any more.

Laws, and what guards them:

    I1  stock ≥ 0                            hold.lua; pools_stock
    I2  total = free + held + confirmed + voided once quiet   sweep, check and rebuild
    I3  confirmed ≤ total                    the pool's row lock; pools_stock
    I4  member limits                        the counts' row locks; member_counts_limit
    I5  one claim_id, one effect             claims_pkey; records in Redis
    I6  expire against confirm               claims_pkey: whoever inserts first
    I7  a wrong epoch or run_id changes nothing   fence.lua; the epoch compared under the pool's lock
    I8  rebuilding twice = once              load.lua replaces everything by what PostgreSQL says
    I9  SOLD_OUT only if nothing was free    a read of PostgreSQL begun after the call

Where to look: `claiming` a claim from hold to answer; `loading` rebuild, fall back, return; `keeping` sweep, probe,
check; `stocking` open, change, give back, merge; `recovering` after a restore; `stock` the calls to Redis; `rules` what
is decided.
"""
