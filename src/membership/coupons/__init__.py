"""Coupons: offers of campaigns as they are issued to members, held at the till, redeemed, reversed, and how they end.

Owns the tables of schema `coupons`. What an offer says stands in the campaign's revision; a coupon names the one that
was newest when it was issued, and is judged by that one for ever.

    ISSUED → ACTIVE ⇄ RESERVED → REDEEMED ; REDEEMED → (full reversal) ACTIVE | EXPIRED
    ISSUED | ACTIVE → VOIDED ; ACTIVE → EXPIRED

ISSUED becomes ACTIVE, ACTIVE becomes EXPIRED and a reservation lapses by the clock alone (rules.state_at, and the SQL
function of that name); jobs only tidy up. A paid sale that is reported late meets its coupons as they were at the sale.

Holds, in constraints: C1 issued within the quotas of the offer and of its days, and within the limit per member; C2 one
live redemption; C3 one reservation, C4 made inside the validity (the rest of C4 is the engine's); C5 pausing an offer
touches no coupon; C10 nothing leads out of EXPIRED and VOIDED.

issuing.py   to all eligible, in runs and to whoever becomes eligible; what a schedule of a campaign does to offers
claiming.py  in the app, for points, by code
tying.py     meant for a stop of a visit, as journeys ask for it
service.py   what tills and journeys ask, inside their transaction; void, expire, merge

Emits coupons.issued (of what a member took), coupons.redeemed, coupons.reversed, coupons.voided.
"""
