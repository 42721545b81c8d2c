"""What is proved, by area. Codes are the names of the laws in the packages' docstrings."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from membership.appointments.rules.states import LIVE
from membership.checks import folds, structure
from membership.checks.knowledge import Knowledge
from membership.checks.model import Area, Found, Key, Law, Look, Stretch
from membership.checks.walking import SQL
from membership.points.model import BASE_RULE
from membership.postgres.catalogue import Query
from membership.postgres.connection import Conn

PATIENCE: Final = timedelta(minutes=15)
"""For how long work that the worker has to do may wait before it counts as left undone."""

_BY_HAND = (
    "see `drift found` in k8s/README.md: stop what writes it, find the cause, mend it by an entry and not by hand"
)
_LEDGER = f"{_BY_HAND}. Points are put right by an adjustment (`desk`), never by changing entries"
_MIGRATE = "`membership migrate`, then `membership check --only schema`"
_INVENTORY = "`membership inventory check`, then look at the claims by hand: no load repairs what PostgreSQL says"

Arguments = Callable[[Stretch], Sequence[object]]


def _stretch(stretch: Stretch) -> Sequence[object]:
    return stretch.after, stretch.until


def _long_ago(stretch: Stretch) -> Sequence[object]:
    return (stretch.now - PATIENCE,)


def _query(query: Query, arguments: Arguments = _stretch) -> Look:
    async def look(conn: Conn, stretch: Stretch, knowledge: Knowledge) -> Sequence[Found]:
        del knowledge
        rows = await query.many(conn, *arguments(stretch))
        return [Found(row["subject"], row["stored"], row["due"]) for row in rows]

    return look


def _all(query: Query) -> Look:
    return _query(query, lambda stretch: ())


def _with(*more: object) -> Arguments:
    return lambda stretch: (*_stretch(stretch), *more)


LAWS: Final[Mapping[Area, Sequence[Law]]] = {
    Area.SCHEMA: (
        Law("migrations", "The schema is the one that this code knows.", None, structure.migrations, _MIGRATE),
        Law("constraints", "Every constraint is there and valid.", None, structure.constraints, _MIGRATE),
        Law("indexes", "Every index is there and valid.", None, structure.indexes, "`REINDEX INDEX CONCURRENTLY`"),
        Law(
            "records",
            "What is append-only refuses changes.",
            None,
            structure.triggers,
            "`ALTER TABLE … ENABLE TRIGGER`",
        ),
        Law(
            "walls", "Row-level security is forced.", None, structure.walls, "`ALTER TABLE … FORCE ROW LEVEL SECURITY`"
        ),
    ),
    Area.LEDGER: (
        Law("L1", "A balance is the sum of its entries.", Key.MEMBER, _query(SQL.list_unbalanced_accounts), _LEDGER),
        Law("L1 accounts", "Entries have an account.", Key.MEMBER, _query(SQL.list_unaccounted_entries), _LEDGER),
        Law(
            "L1 lots",
            "A balance is its lots less the debt.",
            Key.MEMBER,
            _query(SQL.list_accounts_unlike_lots),
            _LEDGER,
        ),
        Law("L2", "A cause is booked once in each kind.", Key.ENTRY, _query(SQL.list_repeated_causes), _LEDGER),
        Law("L3", "What remains of a lot is the lot less its uses.", Key.LOT, _query(SQL.list_misused_lots), _LEDGER),
        Law("L3 lots", "A lot holds what an entry gave.", Key.LOT, _query(SQL.list_lots_unlike_entries), _LEDGER),
        Law("L3 uses", "What left a member left lots.", Key.ENTRY, _query(SQL.list_spending_without_lots), _LEDGER),
        Law("double entry", "All accounts sum to zero.", Key.ENTRY, _query(SQL.list_one_sided_entries), _LEDGER),
        Law("L4", "Commit and full return net to zero.", Key.SALE, _query(SQL.list_unreturned_points), _LEDGER),
        Law("L4 booked", "Clawbacks are in the ledger.", Key.SALE, _query(SQL.list_unbooked_clawbacks), _LEDGER),
        Law("L6", "A line earned what its lots hold.", Key.SALE, _query(SQL.list_misallocated_lines), _LEDGER),
    ),
    Area.RECEIPTS: (
        Law("payments", "Lines and payments sum to the sale.", Key.SALE, _query(SQL.list_unlike_payments), _BY_HAND),
        Law("P2", "A receipt number stands for one sale.", Key.SALE, _query(SQL.list_repeated_receipts), _BY_HAND),
        Law("P5", "Deciding again gives what was decided.", Key.SALE, folds.decisions, _BY_HAND),
        Law("P7", "No more is returned than was sold.", Key.SALE, _query(SQL.list_overreturned_lines), _BY_HAND),
        Law("P7 sales", "A sale counts its returns.", Key.SALE, _query(SQL.list_unlike_returns), _BY_HAND),
        Law(
            "days",
            "A day's spend is its sales less returns.",
            Key.MEMBER,
            _query(SQL.list_unlike_days, _with(BASE_RULE)),
            _BY_HAND,
        ),
    ),
    Area.TIERS: (
        Law("T1", "A tier is what the spend says.", Key.MEMBER, folds.standings, _BY_HAND),
        Law("T4", "A review takes one step down at most.", Key.MEMBER, folds.step_downs, _BY_HAND),
        Law("T5", "No more hold a rank than its cap.", None, _all(SQL.list_rank_holders), _BY_HAND),
    ),
    Area.COUPONS: (
        Law("C1", "Coupons are issued within the quota.", None, _all(SQL.list_overissued_offers), _BY_HAND),
        Law("C1 days", "And within the quota of a day.", None, _all(SQL.list_overissued_days), _BY_HAND),
        Law("C1 members", "And within a member's limit.", Key.COUPON, _query(SQL.list_overissued_members), _BY_HAND),
        Law("C2", "A coupon is redeemed once.", Key.COUPON, _query(SQL.list_misredeemed_coupons), _BY_HAND),
        Law(
            "C2 returns",
            "What was wholly returned is reversed.",
            Key.COUPON,
            _query(SQL.list_lifeless_redemptions),
            _BY_HAND,
        ),
        Law("C3", "One reservation, within its time (C4).", Key.COUPON, _query(SQL.list_misreserved_coupons), _BY_HAND),
        Law("C6", "An amount counts once in its group.", Key.SALE, _query(SQL.list_amounts_used_twice), _BY_HAND),
        Law("C6 counted", "What was used is counted.", Key.SALE, _query(SQL.list_uncounted_amounts), _BY_HAND),
        Law("C8", "Shares sum to the discount.", Key.SALE, _query(SQL.list_unlike_discounts), _BY_HAND),
    ),
    Area.GIFTS: (
        Law("stories", "A gift is where its steps led.", Key.GIFT, folds.gift_stories, _BY_HAND),
        Law("I5", "A gift is the claim of its unit.", Key.GIFT, _query(SQL.list_gifts_unlike_claims), _BY_HAND),
        Law("cover", "A gift for spend is covered.", Key.GIFT, _query(SQL.list_uncovered_gifts), _BY_HAND),
    ),
    Area.INVENTORY: (
        Law("I3", "Confirmed claims are counted and fit.", None, _all(SQL.list_miscounted_pools), _INVENTORY),
        Law(
            "I4", "A member's claims are counted and fit.", Key.MEMBER, _query(SQL.list_miscounted_members), _INVENTORY
        ),
    ),
    Area.BOOKINGS: (
        Law("stories", "An appointment is where its steps led.", Key.APPOINTMENT, folds.appointment_stories, _BY_HAND),
        Law(
            "A1", "Nobody and nothing is in two places (A3, A9).", Key.APPOINTMENT, _query(SQL.list_overlaps), _BY_HAND
        ),
        Law(
            "A3",
            "A live appointment has its places.",
            Key.APPOINTMENT,
            _query(SQL.list_unplaced_appointments, _with(sorted(LIVE))),
            _BY_HAND,
        ),
        Law(
            "A10",
            "Only what is live occupies.",
            Key.APPOINTMENT,
            _query(SQL.list_places_unlike_states, _with(sorted(LIVE))),
            _BY_HAND,
        ),
        Law(
            "A5", "What was moved stands somewhere else.", Key.APPOINTMENT, _query(SQL.list_lost_appointments), _BY_HAND
        ),
        Law("A7", "UID stays and SEQUENCE rises.", Key.APPOINTMENT, _query(SQL.list_broken_sequences), _BY_HAND),
        Law("A8", "A freed place is offered once.", None, _query(SQL.list_lifeless_offers, _long_ago), _BY_HAND),
    ),
    Area.OUTBOX: (
        Law("order", "Events of a key go in order.", Key.EVENT, _query(SQL.list_passed_events), _BY_HAND),
        Law(
            "dead",
            "No event is dead.",
            Key.EVENT,
            _query(SQL.list_dead_events),
            "`membership outbox list`, then `retry` when the cause is mended, or `discard`",
        ),
        Law(
            "stuck",
            "What is due is handed on.",
            Key.EVENT,
            _query(SQL.list_stuck_events, lambda stretch: (*_stretch(stretch), stretch.now - PATIENCE)),
            "see that a `membership worker` runs and reaches PostgreSQL directly; its log says what it waits for",
        ),
    ),
    Area.IDENTITIES: (
        Law(
            "keys",
            "Every key that rows are under is in settings.",
            None,
            folds.keys,
            "put the old version back into MEMBERSHIP_IDENTITY_…_KEYS; `membership keys status` counts what needs it",
        ),
    ),
}
