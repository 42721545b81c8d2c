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
    "answer discount_minor returned_discount_minor",
)
LINES = table(
    "receipts",
    "lines",
    "sale_id line_no counter_id category_id description quantity net_minor earn_minor tier_minor points "
    "returned_quantity returned_minor discount_minor returned_discount_minor",
)
TENDERS = table("receipts", "tenders", "sale_id tender_no tender_type amount_minor")
RETURNS = table(
    "receipts",
    "returns",
    "return_id sale_id kind store_id till_id business_date sequence body_hash amount_minor points_clawed_back "
    "points_given_back points_shortfall returned_at answer discount_minor",
)
RETURN_LINES = table(
    "receipts", "return_lines", "return_id line_no quantity amount_minor points_clawed_back discount_minor"
)
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

CAMPAIGNS = table(
    "campaigns",
    "campaigns",
    "campaign_id programme_id code state opens_at closes_at last_closes_at created_by created_at",
)
REVISIONS = table(
    "campaigns",
    "revisions",
    "revision_id campaign_id number status version content created_by created_at edited_by submitted_by submitted_at "
    "approved_by scheduled_at",
)
CALENDARS = table("campaigns", "calendars", "revision_id store_id calendar")
STATE_CHANGES = table("campaigns", "state_changes", "campaign_id number at actor_role actor from_state to_state")

COUPON_OFFERS = table(
    "coupons",
    "offers",
    "offer_id programme_id campaign_id campaign_code code revision_id channel state member_limit opens_at closes_at "
    "changed_at",
)
COUPONS = table(
    "coupons",
    "coupons",
    "coupon_id member_id programme_id offer_id ordinal member_limit revision_id channel state valid_from valid_until "
    "issued_at changed_at sale_id",
)
REDEMPTIONS = table("coupons", "redemptions", "coupon_id sale_id discount_minor redeemed_at reversed_at")
ISSUE_RUNS = table("coupons", "issue_runs", "offer_id pass looked_at issued started_at changed_at finished_at")

GIFT_OFFERS = table("gifts", "offers", "offer_id programme_id campaign_id revision_id rule_code")
GIFT_POOLS = table("gifts", "pools", "pool_id offer_id store_id day code counter_id closed_at")
GIFTS = table(
    "gifts",
    "gifts",
    "gift_id code member_id programme_id offer_id pool_id store_id day counter_id revision_id rule_code state step "
    "claimed_at collect_until minimum_spend_minor spend_group ready_at collected_at collected_by ended_at cause",
)
GIFT_CHANGES = table("gifts", "changes", "gift_id step from_state to_state cause at actor_role actor")

INVENTORY_OFFERS = table("inventory", "offers", "offer_id programme_id limit_per_member limit_per_member_day opened_at")
INVENTORY_POOLS = table(
    "inventory", "pools", "pool_id offer_id store_id day total confirmed voided mode epoch mode_since closed_at"
)
CLAIMS = table(
    "inventory",
    "claims",
    "claim_id pool_id offer_id member_id programme_id day state counts request_hash claimed_at ended_at",
)
MEMBER_COUNTS = table("inventory", "member_counts", "offer_id member_id programme_id day claimed most")

RESOURCES = table("appointments", "resources", "resource_id store_id counter_id kind code names")
SERVICES = table("appointments", "services", "service_id programme_id store_id counter_id code names needs rules")
SERVICE_RESOURCES = table("appointments", "service_resources", "service_id resource_id")
SHIFTS = table("appointments", "shifts", "shift_id resource_id during")
APPOINTMENTS = table(
    "appointments",
    "appointments",
    "appointment_id uid sequence visit_id member_id programme_id store_id counter_id service_id associate_id starts_at "
    "ends_at state step lapses_at held_until answer_until free_until no_show_from replaces booked_at changed_at",
)
VISITS = table("visits", "visits", "visit_id store_id campaign_id source note made_at")
OCCUPIED = table("appointments", "occupied", "appointment_id resource_id during live lapses_at")
APPOINTMENT_CHANGES = table("appointments", "changes", "appointment_id step from_state to_state at actor_role actor")

GROUP_AMOUNTS = table("receipts", "group_amounts", "sale_id line_no exclusive_group net_minor used_minor")
AMOUNTS_USED = table(
    "receipts", "amounts_used", "sale_id line_no exclusive_group used_by used_by_id used_minor used_at"
)

IN_ORDER = (
    CAMPAIGNS,
    REVISIONS,
    CALENDARS,
    STATE_CHANGES,
    COUPON_OFFERS,
    GIFT_OFFERS,
    GIFT_POOLS,
    INVENTORY_OFFERS,
    INVENTORY_POOLS,
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
    COUPONS,
    REDEMPTIONS,
    ISSUE_RUNS,
    GIFTS,
    GIFT_CHANGES,
    CLAIMS,
    MEMBER_COUNTS,
    GROUP_AMOUNTS,
    AMOUNTS_USED,
    RESOURCES,
    SERVICES,
    SERVICE_RESOURCES,
    SHIFTS,
    VISITS,
    APPOINTMENTS,
    OCCUPIED,
    APPOINTMENT_CHANGES,
)
"""As foreign keys allow."""
