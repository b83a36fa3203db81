-- Row-level security: the second wall behind the repositories. Policies by role and verb; what a tenant may write is
-- further narrowed by column grants, so that plan, credits, status, consent, ledger and audit change only through the
-- service role. Nobody may DELETE: rows are soft-deleted. Supabase grants everything in `public` to its API roles by
-- default, so everything is taken back first.

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM anon, authenticated, service_role;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;

-- Enables RLS, lets members read and the service role read and write. Later migrations call it for their own tables.
CREATE FUNCTION app.protect_table(protected regclass, tenant_reads boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SET search_path = ''
AS $$
BEGIN
    EXECUTE format('REVOKE ALL ON %s FROM anon, authenticated, service_role', protected);
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', protected);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %s TO service_role', protected);
    -- Supabase's service_role bypasses RLS; one made by hand may not.
    EXECUTE format('CREATE POLICY service_all ON %s TO service_role USING (true) WITH CHECK (true)', protected);
    IF tenant_reads THEN
        EXECUTE format('GRANT SELECT ON %s TO authenticated', protected);
        EXECUTE format(
            'CREATE POLICY tenant_select ON %s FOR SELECT TO authenticated '
            'USING (client_id = ANY ((SELECT public.get_user_client_ids())::uuid[]))', protected);
    END IF;
END
$$;
REVOKE ALL ON FUNCTION app.protect_table(regclass, boolean) FROM PUBLIC;

SELECT app.protect_table(t::regclass) FROM unnest(ARRAY[
    'memberships', 'campaigns', 'sequence_steps', 'resources', 'companies', 'imports', 'import_rows', 'leads',
    'consents', 'holds', 'activities'
]) AS t;
-- Own policies below, or none: hashes of addresses, secrets and platform facts are for the service alone.
SELECT app.protect_table(t::regclass, tenant_reads => false) FROM unnest(ARRAY[
    'clients', 'users', 'platform_settings', 'global_suppression', 'client_suppression', 'webhook_configs',
    'audit_logs', 'audit_values'
]) AS t;
-- Only the triggers write the trail: nobody can forge an entry, nor leave one out. An erasure empties the values.
REVOKE INSERT, UPDATE ON audit_logs FROM service_role;
REVOKE INSERT ON audit_values FROM service_role;

GRANT SELECT ON clients, users, audit_logs, audit_values TO authenticated;
GRANT SELECT (id, client_id, url, events, is_active, created_at, updated_at, deleted_at) ON webhook_configs
    TO authenticated;

CREATE POLICY tenant_select ON clients FOR SELECT TO authenticated
    USING (id = ANY ((SELECT public.get_user_client_ids())::uuid[]));
CREATE POLICY fellow_select ON users FOR SELECT TO authenticated
    USING (
        id = (SELECT auth.uid())
        OR id IN (
            SELECT m.user_id FROM memberships AS m
            WHERE m.client_id = ANY ((SELECT public.get_user_client_ids())::uuid[]) AND m.deleted_at IS NULL
        )
    );
CREATE POLICY managers_select ON webhook_configs FOR SELECT TO authenticated
    USING (client_id = ANY ((SELECT app.client_ids_with_role('owner', 'admin'))::uuid[]));
CREATE POLICY managers_select ON audit_logs FOR SELECT TO authenticated
    USING (client_id = ANY ((SELECT app.client_ids_with_role('owner', 'admin'))::uuid[]));
CREATE POLICY managers_select ON audit_values FOR SELECT TO authenticated
    USING (client_id = ANY ((SELECT app.client_ids_with_role('owner', 'admin'))::uuid[]));

-- Owners and admins edit the agency's own description; plan, credits and stops are not theirs to write.
GRANT UPDATE (name, default_permission_mode, sender_name, abn, postal_address, booking_url) ON clients TO authenticated;
CREATE POLICY managers_update ON clients FOR UPDATE TO authenticated
    USING (id = ANY ((SELECT app.client_ids_with_role('owner', 'admin'))::uuid[]))
    WITH CHECK (id = ANY ((SELECT app.client_ids_with_role('owner', 'admin'))::uuid[]));

-- Everybody but a viewer edits campaigns, steps and what is known of a lead.
GRANT INSERT (
    id, client_id, name, description, permission_mode, allocation_email, allocation_sms, allocation_linkedin,
    allocation_voice, allocation_mail
), UPDATE (
    name, description, permission_mode, allocation_email, allocation_sms, allocation_linkedin, allocation_voice,
    allocation_mail, deleted_at
) ON campaigns TO authenticated;
GRANT INSERT (id, client_id, campaign_id, step, channel, day_offset, subject_template, body_template),
    UPDATE (step, channel, day_offset, subject_template, body_template, deleted_at)
    ON sequence_steps TO authenticated;
GRANT INSERT (id, client_id, key, name, domain), UPDATE (name, domain) ON companies TO authenticated;
GRANT INSERT (
    id, client_id, campaign_id, company_id, email, phone, first_name, last_name, title, company, linkedin_url, domain,
    state, time_zone
), UPDATE (
    email, phone, first_name, last_name, title, company, linkedin_url, domain, state, time_zone, deleted_at
) ON leads TO authenticated;

DO $$
DECLARE
    edited text;
BEGIN
    FOREACH edited IN ARRAY ARRAY['campaigns', 'sequence_steps', 'companies', 'leads'] LOOP
        EXECUTE format(
            'CREATE POLICY editors_insert ON %I FOR INSERT TO authenticated WITH CHECK '
            '(client_id = ANY ((SELECT app.client_ids_with_role(''owner'', ''admin'', ''member''))::uuid[]))', edited);
        EXECUTE format(
            'CREATE POLICY editors_update ON %I FOR UPDATE TO authenticated '
            'USING (client_id = ANY ((SELECT app.client_ids_with_role(''owner'', ''admin'', ''member''))::uuid[])) '
            'WITH CHECK (client_id = ANY ((SELECT app.client_ids_with_role(''owner'', ''admin'', ''member''))::uuid[]))',
            edited);
    END LOOP;
END
$$;
