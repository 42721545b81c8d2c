"""The tables and columns that members and their histories fill. What is not named has its default."""

from membership.sample.copying import table

MEMBERS = table(
    "members",
    "members",
    "member_id status display_name_encrypted display_name_key_version birthday_month birthday_day birth_year "
    "preferred_locale joined_at",
)
IDENTITIES = table(
    "members",
    "identities",
    "identity_id member_id kind lookup_hash hash_key_version value_encrypted encryption_key_version verified_at "
    "added_at",
)
MEMBERSHIPS = table("members", "memberships", "membership_id member_id programme_id home_store_id enrolled_at")
CONSENTS = table("members", "consents", "consent_id member_id programme_id purpose granted recorded_at source")

CARDS = table(
    "cards",
    "cards",
    "card_id member_id programme_id number kind status blocked_reason replaced_by issued_at changed_at",
)
CODE_SEEDS = table("cards", "code_seeds", "serial member_id programme_id secret_encrypted key_version issued_at")

ACCOUNTS = table("points", "accounts", "member_id programme_id balance debt lifetime_earned")
ENTRIES = table(
    "points",
    "entries",
    "entry_id member_id programme_id kind debit credit points cause_event cause_item cause_revision sale_id "
    "occurred_at recorded_at business_date",
)
LOTS = table(
    "points",
    "lots",
    "lot_id member_id programme_id entry_id sale_id line_no rule revision points remaining reversed expired "
    "activates_at expires_at",
)
LOT_USES = table("points", "lot_uses", "lot_id entry_id points")
ADJUSTMENTS = table(
    "points", "adjustments", "adjustment_id member_id programme_id points reason state requested_by requested_at"
)

SALES = table(
    "receipts",
    "sales",
    "sale_id programme_id store_id till_id counter_id business_date sequence body_hash member_id state currency "
    "net_minor returned_minor points_redeemed points_returned sold_at committed_at basket inputs decision exceptions "
    "answer",
)
LINES = table(
    "receipts",
    "lines",
    "sale_id line_no counter_id category_id description quantity net_minor earn_minor tier_minor points "
    "returned_quantity returned_minor",
)
TENDERS = table("receipts", "tenders", "sale_id tender_no tender_type amount_minor")
RETURNS = table(
    "receipts",
    "returns",
    "return_id sale_id kind store_id till_id business_date sequence body_hash amount_minor points_clawed_back "
    "points_given_back points_shortfall returned_at answer",
)
RETURN_LINES = table("receipts", "return_lines", "return_id line_no quantity amount_minor points_clawed_back")
BUSINESS_DAYS = table("receipts", "business_days", "member_id programme_id business_date tier_minor base_points")

STANDINGS = table(
    "tiers",
    "standings",
    "member_id programme_id tier level since ends_on upcoming warned_tier warned_due_on review_on ladder_revision",
)
GRANTS = table(
    "tiers",
    "grants",
    "grant_id member_id programme_id tier level source criterion qualified_on starts_on ends_on ladder_revision "
    "rank rank_cap rank_period_starts_on rank_period_ends_on rank_floor_minor granted_at rescinded_at "
    "rescinded_because",
)
REVIEWS = table(
    "tiers",
    "reviews",
    "review_id member_id programme_id step due_on effective_on from_tier to_tier ladder_revision reviewed_at "
    "overturned",
)
RANK_AWARDS = table(
    "tiers",
    "rank_awards",
    "programme_id tier period_starts_on benefit_starts_on ladder_revision awarded_at",
)

IN_ORDER = (
    MEMBERS,
    IDENTITIES,
    MEMBERSHIPS,
    CONSENTS,
    CARDS,
    CODE_SEEDS,
    ACCOUNTS,
    ENTRIES,
    LOTS,
    LOT_USES,
    ADJUSTMENTS,
    SALES,
    LINES,
    TENDERS,
    RETURNS,
    RETURN_LINES,
    BUSINESS_DAYS,
    STANDINGS,
    GRANTS,
    REVIEWS,
    RANK_AWARDS,
)
"""As foreign keys allow."""
