-- The second wall, where it had gaps: who reads as `membership_reader` sees no more than what use cases would show them.

-- Only a member's own token speaks for a member: a claim that another role's token carries besides opens nothing.
CREATE OR REPLACE FUNCTION platform.caller_member() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN platform.caller_role() = 'member' THEN nullif(current_setting('app.member', true), '')::uuid END;
CREATE FUNCTION platform.caller_till() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN platform.caller_role() = 'till' THEN nullif(current_setting('app.till', true), '')::uuid END;

-- What a member spent, earned, claimed and answered, row by row: tills, counters and desks are told a balance and a
-- tier, and at which brand somebody bought before is not their business.
CREATE FUNCTION platform.may_read_history(member_id uuid, programme_id uuid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN member_id = platform.caller_member()
        OR (platform.caller_role() IN ('member_services', 'service') AND programme_id = platform.caller_programme())
        OR platform.caller_role() = 'admin';

ALTER POLICY reader ON points.entries USING (platform.may_read_history(member_id, programme_id));
ALTER POLICY reader ON receipts.business_days USING (platform.may_read_history(member_id, programme_id));
ALTER POLICY reader ON members.consents USING (platform.may_read_history(member_id, programme_id));
ALTER POLICY reader ON inventory.claims USING (platform.may_read_history(member_id, programme_id));
ALTER POLICY reader ON inventory.member_counts USING (platform.may_read_history(member_id, programme_id));

-- A redemption names a sale: it is seen by whoever sees that.
ALTER POLICY reader ON coupons.redemptions USING (
    EXISTS (SELECT FROM coupons.coupons owner WHERE owner.coupon_id = redemptions.coupon_id)
    AND EXISTS (SELECT FROM receipts.sales sale WHERE sale.sale_id = redemptions.sale_id)
);

-- A till is what its store's list says it is, not what its token leaves out: without a claim of a counter the token of
-- a counter's till read the whole store, which only a central cashier may.
CREATE FUNCTION receipts.is_of_callers_till(of_store uuid, of_counter uuid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN platform.caller_role() = 'till'
        AND of_store = platform.caller_store()
        AND (platform.caller_counter() IS NULL OR of_counter = platform.caller_counter())
        AND EXISTS (
            SELECT FROM stores.tills t
            WHERE t.till_id = platform.caller_till() AND t.store_id = of_store AND t.revoked_at IS NULL
                AND (t.counter_id IS NULL OR t.counter_id = of_counter)
        );

CREATE OR REPLACE FUNCTION receipts.may_read_sale(
    sale_member_id uuid, sale_programme_id uuid, sale_store_id uuid, sale_counter_id uuid
) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN sale_member_id = platform.caller_member()
        OR receipts.is_of_callers_till(sale_store_id, sale_counter_id)
        OR (platform.caller_role() = 'desk' AND sale_store_id = platform.caller_store())
        OR (
            platform.caller_role() = 'associate' AND EXISTS (
                SELECT FROM stores.counters c
                WHERE c.counter_id = sale_counter_id AND c.brand_id = platform.caller_brand()
            )
        )
        OR (
            platform.caller_role() IN ('member_services', 'service')
            AND sale_programme_id = platform.caller_programme()
        )
        OR platform.caller_role() = 'admin';

-- A quote is a till's own: its neighbours do not read what somebody is about to buy.
ALTER POLICY reader ON receipts.quotes USING (
    member_id = platform.caller_member()
    OR (till_id = platform.caller_till() AND store_id = platform.caller_store())
    OR platform.caller_role() = 'admin'
);

-- Limited units belong to a programme, and how many are left is nobody else's.
CREATE FUNCTION platform.may_read_programme(programme_id uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN programme_id = platform.caller_programme() OR platform.caller_role() = 'admin';

ALTER TABLE inventory.offers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE inventory.pools ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE gifts.offers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE gifts.pools ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON inventory.offers TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY engine ON inventory.pools TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY engine ON gifts.offers TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY engine ON gifts.pools TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON inventory.offers FOR SELECT TO membership_reader
    USING (platform.may_read_programme(programme_id));
CREATE POLICY reader ON inventory.pools FOR SELECT TO membership_reader
    USING (EXISTS (SELECT FROM inventory.offers o WHERE o.offer_id = pools.offer_id));
CREATE POLICY reader ON gifts.offers FOR SELECT TO membership_reader
    USING (platform.may_read_programme(programme_id));
CREATE POLICY reader ON gifts.pools FOR SELECT TO membership_reader
    USING (EXISTS (SELECT FROM gifts.offers o WHERE o.offer_id = pools.offer_id));

-- What a brand pays the store is between the two. Resolvers take it from memory, behind the field's own rule.
REVOKE SELECT ON stores.counters FROM membership_reader;
GRANT SELECT (counter_id, store_id, floor_id, brand_id, code) ON stores.counters TO membership_reader;

-- Lots are summed for a balance; of which sale and by which rule each one is, is history.
REVOKE SELECT ON points.lots FROM membership_reader;
GRANT SELECT (
    lot_id, member_id, programme_id, points, remaining, reversed, expired, activates_at, expires_at
) ON points.lots TO membership_reader;
