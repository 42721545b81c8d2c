-- Ladders, standings, grants, reviews, awards of ranks.

-- name: list_ladders :many
-- Every revision of every ladder, earliest first: read whole by each process.
SELECT programme_id, revision, effective_from, ladder FROM tiers.ladders
ORDER BY programme_id, effective_from, revision;

-- name: insert_ladder :maybe
-- A further revision. No row: somebody else published that revision number first.
INSERT INTO tiers.ladders (programme_id, revision, effective_from, ladder)
VALUES ($1::uuid, $2::integer, $3::date, $4::jsonb)
ON CONFLICT ON CONSTRAINT ladders_pkey DO NOTHING
RETURNING revision;

-- name: list_facts :many
-- What the fold needs of some members: their records, and their days from $3 on, earliest first. A list column is
-- NULL when there is nothing.
SELECT wanted.member_id, recorded.records, days.dates, days.tier_minor, days.base_points
FROM unnest($2::uuid[]) AS wanted (member_id)
LEFT JOIN tiers.records recorded
    ON recorded.member_id = wanted.member_id AND recorded.programme_id = $1::uuid
LEFT JOIN LATERAL (
    SELECT array_agg(day.business_date ORDER BY day.business_date) AS dates,
        array_agg(day.tier_minor ORDER BY day.business_date) AS tier_minor,
        array_agg(day.base_points ORDER BY day.business_date) AS base_points
    FROM receipts.business_days day
    WHERE day.member_id = wanted.member_id AND day.programme_id = $1::uuid AND day.business_date >= $3::date
) days ON true
ORDER BY wanted.member_id;

-- name: list_records :many
-- The records alone; no row for a member who never left the lowest tier.
SELECT member_id, records FROM tiers.records
WHERE programme_id = $1::uuid AND member_id = ANY ($2::uuid[]);

-- name: write_changes :exec
-- All that a decision changes, for one member or a batch of them, in one statement: standings as they now are,
-- grants given and taken back, steps of reviews, step-downs overturned or restored.
WITH standings AS (
    INSERT INTO tiers.standings (
        programme_id, member_id, tier, level, since, ends_on, upcoming, warned_tier, warned_due_on, review_on,
        ladder_revision
    )
    SELECT $1::uuid, entry.member_id, entry.tier, entry.level, entry.since, entry.ends_on, entry.upcoming::jsonb,
        entry.warned_tier, entry.warned_due_on, entry.review_on, entry.ladder_revision
    FROM unnest(
        $3::uuid[], $4::text[], $5::integer[], $6::date[], $7::date[], $8::text[], $9::text[], $10::date[],
        $11::date[], $12::integer[]
    ) AS entry (
        member_id, tier, level, since, ends_on, upcoming, warned_tier, warned_due_on, review_on, ladder_revision
    )
    ON CONFLICT ON CONSTRAINT standings_pkey DO UPDATE
        SET tier = excluded.tier, level = excluded.level, since = excluded.since, ends_on = excluded.ends_on,
            upcoming = excluded.upcoming, warned_tier = excluded.warned_tier,
            warned_due_on = excluded.warned_due_on, review_on = excluded.review_on,
            ladder_revision = excluded.ladder_revision
), granted AS (
    INSERT INTO tiers.grants (
        programme_id, granted_at, grant_id, member_id, tier, level, source, criterion, qualified_on, starts_on,
        ends_on, ladder_revision, rank, rank_cap, rank_period_starts_on, rank_period_ends_on, rank_floor_minor
    )
    SELECT $1::uuid, $2::timestamptz, entry.grant_id, entry.member_id, entry.tier, entry.level, entry.source,
        entry.criterion, entry.qualified_on, entry.starts_on, entry.ends_on, entry.ladder_revision, entry.rank,
        entry.rank_cap, entry.rank_period_starts_on, entry.rank_period_ends_on, entry.rank_floor_minor
    FROM unnest(
        $13::uuid[], $14::uuid[], $15::text[], $16::integer[], $17::text[], $18::text[], $19::date[], $20::date[],
        $21::date[], $22::integer[], $23::integer[], $24::integer[], $25::date[], $26::date[], $27::bigint[]
    ) AS entry (
        grant_id, member_id, tier, level, source, criterion, qualified_on, starts_on, ends_on, ladder_revision, rank,
        rank_cap, rank_period_starts_on, rank_period_ends_on, rank_floor_minor
    )
), rescinded AS (
    UPDATE tiers.grants target SET rescinded_at = $2::timestamptz, rescinded_because = entry.because
    FROM unnest($28::uuid[], $29::text[]) AS entry (grant_id, because)
    WHERE target.grant_id = entry.grant_id AND target.rescinded_at IS NULL
), overturned AS (
    UPDATE tiers.reviews target SET overturned = entry.overturned
    FROM unnest($30::uuid[], $31::boolean[]) AS entry (review_id, overturned)
    WHERE target.review_id = entry.review_id
)
INSERT INTO tiers.reviews (
    programme_id, reviewed_at, review_id, member_id, step, due_on, effective_on, from_tier, to_tier, ladder_revision,
    overturned
)
SELECT $1::uuid, $2::timestamptz, entry.review_id, entry.member_id, entry.step, entry.due_on, entry.effective_on,
    entry.from_tier, entry.to_tier, entry.ladder_revision, entry.overturned
