"""The ledger of points: entries, lots, holds, adjustments.

Owns the tables of schema `points`. `rules` prices a basket and dates a lot; `ledger` decides what an event posts,
as a value; `service` reads, decides and writes that value in one statement.

Every change of a member's points is an entry that moves them between MEMBER and one of ISSUE, REDEMPTION,
BREAKAGE and ADJUSTMENT:

    earn        ISSUE → MEMBER           EARN, BONUS         makes a lot
    spend       MEMBER → REDEMPTION      REDEEM              uses lots, earliest expiry first
    expire      MEMBER → BREAKAGE        EXPIRE              empties a lot, dated when it expired
                BREAKAGE → MEMBER        EXPIRE              so much of it as a debt had a claim on
    adjust      ADJUSTMENT ↔ MEMBER      ADJUST              makes a lot, or uses lots
    return      MEMBER → ISSUE           REVERSE             claws back: own lot, other lots, then debt
                REDEMPTION → MEMBER      REVERSE             gives back to the lots that were spent
    merge       MEMBER → ADJUSTMENT and ADJUSTMENT → MEMBER  TRANSFER, a pair; lots move as they are

Invariants: L1–L8. balance = Σ entries = Σ remaining of lots − debt. A debt is paid by the next points that are
active; pending ones count against it from the moment they become active, whether or not that is posted, so that the
order in which events arrive changes no balance. All callers hold the lock of the membership; a posting that was
decided on anything but the present account and lots is refused when it is written.

Events: points.adjusted, points.adjustment_requested, points.adjustment_rejected, points.expired.
"""
