"""Gifts: claimed from live inventory, collected at a desk, forfeited, clawed back after a return.

Owns the tables of schema `gifts`: offers and pools (what a campaign's rule opened, under the ids of `inventory`), gifts
(a unit that a member was promised), changes (what happened to it), judgements (days that have to be looked at again).
A unit that is only held, and its end as EXPIRED or RELEASED, is `inventory`'s; here a gift begins CONFIRMED.

Laws, and what guards them:

    I3, I4, I5  stock, limits, one claim one gift   `inventory`; the gift is written in the transaction of its claim
    C5   a pause issues nothing and takes nothing   the insert joins the campaign's state; no other use case asks it
    C6   an amount counts once per exclusive group  shared out under the member's lock; receipts.group_amounts_used
    handed over once, and one end                   the gift's row lock, and its step compared when it is written
    in one place at a time                          the same; `gifts_waits_state`: what has ended waits for no visit

A gift waits at its desk, or at the counter of a visit's stop (`rules.waiting`): its unit stays what it is in
`inventory`, confirmed.

Where to look: `claiming` a claim; `changes` desk, member, member services; `waiting` for a visit; `covering` the spend
behind a threshold; `judging` after a return; `jobs` by the clock; `preparing` when a campaign comes into force;
`merging`; `rules` what is decided. Locks, in this order: member, gift, then `inventory`'s claim, counts, offer, pool.

Emits gifts.cancelled, gifts.forfeited, gifts.clawback_due, gifts.collected (covered again), gifts.returned,
gifts.waived and gifts.back_at_desk (a visit that it waited for is no more).
"""
