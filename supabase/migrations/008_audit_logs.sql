-- The audit trail. A log row holds ids, verb, field names and salted digests, never a value; values and salts stand in
-- audit_values, which an erasure empties. The log itself only ever grows.

CREATE TABLE audit_logs (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid REFERENCES clients (id) ON DELETE RESTRICT,
    actor text NOT NULL, -- the user's id, else the database role that acted
    verb text NOT NULL CHECK (verb IN ('insert', 'update')),
    table_name text NOT NULL,
    row_id uuid NOT NULL,
    fields text[] NOT NULL,
    digests jsonb NOT NULL, -- field -> hex sha256(salt || value)
    created_at timestamptz NOT NULL DEFAULT app.now()
);
CREATE INDEX idx_audit_logs_client ON audit_logs (client_id, created_at DESC);
CREATE INDEX idx_audit_logs_row ON audit_logs (table_name, row_id);

CREATE TABLE audit_values (
    audit_id uuid PRIMARY KEY REFERENCES audit_logs (id) ON DELETE RESTRICT,
    client_id uuid REFERENCES clients (id) ON DELETE RESTRICT,
    salt bytea,
    values jsonb -- field -> new value
);
CREATE INDEX idx_audit_values_client ON audit_values (client_id);

CREATE FUNCTION app.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = ''
AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_change();

-- Appends one entry per element of `changes`: [{"row": <row as json>, "values": {field: new value}}].
CREATE FUNCTION app.append_audit(audited_table text, verb text, changes jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ''
AS $$
    WITH entry AS MATERIALIZED (
        SELECT
            app.uuid_v7() AS id,
            CASE audited_table
                WHEN 'clients' THEN (c -> 'row' ->> 'id')::uuid ELSE (c -> 'row' ->> 'client_id')::uuid
            END AS client_id,
            (c -> 'row' ->> 'id')::uuid AS row_id,
            c -> 'values' AS new_values,
            uuid_send(gen_random_uuid()) AS salt
        FROM jsonb_array_elements(changes) AS c
        WHERE c -> 'values' <> '{}'
    ),
    logged AS (
        INSERT INTO public.audit_logs (id, client_id, actor, verb, table_name, row_id, fields, digests)
        SELECT
            e.id, e.client_id,
            coalesce(auth.uid()::text, nullif(current_setting('role'), 'none'), session_user),
            verb, audited_table, e.row_id,
            array(SELECT k FROM jsonb_object_keys(e.new_values) AS k ORDER BY k),
            (
                SELECT jsonb_object_agg(f.key, encode(sha256(e.salt || convert_to(f.value::text, 'UTF8')), 'hex'))
                FROM jsonb_each(e.new_values) AS f
            )
        FROM entry AS e
    )
    INSERT INTO public.audit_values (audit_id, client_id, salt, values)
    SELECT id, client_id, salt, new_values FROM entry
$$;

-- Statement triggers: one call per statement, however many rows. Arguments, if any, name the only fields worth an entry.
CREATE FUNCTION app.audit_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
    PERFORM app.append_audit(TG_TABLE_NAME, 'insert', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'row', jsonb_build_object('id', r ->> 'id', 'client_id', r ->> 'client_id'),
            'values', (
                SELECT coalesce(jsonb_object_agg(f.key, f.value), '{}')
                FROM jsonb_each(r) AS f
                WHERE f.value <> 'null' AND f.key NOT IN ('created_at', 'updated_at')
                    AND (TG_NARGS = 0 OR f.key = ANY (TG_ARGV))
            )
        )), '[]')
        FROM (SELECT to_jsonb(n) AS r FROM new_rows AS n) AS rows
    ));
    RETURN NULL;
END
$$;

CREATE FUNCTION app.audit_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
    PERFORM app.append_audit(TG_TABLE_NAME, 'update', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'row', jsonb_build_object('id', r ->> 'id', 'client_id', r ->> 'client_id'),
            'values', (
                SELECT coalesce(jsonb_object_agg(f.key, f.value), '{}')
                FROM jsonb_each(r) AS f
                WHERE f.value IS DISTINCT FROM before -> f.key AND f.key <> 'updated_at'
                    AND (TG_NARGS = 0 OR f.key = ANY (TG_ARGV))
            )
        )), '[]')
        FROM (
            SELECT to_jsonb(n) AS r, to_jsonb(o) AS before FROM new_rows AS n JOIN old_rows AS o USING (id)
        ) AS rows
    ));
    RETURN NULL;
END
$$;

-- Puts both triggers on a table; `only_fields` limits what is logged of tables that change all the time.
CREATE FUNCTION app.audit_table(audited regclass, VARIADIC only_fields text[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SET search_path = ''
AS $$
DECLARE
    arguments text := (SELECT coalesce(string_agg(quote_literal(f), ', '), '') FROM unnest(only_fields) AS f);
BEGIN
    EXECUTE format(
        'CREATE TRIGGER audit_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows '
        'FOR EACH STATEMENT EXECUTE FUNCTION app.audit_insert(%s)', audited, arguments);
    EXECUTE format(
        'CREATE TRIGGER audit_update AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows '
        'FOR EACH STATEMENT EXECUTE FUNCTION app.audit_update(%s)', audited, arguments);
END
$$;

REVOKE ALL ON FUNCTION
    app.append_audit(text, text, jsonb), app.audit_insert(), app.audit_update(), app.refuse_change(),
    app.audit_table(regclass, text[])
FROM PUBLIC;

SELECT app.audit_table(t::regclass) FROM unnest(ARRAY[
    'clients', 'memberships', 'campaigns', 'sequence_steps', 'resources', 'companies', 'imports', 'leads', 'consents',
    'holds', 'global_suppression', 'client_suppression'
]) AS t;
SELECT app.audit_table('webhook_configs', 'url', 'events', 'is_active', 'deleted_at'); -- never the secret
