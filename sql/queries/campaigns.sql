-- Campaigns, revisions, resolved calendars, the log of states.

-- name: insert_campaign :maybe
-- A campaign in its first state. No row: the programme has one of that code.
INSERT INTO campaigns.campaigns (campaign_id, programme_id, code, state, created_by, created_at)
VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::timestamptz)
ON CONFLICT ON CONSTRAINT campaigns_code_key DO NOTHING
RETURNING campaign_id;

-- name: lock_campaign :maybe
-- A campaign for a change of state or of a revision; what belongs to it is read by the next statement.
SELECT campaign_id, programme_id, code, state, opens_at, closes_at, created_by, created_at
FROM campaigns.campaigns WHERE campaign_id = $1::uuid
FOR UPDATE;

-- name: lock_schedule :exec
-- One campaign of a programme at a time comes into force: which groups overlap is decided on what this one sees.
SELECT pg_advisory_xact_lock(hashtextextended('campaigns.schedule/' || $1::uuid, 0));

-- name: find_campaign :maybe
-- A campaign by id, or by programme and code.
SELECT campaign_id, programme_id, code, state, opens_at, closes_at, created_by, created_at
FROM campaigns.campaigns
WHERE ($1::uuid IS NOT NULL AND campaign_id = $1::uuid)
    OR ($1::uuid IS NULL AND programme_id = $2::uuid AND code = $3::text);

-- name: list_campaigns :many
-- A programme's campaigns, the newest first; those after a key, where one is given.
SELECT campaign_id, programme_id, code, state, opens_at, closes_at, created_by, created_at
FROM campaigns.campaigns
WHERE programme_id = $1::uuid
    AND ($2::timestamptz IS NULL OR (created_at, campaign_id) < ($2::timestamptz, $3::uuid))
ORDER BY created_at DESC, campaign_id DESC
LIMIT $4::integer;

-- name: list_campaigns_by_id :many
-- Campaigns by id.
SELECT campaign_id, programme_id, code, state, opens_at, closes_at, created_by, created_at
FROM campaigns.campaigns WHERE campaign_id = ANY ($1::uuid[]);

-- name: list_campaigns_of :many
-- The campaigns that some revisions belong to.
SELECT campaign_id, programme_id, code, state, opens_at, closes_at, created_by, created_at
FROM campaigns.campaigns
WHERE campaign_id IN (SELECT campaign_id FROM campaigns.revisions WHERE revision_id = ANY ($1::uuid[]));

-- name: update_state :exec
-- A campaign's next state, and its line in the log.
WITH changed AS (
    UPDATE campaigns.campaigns SET state = $4::text WHERE campaign_id = $1::uuid RETURNING campaign_id
)
INSERT INTO campaigns.state_changes (campaign_id, number, at, actor_role, actor, from_state, to_state, reason)
SELECT $1::uuid, 1 + coalesce(max(earlier.number), 0), $2::timestamptz, $5::text, $6::text, $3::text, $4::text, $7::text
FROM campaigns.state_changes earlier WHERE earlier.campaign_id = $1::uuid;

-- name: update_opening :exec
-- When the campaign opens and closes by the revision that comes into force.
UPDATE campaigns.campaigns
SET opens_at = $2::timestamptz, closes_at = $3::timestamptz,
    last_closes_at = greatest(last_closes_at, $3::timestamptz)
WHERE campaign_id = $1::uuid;

-- name: list_state_changes :many
-- The log of some campaigns, oldest line first.
SELECT campaign_id, number, at, actor_role, actor, from_state, to_state, reason
FROM campaigns.state_changes WHERE campaign_id = ANY ($1::uuid[])
ORDER BY campaign_id, number;

-- name: insert_revision :exec
-- A draft of a campaign.
INSERT INTO campaigns.revisions (
    revision_id, campaign_id, number, status, version, content, created_by, created_at, edited_by
)
VALUES (
    $1::uuid, $2::uuid, $3::integer, $4::text, $5::integer, $6::jsonb, $7::text, $8::timestamptz, $9::text[]
);

