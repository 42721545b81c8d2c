-- Gifts that wait at the counter of a visit instead of their desk, and coupons that are meant to be used there.

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

-- What an associate is shown before the member comes: it reserves nothing. No row: it is meant for no visit.
CREATE TABLE coupons.ties (
    coupon_id uuid CONSTRAINT ties_pkey PRIMARY KEY CONSTRAINT ties_coupon REFERENCES coupons.coupons,
    appointment_uid uuid NOT NULL,        -- the same through every rescheduling
    tied_at timestamptz NOT NULL
);
CREATE INDEX ties_appointment ON coupons.ties (appointment_uid);

GRANT SELECT, INSERT, UPDATE, DELETE ON coupons.ties TO membership_engine;
GRANT SELECT ON coupons.ties TO membership_reader;

ALTER TABLE coupons.ties ENABLE ROW LEVEL SECURITY;
ALTER TABLE coupons.ties FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON coupons.ties TO membership_engine USING (true) WITH CHECK (true);
-- The inner queries are held to the policies of coupons and of appointments: an associate may read the coupons of the
-- programme, but learns from none what is meant to be used at another counter.
CREATE POLICY reader ON coupons.ties FOR SELECT TO membership_reader
    USING (EXISTS (SELECT FROM coupons.coupons owner WHERE owner.coupon_id = ties.coupon_id)
        AND EXISTS (SELECT FROM appointments.appointments stop WHERE stop.uid = ties.appointment_uid));
