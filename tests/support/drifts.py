"""How each law is broken, in the test's own database and as its owner: past services, triggers and constraints.

Of each law a statement or several that break it alone, of the laws of its area.
"""

from collections.abc import Mapping
from typing import Final

_A_MEMBER = "(SELECT member_id FROM points.accounts WHERE balance > 0 ORDER BY member_id LIMIT 1)"
_PROGRAMME = f"(SELECT programme_id FROM points.accounts WHERE member_id = {_A_MEMBER})"
_A_SALE = (
    "(SELECT sale_id FROM receipts.sales WHERE member_id IS NOT NULL AND state = 'COMMITTED' ORDER BY sale_id LIMIT 1)"
)
_RETURNED = (
    "(SELECT sale_id FROM receipts.sales JOIN points.lots USING (sale_id) WHERE state IN ('VOIDED', 'RETURNED')"
    " ORDER BY sale_id LIMIT 1)"
)
_LIVE = "(SELECT appointment_id FROM appointments.appointments WHERE state = 'CONFIRMED' ORDER BY 1 LIMIT 1)"
_COPIED = "'019a0000-0000-7000-8000-00000000c0b1'"


def _entry(cause: str, kind: str, debit: str, credit: str, *, sale: str = "NULL") -> str:
    return f"""
        INSERT INTO points.entries (entry_id, member_id, programme_id, kind, debit, credit, points, cause_event,
            cause_item, cause_revision, sale_id, occurred_at, recorded_at, business_date)
        SELECT gen_random_uuid(), {_A_MEMBER}, {_PROGRAMME}, '{kind}', '{debit}', '{credit}', 7, {cause},
            'planted', '1', {sale}, '2026-11-01Z', '2026-11-01Z', '2026-11-01'
    """


_ONE_CAUSE = "'019a0000-0000-7000-8000-0000000000ca'"
_OWN_CAUSE = "gen_random_uuid()"


def _event(number: int, state: str, due: str, *, handled: str = "NULL", attempts: int = 0) -> str:
    return f"""
        INSERT INTO platform.outbox (event_id, ordering_key, name, payload, occurred_at, state, attempts, due_at,
            handled_at)
        VALUES ('019a0000-0000-7000-8000-00000000000{number}', '019a0000-0000-7000-8000-0000000000aa', 'planted',
            '{{}}', '2026-11-01Z', '{state}', {attempts}, '{due}', {handled})
    """


LEDGER: Final[Mapping[str, tuple[str, ...]]] = {
    "L1": (_entry(_OWN_CAUSE, "EARN", "ISSUE", "MEMBER"),),
    "L1 accounts": (f"DELETE FROM points.accounts WHERE member_id = {_A_MEMBER}",),
    "L1 lots": (f"UPDATE points.accounts SET debt = debt + 1 WHERE member_id = {_A_MEMBER}",),
    "L2": (
        "ALTER TABLE points.entries DROP CONSTRAINT entries_cause_key",
        _entry(_ONE_CAUSE, "EARN", "ISSUE", "MEMBER"),
        _entry(_ONE_CAUSE, "EARN", "ISSUE", "MEMBER"),
        _entry(_OWN_CAUSE, "REVERSE", "MEMBER", "ISSUE"),
        _entry(_OWN_CAUSE, "REVERSE", "MEMBER", "ISSUE"),
    ),
    "L3": (
        "UPDATE points.lots SET expired = expired + 1 WHERE lot_id = (SELECT lot_id FROM points.lots"
        " WHERE expired = 0 AND remaining < points ORDER BY lot_id LIMIT 1)",
    ),
    "L3 lots": (
        "UPDATE points.lots SET entry_id = (SELECT entry_id FROM points.entries entry WHERE entry.points <> lots.points"
        " ORDER BY entry_id LIMIT 1) WHERE lot_id = (SELECT min(lot_id::text)::uuid FROM points.lots)",
    ),
    "L3 uses": (
        "WITH spent AS (SELECT lot_id, entry_id FROM points.lot_uses JOIN points.entries entry USING (entry_id)"
        " WHERE kind IN ('REDEEM', 'EXPIRE') ORDER BY entry_id LIMIT 1), more AS (UPDATE points.lot_uses use"
        " SET points = use.points + 1 FROM spent WHERE (use.lot_id, use.entry_id) = (spent.lot_id, spent.entry_id))"
        " INSERT INTO points.lot_uses SELECT spent.lot_id, (SELECT entry_id FROM points.entries WHERE kind = 'EARN'"
        " ORDER BY entry_id LIMIT 1), -1 FROM spent",
    ),
    "double entry": (
        "ALTER TABLE points.entries DROP CONSTRAINT entries_accounts",
        _entry(_OWN_CAUSE, "ADJUST", "ISSUE", "BREAKAGE"),
    ),
    "L4": (f"UPDATE points.lots SET reversed = 0 WHERE sale_id = {_RETURNED}",),
    "L4 booked": (
        _entry(_OWN_CAUSE, "REVERSE", "MEMBER", "ISSUE", sale=_A_SALE),
        _entry(_OWN_CAUSE, "EARN", "ISSUE", "MEMBER"),
    ),
    "L6": (f"UPDATE receipts.lines SET points = points + 1 WHERE sale_id = {_A_SALE}",),
}