-- name: update_revision :exec
-- A revision as it stands after an edit or a step.
UPDATE campaigns.revisions
SET status = $2::text, version = $3::integer, content = $4::jsonb, edited_by = $5::text[], submitted_by = $6::text,
    submitted_at = $7::timestamptz, approved_by = $8::text, scheduled_at = $9::timestamptz
WHERE revision_id = $1::uuid;

-- name: find_revision :maybe
-- A revision in whatever status.
SELECT revision_id, campaign_id, number, status, version, content, created_by, created_at, edited_by, submitted_by,
    submitted_at, approved_by, scheduled_at
FROM campaigns.revisions WHERE revision_id = $1::uuid;

-- name: list_revisions :many
-- All revisions of some campaigns, the first one first.
SELECT revision_id, campaign_id, number, status, version, content, created_by, created_at, edited_by, submitted_by,
    submitted_at, approved_by, scheduled_at
FROM campaigns.revisions WHERE campaign_id = ANY ($1::uuid[])
ORDER BY campaign_id, number;

-- name: insert_calendars :exec
-- A revision's calendar in each store, resolved.
INSERT INTO campaigns.calendars (revision_id, store_id, calendar)
SELECT $1::uuid, entry.store_id, entry.calendar::jsonb
FROM unnest($2::uuid[], $3::text[]) AS entry (store_id, calendar);

-- name: list_frozen_revisions :many
-- Revisions that were in force, whole, with their calendars by store.
SELECT revision.revision_id, revision.campaign_id, campaign.programme_id, campaign.code, revision.number,
    revision.content, revision.scheduled_at,
    (
        SELECT json_object_agg(resolved.store_id, resolved.calendar) FROM campaigns.calendars resolved
        WHERE resolved.revision_id = revision.revision_id
    ) AS calendars
FROM campaigns.revisions revision
JOIN campaigns.campaigns campaign USING (campaign_id)
WHERE revision.revision_id = ANY ($1::uuid[]) AND revision.status = 'SCHEDULED';

-- name: list_timelines :many
-- Of every campaign that was in force and, by any of its revisions, closes after $1: its states and its revisions with the moment each began.
SELECT campaign.campaign_id, states.changed_at, states.states, frozen.revision_ids, frozen.scheduled_at
FROM campaigns.campaigns campaign
CROSS JOIN LATERAL (
    SELECT array_agg(change.at ORDER BY change.number) AS changed_at,
        array_agg(change.to_state ORDER BY change.number) AS states
    FROM campaigns.state_changes change WHERE change.campaign_id = campaign.campaign_id
) states
CROSS JOIN LATERAL (
    SELECT array_agg(revision.revision_id ORDER BY revision.number) AS revision_ids,
        array_agg(revision.scheduled_at ORDER BY revision.number) AS scheduled_at
    FROM campaigns.revisions revision
    WHERE revision.campaign_id = campaign.campaign_id AND revision.status = 'SCHEDULED'
) frozen
WHERE campaign.last_closes_at > $1::timestamptz
ORDER BY campaign.programme_id, campaign.code;

-- name: list_in_force_between :many
-- The revisions in force of a programme's other campaigns that may be open between $3 and $4.
SELECT DISTINCT ON (campaign.campaign_id) revision.revision_id
FROM campaigns.campaigns campaign
JOIN campaigns.revisions revision USING (campaign_id)
WHERE campaign.programme_id = $1::uuid AND campaign.campaign_id <> $2::uuid
    AND campaign.state IN ('SCHEDULED', 'PAUSED') AND revision.status = 'SCHEDULED'
    AND campaign.opens_at < $4::timestamptz AND campaign.closes_at > $3::timestamptz
ORDER BY campaign.campaign_id, revision.number DESC;