FROM unnest(
    $32::uuid[], $33::uuid[], $34::text[], $35::date[], $36::date[], $37::text[], $38::text[], $39::integer[],
    $40::boolean[]
) AS entry (review_id, member_id, step, due_on, effective_on, from_tier, to_tier, ladder_revision, overturned)
ON CONFLICT ON CONSTRAINT reviews_once_key DO NOTHING;

-- name: list_due_for_review :many
-- Members whom the review job has to look at, the longest waiting first. Locks nothing: who is in the list is decided
-- again under the member's lock.
SELECT standing.member_id
FROM tiers.standings standing
WHERE standing.programme_id = $1::uuid AND standing.review_on <= $2::date
ORDER BY standing.review_on, standing.member_id
LIMIT $3::integer;

-- name: insert_rank_award :maybe
-- Claims the award of one period's ranks; waits for a concurrent claim to end. No row: they have been awarded.
INSERT INTO tiers.rank_awards (
    programme_id, tier, period_starts_on, benefit_starts_on, ladder_revision, awarded_at
)
VALUES ($1::uuid, $2::text, $3::date, $4::date, $5::integer, $6::timestamptz)
ON CONFLICT ON CONSTRAINT rank_awards_pkey DO NOTHING
RETURNING period_starts_on;

-- name: list_rank_awards :many
-- When the latest awarded ranks of each tier began.
SELECT tier, max(benefit_starts_on) AS benefit_starts_on FROM tiers.rank_awards
WHERE programme_id = $1::uuid
GROUP BY tier;

-- name: list_contenders :many
-- The best spenders of a period, $5 of them: by spend, then who reached it earlier, then member id. Members merged
-- into others have none left.
SELECT day.member_id, sum(day.tier_minor)::bigint AS spend_minor, max(day.business_date) AS attained_on
FROM receipts.business_days day
WHERE day.programme_id = $1::uuid AND day.business_date >= $2::date AND day.business_date < $3::date
    AND day.tier_minor > 0
GROUP BY day.member_id
HAVING sum(day.tier_minor) >= $4::bigint
ORDER BY sum(day.tier_minor) DESC, max(day.business_date), day.member_id
LIMIT $5::integer;

-- name: list_holders :many
-- Who stands on a tier.
SELECT standing.member_id FROM tiers.standings standing
WHERE standing.programme_id = $1::uuid AND standing.tier = $2::text
ORDER BY standing.member_id;

-- name: list_grants :many
-- What a member was granted, the latest first, from before grant $3 on; rescinded ones too.
SELECT given.grant_id, given.member_id, given.programme_id, given.tier, given.source, given.criterion,
    given.qualified_on, given.starts_on, given.ends_on, given.ladder_revision, given.rank, given.rank_cap,
    given.rank_period_starts_on, given.rank_period_ends_on, given.rank_floor_minor, given.granted_at,
    given.rescinded_at, given.rescinded_because
FROM tiers.grants given
WHERE given.member_id = $1::uuid AND given.programme_id = $2::uuid
    AND ($3::uuid IS NULL OR given.grant_id < $3::uuid)
ORDER BY given.grant_id DESC
LIMIT $4::integer;

-- name: list_grants_by_id :many
-- Grants by their ids.
SELECT given.grant_id, given.member_id, given.programme_id, given.tier, given.source, given.criterion,
    given.qualified_on, given.starts_on, given.ends_on, given.ladder_revision, given.rank, given.rank_cap,
    given.rank_period_starts_on, given.rank_period_ends_on, given.rank_floor_minor, given.granted_at,
    given.rescinded_at, given.rescinded_because
FROM tiers.grants given
WHERE given.grant_id = ANY ($1::uuid[]);

-- name: close_merged :exec
-- Merge: the loser stands nowhere any more; what the winner takes over is written as the winner's own.
WITH rescinded AS (
    UPDATE tiers.grants SET rescinded_at = $4::timestamptz, rescinded_because = 'MERGED'
    WHERE member_id = $2::uuid AND programme_id = $1::uuid AND rescinded_at IS NULL
)
UPDATE tiers.standings
SET tier = $3::text, level = 0, since = NULL, ends_on = NULL, upcoming = '[]', warned_tier = NULL,
    warned_due_on = NULL, review_on = NULL
WHERE member_id = $2::uuid AND programme_id = $1::uuid;
