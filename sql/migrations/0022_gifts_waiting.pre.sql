-- Gifts that wait at the counter of a visit instead of their desk.

ALTER TABLE gifts.gifts
    ADD COLUMN waits_at uuid,             -- the counter; stays once it was collected there
    ADD COLUMN waits_for uuid,            -- the appointment's UID, the same through every rescheduling
    ADD COLUMN waits_until timestamptz,   -- from then on it is at its desk again, whether or not anybody wrote it down
    ADD COLUMN desk_until timestamptz,    -- what `collect_until` would be without the visit
    ADD CONSTRAINT gifts_waits CHECK (num_nonnulls(waits_at, waits_for, waits_until, desk_until) IN (0, 4)) NOT VALID,
    ADD CONSTRAINT gifts_waits_in_time CHECK (greatest(waits_until, desk_until) <= collect_until) NOT VALID,
    -- What is given up or forfeited waits for nobody.
    ADD CONSTRAINT gifts_waits_state CHECK (waits_at IS NULL OR state NOT IN ('CANCELLED', 'FORFEITED')) NOT VALID;

-- An associate sees what waits at the counter for a visit, and what was collected there.
ALTER POLICY reader ON gifts.gifts
    USING (member_id = platform.caller_member()
        OR (platform.caller_role() = 'desk' AND store_id = platform.caller_store())
        OR (platform.caller_role() = 'associate' AND waits_at = platform.caller_counter())
        OR (platform.caller_role() IN ('member_services', 'service') AND programme_id = platform.caller_programme())
        OR platform.caller_role() = 'admin');
