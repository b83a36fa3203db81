-- Seals over the audit trail: a chain of hashes per client (and one of the platform), written in batches within seconds
-- of the entries' commit. What was sealed cannot be changed, left out or put in later without the chain telling.

CREATE TABLE audit_seals (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid REFERENCES clients (id) ON DELETE RESTRICT, -- null: the platform's chain
    chain uuid NOT NULL, -- the client, or the nil UUID
    sequence bigint NOT NULL CHECK (sequence > 0),
    entries integer NOT NULL CHECK (entries > 0),
    previous_hash bytea NOT NULL, -- of the seal before; empty for the first
    hash bytea NOT NULL CHECK (length(hash) = 32),
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp(), -- wall clock
    CONSTRAINT unique_seal UNIQUE (chain, sequence),
    CONSTRAINT chain_is_the_clients CHECK (chain = coalesce(client_id, '00000000-0000-0000-0000-000000000000'))
);
CREATE INDEX idx_audit_seals_client ON audit_seals (client_id);

-- Which seal an entry is under. An entry without a row here is not sealed yet.
CREATE TABLE audit_sealed (
    audit_id uuid PRIMARY KEY REFERENCES audit_logs (id) ON DELETE RESTRICT,
    seal_id uuid NOT NULL REFERENCES audit_seals (id) ON DELETE RESTRICT,
    client_id uuid REFERENCES clients (id) ON DELETE RESTRICT
);
CREATE INDEX idx_audit_sealed_seal ON audit_sealed (seal_id);
CREATE INDEX idx_audit_sealed_client ON audit_sealed (client_id);
CREATE INDEX idx_audit_logs_page ON audit_logs (client_id, id DESC);

-- The hash of an entry: everything but the values, in one form that no other entry has.
CREATE FUNCTION app.audit_entry_hash(entry audit_logs) RETURNS bytea
LANGUAGE sql STABLE SET search_path = ''
AS $$
    SELECT sha256(convert_to(
        jsonb_build_array(
            (entry).id, (entry).client_id, (entry).actor, (entry).verb, (entry).table_name, (entry).row_id,
            (entry).fields, (entry).digests, (extract(epoch FROM (entry).created_at) * 1000000)::bigint
        )::text,
        'UTF8'
    ))
$$;

-- The hash of a seal; `content`: the hashes of its entries, one after another in the order of their ids.
CREATE FUNCTION app.audit_seal_hash(
    previous bytea, sequence bigint, entries integer, sealed_at timestamptz, content bytea
) RETURNS bytea
LANGUAGE sql STABLE SET search_path = ''
AS $$
    SELECT sha256(
        previous || int8send(sequence) || int4send(entries)
        || int8send((extract(epoch FROM sealed_at) * 1000000)::bigint) || sha256(content)
    )
$$;

-- Seals what waits: one seal per chain. Looks at entries of the last `look_back` (their ids tell the wall time), or at
-- all with null: what a longer transaction committed late is found by such a pass. One sealer at a time. Returns the
-- number of entries sealed, null while another sealer is at work.
CREATE FUNCTION app.seal_audit(look_back interval, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
    nil CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    since CONSTANT uuid := coalesce(
        rpad(lpad(to_hex((extract(epoch FROM clock_timestamp() - look_back) * 1000)::bigint), 12, '0'), 32, '0')::uuid,
        nil
    );
    moment CONSTANT timestamptz := clock_timestamp();
    sealed integer;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('agency_os.seal_audit', 0)) THEN
        RETURN NULL;
    END IF;
    WITH waiting AS MATERIALIZED (
        SELECT l.id, l.client_id, coalesce(l.client_id, nil) AS chain, app.audit_entry_hash(l) AS hash
        FROM public.audit_logs AS l
        WHERE l.id > since AND NOT EXISTS (
            -- `since` twice: else a plan made before there were statistics reads all that was ever sealed
            SELECT FROM public.audit_sealed AS s WHERE s.audit_id = l.id AND s.audit_id > since
        )
        ORDER BY l.id LIMIT most
    ),
    batch AS (
        SELECT w.chain, w.client_id, count(*)::integer AS entries, string_agg(w.hash, '' ORDER BY w.id) AS content
        FROM waiting AS w GROUP BY w.chain, w.client_id
    ),
    linked AS (
        SELECT b.chain, b.client_id, b.entries, b.content, coalesce(p.sequence, 0) + 1 AS sequence,
            coalesce(p.hash, '') AS previous
        FROM batch AS b
        LEFT JOIN LATERAL (
            SELECT s.sequence, s.hash FROM public.audit_seals AS s WHERE s.chain = b.chain
            ORDER BY s.sequence DESC LIMIT 1
        ) AS p ON true
    ),
    seal AS (
        INSERT INTO public.audit_seals (client_id, chain, sequence, entries, previous_hash, hash, sealed_at)
        SELECT l.client_id, l.chain, l.sequence, l.entries, l.previous,
            app.audit_seal_hash(l.previous, l.sequence, l.entries, moment, l.content), moment
        FROM linked AS l
        RETURNING id, chain
    )
    INSERT INTO public.audit_sealed (audit_id, seal_id, client_id)
    SELECT w.id, s.id, w.client_id FROM waiting AS w JOIN seal AS s ON s.chain = w.chain;
    GET DIAGNOSTICS sealed = ROW_COUNT;
    RETURN sealed;
END
$$;

REVOKE ALL ON FUNCTION
    app.audit_entry_hash(audit_logs), app.audit_seal_hash(bytea, bigint, integer, timestamptz, bytea),
    app.seal_audit(interval, integer)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    app.audit_entry_hash(audit_logs), app.audit_seal_hash(bytea, bigint, integer, timestamptz, bytea),
    app.seal_audit(interval, integer)
TO service_role;

SELECT app.protect_table(t::regclass, tenant_reads => false) FROM unnest(ARRAY['audit_seals', 'audit_sealed']) AS t;
REVOKE INSERT, UPDATE ON audit_seals, audit_sealed FROM service_role; -- the function alone writes them
GRANT SELECT ON audit_seals, audit_sealed TO authenticated;
CREATE POLICY managers_select ON audit_seals FOR SELECT TO authenticated
    USING (client_id = ANY ((SELECT app.client_ids_with_role('owner', 'admin'))::uuid[]));
CREATE POLICY managers_select ON audit_sealed FOR SELECT TO authenticated
    USING (client_id = ANY ((SELECT app.client_ids_with_role('owner', 'admin'))::uuid[]));
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seals
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_sealed
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_change();

-- Of what stands beside the log an erasure empties values and salts, and nothing else changes.
REVOKE UPDATE ON audit_values FROM service_role;
GRANT UPDATE (salt, values) ON audit_values TO service_role;
CREATE TRIGGER append_only BEFORE UPDATE OF audit_id, client_id OR DELETE OR TRUNCATE ON audit_values
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_change();

-- As in 008, with OFFSET 0: each row is turned into JSON once, and not again for every field of it.
CREATE OR REPLACE FUNCTION app.audit_update() RETURNS trigger
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
            SELECT to_jsonb(n) AS r, to_jsonb(o) AS before FROM new_rows AS n JOIN old_rows AS o USING (id) OFFSET 0
        ) AS rows
    ));
    RETURN NULL;
END
$$;