RECEIPTS: Final[Mapping[str, tuple[str, ...]]] = {
    "payments": (f"UPDATE receipts.tenders SET amount_minor = amount_minor + 1 WHERE sale_id = {_A_SALE}",),
    "P2": (
        "ALTER TABLE receipts.sales DROP CONSTRAINT sales_natural_key",
        "UPDATE receipts.sales sale SET (store_id, till_id, business_date, sequence) ="
        " (other.store_id, other.till_id, other.business_date, other.sequence) FROM receipts.sales other"
        f" WHERE other.sale_id = {_A_SALE} AND sale.sale_id = (SELECT max(sale_id::text)::uuid FROM receipts.sales)",
        # Whose day it was does not matter here.
        "DELETE FROM receipts.business_days",
        "UPDATE receipts.sales SET member_id = NULL",
    ),
    "P5": (
        "UPDATE receipts.sales SET decision = jsonb_set(decision, '{lines,0,points}', '4711')"
        f" WHERE sale_id = {_A_SALE}",
    ),
    "P7": (
        "UPDATE receipts.return_lines SET quantity = quantity + 1"
        " WHERE return_id = (SELECT min(return_id::text)::uuid FROM receipts.return_lines)",
    ),
    "P7 sales": (
        "UPDATE receipts.returns SET amount_minor = amount_minor + 1"
        " WHERE return_id = (SELECT min(return_id::text)::uuid FROM receipts.returns)",
    ),
    "days": (
        "UPDATE receipts.business_days SET tier_minor = tier_minor + 1 WHERE (member_id, business_date) ="
        " (SELECT member_id, business_date FROM receipts.business_days ORDER BY 1, 2 LIMIT 1)",
    ),
}

TIERS: Final[Mapping[str, tuple[str, ...]]] = {
    "T1": (
        "UPDATE tiers.standings SET since = since - 1"
        " WHERE member_id = (SELECT min(member_id::text)::uuid FROM tiers.standings WHERE level > 0)",
    ),
    "T4": (
        "INSERT INTO tiers.reviews SELECT gen_random_uuid(), member_id, programme_id, step, due_on, effective_on,"
        " (SELECT ladder -> 'tiers' -> -1 ->> 'code' FROM tiers.ladders held"
        " WHERE held.programme_id = reviews.programme_id), to_tier, ladder_revision, reviewed_at, true"
        " FROM tiers.reviews WHERE step = 'STEPPED_DOWN' ORDER BY review_id LIMIT 1",
    ),
    "T5": (
        "ALTER TABLE tiers.grants DROP CONSTRAINT grants_rank",
        "UPDATE tiers.grants SET rank = rank_cap + 1 WHERE source = 'RANKED' AND rescinded_at IS NULL",
    ),
}

COUPONS: Final[Mapping[str, tuple[str, ...]]] = {
    "C1": (
        "ALTER TABLE coupons.offers DROP CONSTRAINT offers_quota",
        "UPDATE coupons.offers SET quota = 1, issued = 2"
        " WHERE offer_id = (SELECT min(offer_id::text)::uuid FROM coupons.offers)",
    ),
    "C1 days": (
        "ALTER TABLE coupons.offer_days DROP CONSTRAINT offer_days_quota",
        "INSERT INTO coupons.offer_days SELECT offer_id, '2026-11-12', 1, 2 FROM coupons.offers LIMIT 1",
    ),
    "C1 members": (
        "ALTER TABLE coupons.coupons DROP CONSTRAINT coupons_member_limit",
        "UPDATE coupons.coupons SET ordinal = 9"
        " WHERE coupon_id = (SELECT min(coupon_id::text)::uuid FROM coupons.coupons)",
    ),
    "C2": (
        "DROP INDEX coupons.redemptions_live_key",
        f"INSERT INTO coupons.redemptions SELECT coupon_id, {_A_SALE}, 0, '2026-11-01Z' FROM coupons.redemptions"
        f" WHERE reversed_at IS NULL AND sale_id <> {_A_SALE} LIMIT 1",
    ),
    "C2 returns": (
        f"INSERT INTO coupons.redemptions SELECT coupon_id, {_A_SALE}, 0, '2026-11-01Z', '2026-11-02Z'"
        f" FROM coupons.coupons WHERE state = 'EXPIRED' LIMIT 1",
    ),
    "C3": (
        "ALTER TABLE coupons.coupons DROP CONSTRAINT coupons_reserved",
        "UPDATE coupons.coupons SET reserved_by = gen_random_uuid() WHERE coupon_id ="
        " (SELECT min(coupon_id::text)::uuid FROM coupons.coupons WHERE state = 'EXPIRED')",
    ),
    "C6": ("UPDATE receipts.group_amounts SET used_minor = used_minor - 1 WHERE used_minor > 0",),
    "C6 counted": ("DELETE FROM receipts.group_amounts",),
    "C8": (f"UPDATE receipts.lines SET discount_minor = discount_minor + 1 WHERE sale_id = {_A_SALE}",),
}

