-- What was recorded stays recorded: returns as the tills told them, sales but for what becomes of them, and the audit
-- trail, which administrators read and nobody changes.

CREATE TRIGGER returns_append_only BEFORE UPDATE OR DELETE ON receipts.returns
    FOR EACH ROW EXECUTE FUNCTION platform.refuse_change();
CREATE TRIGGER returns_never_truncated BEFORE TRUNCATE ON receipts.returns
    FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();
CREATE TRIGGER return_lines_append_only BEFORE UPDATE OR DELETE ON receipts.return_lines
    FOR EACH ROW EXECUTE FUNCTION platform.refuse_change();
CREATE TRIGGER return_lines_never_truncated BEFORE TRUNCATE ON receipts.return_lines
    FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- Of a receipt only what returns and a late card make of it: never its number, its amounts or what the till was told.
REVOKE UPDATE ON receipts.sales, receipts.lines FROM membership_engine;
GRANT UPDATE (member_id, attached_at, inputs, decision, state, returned_minor, returned_discount_minor, points_returned)
    ON receipts.sales TO membership_engine;
GRANT UPDATE (earn_minor, tier_minor, points, returned_quantity, returned_minor, returned_discount_minor)
    ON receipts.lines TO membership_engine;

-- There is no policy to change or delete, so that a right granted by mistake still reaches no row.
ALTER TABLE platform.audit_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform.audit_entries FORCE ROW LEVEL SECURITY;
CREATE POLICY engine_reads ON platform.audit_entries FOR SELECT TO membership_engine USING (true);
CREATE POLICY engine_adds ON platform.audit_entries FOR INSERT TO membership_engine WITH CHECK (true);
CREATE POLICY reader ON platform.audit_entries FOR SELECT TO membership_reader
    USING (platform.caller_role() = 'admin');
GRANT SELECT ON platform.audit_entries TO membership_reader;

-- A login that owns nothing looks here whether the schema is complete.
GRANT SELECT ON public.schema_migrations TO membership_engine, membership_reader;