GIFTS: Final[Mapping[str, tuple[str, ...]]] = {
    "stories": ("UPDATE gifts.gifts SET step = step + 1",),
    "I5": (
        "UPDATE inventory.claims SET pool_id = (SELECT pool_id FROM inventory.pools other"
        " WHERE other.pool_id <> claims.pool_id ORDER BY pool_id LIMIT 1)",
    ),
    "cover": ("UPDATE receipts.amounts_used SET used_minor = used_minor + 1 WHERE used_by = 'GIFT'",),
}

INVENTORY: Final[Mapping[str, tuple[str, ...]]] = {
    "I3": (
        "UPDATE inventory.pools SET confirmed = confirmed + 1 WHERE pool_id ="
        " (SELECT pool_id FROM inventory.pools WHERE confirmed + voided < total ORDER BY pool_id LIMIT 1)",
    ),
    "I4": ("UPDATE inventory.member_counts SET claimed = claimed - 1 WHERE claimed > 0",),
}

_ENTRY_OF_WAITLIST = f"""
    INSERT INTO waitlist.entries (entry_id, member_id, programme_id, store_id, counter_id, service_id, days, state,
        step, joined_at, waits_until, appointment_id, offered_at, offer_until, offered_level, lapses_at, changed_at)
    SELECT gen_random_uuid(), gen_random_uuid(), programme_id, store_id, counter_id, service_id,
        '[2026-12-01,2026-12-02)', 'OFFERED', 2, booked_at, booked_at, appointment_id, booked_at, booked_at, 0,
        booked_at, booked_at
    FROM appointments.appointments WHERE appointment_id = {_LIVE}
"""

BOOKINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "stories": (f"UPDATE appointments.appointments SET step = step + 1 WHERE appointment_id = {_LIVE}",),
    "A1": (
        "ALTER TABLE appointments.occupied DROP CONSTRAINT occupied_once",
        f"CREATE TEMPORARY TABLE copied AS SELECT * FROM appointments.appointments WHERE appointment_id = {_LIVE}",
        f"UPDATE copied SET appointment_id = {_COPIED}, uid = {_COPIED}",
        f"INSERT INTO appointments.changes SELECT {_COPIED}, step, from_state, to_state, at, actor_role, actor"
        f" FROM appointments.changes WHERE appointment_id = {_LIVE}",
        f"INSERT INTO appointments.occupied SELECT {_COPIED}, resource_id, during, live, lapses_at"
        f" FROM appointments.occupied WHERE appointment_id = {_LIVE}",
        "INSERT INTO appointments.appointments SELECT * FROM copied",
    ),
    "A3": (
        f"DELETE FROM appointments.occupied WHERE appointment_id = {_LIVE} AND resource_id ="
        f" (SELECT member_id FROM appointments.appointments WHERE appointment_id = {_LIVE})",
    ),
    "A10": (
        "ALTER TABLE appointments.occupied DROP CONSTRAINT occupied_once",
        "UPDATE appointments.occupied SET live = true WHERE appointment_id = (SELECT min(appointment_id::text)::uuid"
        " FROM appointments.appointments WHERE state = 'COMPLETED')",
    ),
    "A5": ("UPDATE appointments.appointments SET replaces = NULL",),
    "A7": (
        "ALTER TABLE appointments.appointments DROP CONSTRAINT appointments_uid_key",
        "UPDATE appointments.appointments SET sequence = 0 WHERE replaces IS NOT NULL",
    ),
    "A8": (_ENTRY_OF_WAITLIST,),
}

OUTBOX: Final[Mapping[str, tuple[str, ...]]] = {
    "order": (
        _event(1, "PENDING", "2027-11-01Z", attempts=1),
        _event(2, "DONE", "2026-11-01Z", handled="'2027-11-02Z'"),
    ),
    "dead": (_event(1, "DEAD", "2026-11-01Z", attempts=14),),
    "stuck": (_event(1, "PENDING", "2026-11-01Z"),),
}

SCHEMA: Final[Mapping[str, tuple[str, ...]]] = {
    "migrations": ("UPDATE public.schema_migrations SET checksum = 'another' WHERE version = '0005_points'",),
    "constraints": (
        "ALTER TABLE receipts.sales DROP CONSTRAINT sales_net",
        "ALTER TABLE receipts.sales ADD CONSTRAINT sales_net CHECK (net_minor >= 0) NOT VALID",
        "ALTER TABLE points.entries DROP CONSTRAINT entries_cause_key",
    ),
    "indexes": ("DROP INDEX coupons.redemptions_live_key",),
    "records": ("ALTER TABLE points.entries DISABLE TRIGGER entries_append_only",),
    "walls": ("ALTER TABLE points.entries NO FORCE ROW LEVEL SECURITY",),
}
