-- Who calls: invitations, API keys, answers kept for repeated requests; and one question that every transaction of the
-- API asks first, so that what was taken away is gone with the next statement, whatever a cache still holds.

-- Moments here are wall time, as in the tokens: a key that has run out is refused by the machine's clock.
CREATE TABLE invitations (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
    email text NOT NULL CHECK (email = lower(email) AND email <> ''),
    role membership_role NOT NULL CHECK (role <> 'owner'),
    invited_by uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
    expires_at timestamptz NOT NULL,
    accepted_at timestamptz,
    accepted_by uuid REFERENCES users (id) ON DELETE RESTRICT,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    CONSTRAINT invitations_tenant_key UNIQUE (client_id, id),
    CONSTRAINT accepted_by_somebody CHECK ((accepted_at IS NULL) = (accepted_by IS NULL))
);
CREATE UNIQUE INDEX unique_open_invitation ON invitations (client_id, email)
    WHERE accepted_at IS NULL AND revoked_at IS NULL;
CREATE INDEX idx_invitations_email ON invitations (email) WHERE accepted_at IS NULL AND revoked_at IS NULL;

-- The secret is shown once and never stored: what stands here is its SHA-256 (256 random bits need no slow hash).
CREATE TABLE api_keys (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
    name text NOT NULL CHECK (name <> ''),
    shown text NOT NULL, -- the first characters, by which people tell their keys apart
    digest bytea NOT NULL CHECK (length(digest) = 32),
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
    created_by uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    CONSTRAINT api_keys_tenant_key UNIQUE (client_id, id),
    CONSTRAINT unique_api_key UNIQUE (digest)
);

-- The answer to a POST that named an idempotency key, for 24 hours; of one caller, who alone can meet it again.
CREATE TABLE idempotency_keys (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    caller uuid NOT NULL, -- a user or an API key
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint bytea NOT NULL, -- SHA-256 of method, path and body
    status integer,
    answer bytea,
    claimed_at timestamptz NOT NULL DEFAULT pg_catalog.now(), -- wall clock
    CONSTRAINT unique_idempotency_key UNIQUE (caller, key)
);

-- The API key of this transaction, while it holds: known, of the client that was named with it, not revoked or run out.
-- Only where no person calls: claims of a token always win.
CREATE FUNCTION app.current_api_key() RETURNS api_keys
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
AS $$
    SELECT k
    FROM public.api_keys AS k JOIN public.clients AS c ON c.id = k.client_id
    WHERE auth.uid() IS NULL
        AND k.id = nullif(current_setting('app.api_key', true), '')::uuid
        AND k.client_id = nullif(current_setting('app.client_id', true), '')::uuid
        AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > pg_catalog.now()) AND c.deleted_at IS NULL
$$;

-- The caller's account, while the auth server neither deleted nor banned it: its token may outlive it by an hour.
CREATE FUNCTION app.live_user() RETURNS TABLE (id uuid, confirmed_email text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
AS $$
    SELECT u.id, CASE WHEN u.email_confirmed_at IS NOT NULL THEN lower(u.email) END
    FROM auth.users AS u
    WHERE u.id = auth.uid() AND u.deleted_at IS NULL
        AND (u.banned_until IS NULL OR u.banned_until <= pg_catalog.now())
$$;

CREATE OR REPLACE FUNCTION public.get_user_client_ids() RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
AS $$
    SELECT coalesce(array_agg(mine.client_id), '{}')
    FROM (
        SELECT m.client_id
        FROM app.live_user() AS u
        JOIN public.memberships AS m ON m.user_id = u.id
        JOIN public.clients AS c ON c.id = m.client_id
        WHERE m.accepted_at IS NOT NULL AND m.deleted_at IS NULL AND c.deleted_at IS NULL
        UNION ALL
        SELECT k.client_id FROM app.current_api_key() AS k WHERE k.id IS NOT NULL
    ) AS mine
$$;

-- Of people alone: no key has a role.
CREATE OR REPLACE FUNCTION app.client_ids_with_role(VARIADIC roles membership_role[]) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
AS $$
    SELECT coalesce(array_agg(m.client_id), '{}')
    FROM app.live_user() AS u
    JOIN public.memberships AS m ON m.user_id = u.id
    JOIN public.clients AS c ON c.id = m.client_id
    WHERE m.role = ANY (roles) AND m.accepted_at IS NOT NULL AND m.deleted_at IS NULL AND c.deleted_at IS NULL
$$;

-- Where the caller edits what is written under ``scope``: everybody but a viewer, and a key that has that very scope.
CREATE FUNCTION app.client_ids_to_edit(scope text) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
AS $$
    SELECT app.client_ids_with_role('owner', 'admin', 'member')
        || array(SELECT k.client_id FROM app.current_api_key() AS k WHERE scope = ANY (k.scopes))
$$;

DO $$
DECLARE
    edited record;
BEGIN
    FOR edited IN SELECT * FROM (VALUES
        ('campaigns', 'campaigns:write'), ('sequence_steps', 'campaigns:write'),
        ('companies', 'leads:write'), ('leads', 'leads:write')
    ) AS t (name, scope) LOOP
        EXECUTE format(
            'ALTER POLICY editors_insert ON %I '
            'WITH CHECK (client_id = ANY ((SELECT app.client_ids_to_edit(%L))::uuid[]))', edited.name, edited.scope);
        EXECUTE format(
            'ALTER POLICY editors_update ON %1$I '
            'USING (client_id = ANY ((SELECT app.client_ids_to_edit(%2$L))::uuid[])) '
            'WITH CHECK (client_id = ANY ((SELECT app.client_ids_to_edit(%2$L))::uuid[]))', edited.name, edited.scope);
    END LOOP;
END
$$;

-- What the caller is in a client, now: a person's role, else a key's scopes; no row for a stranger.
CREATE FUNCTION app.confirm_caller(wanted uuid) RETURNS TABLE (role membership_role, scopes text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
AS $$
    SELECT m.role, NULL::text[]
    FROM app.live_user() AS u
    JOIN public.memberships AS m ON m.user_id = u.id
    JOIN public.clients AS c ON c.id = m.client_id
    WHERE m.client_id = wanted AND m.accepted_at IS NOT NULL AND m.deleted_at IS NULL AND c.deleted_at IS NULL
    UNION ALL
    SELECT NULL, k.scopes FROM app.current_api_key() AS k WHERE k.client_id = wanted
$$;

-- The caller's address as the auth server has confirmed it; null for a key, or while it is unconfirmed. Invitations go
-- by it: an address in a token could be an old one.
CREATE FUNCTION app.confirmed_email() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
AS $$
    SELECT u.confirmed_email FROM app.live_user() AS u
$$;

CREATE FUNCTION app.caller_id() RETURNS uuid
LANGUAGE sql STABLE SET search_path = ''
AS $$ SELECT coalesce(auth.uid(), nullif(current_setting('app.api_key', true), '')::uuid) $$;

-- Takes a key for this transaction: a second request with it waits for the first one's end. Returns what was kept for
-- it; no row where the caller is the first, or the first within 24 hours.
CREATE FUNCTION app.claim_idempotency_key(wanted text, request bytea)
RETURNS TABLE (fingerprint bytea, status integer, answer bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
    IF app.caller_id() IS NULL THEN
        RAISE EXCEPTION 'nobody calls' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO public.idempotency_keys AS k (caller, key, fingerprint) VALUES (app.caller_id(), wanted, request)
    ON CONFLICT ON CONSTRAINT unique_idempotency_key DO UPDATE
        SET fingerprint = excluded.fingerprint, status = NULL, answer = NULL, claimed_at = excluded.claimed_at
        WHERE k.claimed_at < pg_catalog.now() - interval '24 hours';
    IF FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT k.fingerprint, k.status, k.answer FROM public.idempotency_keys AS k
        WHERE k.caller = app.caller_id() AND k.key = wanted;
END
$$;

CREATE FUNCTION app.keep_answer(wanted text, given_status integer, given_answer bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ''
AS $$
    UPDATE public.idempotency_keys SET status = given_status, answer = given_answer
    WHERE caller = app.caller_id() AND key = wanted
$$;

-- The client and the scopes behind a presented secret, by its digest; the caller is not known before.
CREATE FUNCTION app.find_api_key(presented bytea) RETURNS TABLE (id uuid, client_id uuid, scopes text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
AS $$
    SELECT k.id, k.client_id, k.scopes
    FROM public.api_keys AS k JOIN public.clients AS c ON c.id = k.client_id
    WHERE k.digest = presented AND k.revoked_at IS NULL AND c.deleted_at IS NULL
        AND (k.expires_at IS NULL OR k.expires_at > pg_catalog.now())
$$;

REVOKE ALL ON FUNCTION
    app.current_api_key(), app.live_user(), app.client_ids_to_edit(text), app.confirm_caller(uuid),
    app.confirmed_email(), app.caller_id(),
    app.claim_idempotency_key(text, bytea), app.keep_answer(text, integer, bytea), app.find_api_key(bytea)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    app.client_ids_to_edit(text), app.confirm_caller(uuid), app.confirmed_email(), app.caller_id(),
    app.claim_idempotency_key(text, bytea), app.keep_answer(text, integer, bytea)
TO authenticated, service_role;
GRANT EXECUTE ON FUNCTION app.find_api_key(bytea) TO service_role;

-- The profile follows the account when its address changes.
CREATE FUNCTION public.handle_changed_email() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
    UPDATE public.users SET email = coalesce(NEW.email, '') WHERE id = NEW.id;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION public.handle_changed_email() FROM PUBLIC, anon, authenticated;
CREATE TRIGGER on_auth_user_email_changed AFTER UPDATE OF email ON auth.users
    FOR EACH ROW WHEN (NEW.email IS DISTINCT FROM OLD.email) EXECUTE FUNCTION public.handle_changed_email();

-- The trail names the key where a key acts.
CREATE OR REPLACE FUNCTION app.append_audit(audited_table text, verb text, changes jsonb) RETURNS void
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
            coalesce(
                auth.uid()::text, 'api_key:' || nullif(current_setting('app.api_key', true), ''),
                nullif(current_setting('role'), 'none'), session_user
            ),
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

SELECT app.protect_table(t::regclass, tenant_reads => false) FROM unnest(ARRAY[
    'invitations', 'api_keys', 'idempotency_keys'
]) AS t;
GRANT SELECT ON invitations TO authenticated;
GRANT SELECT (id, client_id, name, shown, scopes, created_by, expires_at, last_used_at, revoked_at, created_at)
    ON api_keys TO authenticated;
CREATE POLICY managers_select ON invitations FOR SELECT TO authenticated
    USING (client_id = ANY ((SELECT app.client_ids_with_role('owner', 'admin'))::uuid[]));
CREATE POLICY managers_select ON api_keys FOR SELECT TO authenticated
    USING (client_id = ANY ((SELECT app.client_ids_with_role('owner', 'admin'))::uuid[]));

SELECT app.audit_table('invitations');
SELECT app.audit_table('api_keys', 'name', 'scopes', 'created_by', 'expires_at', 'revoked_at'); -- never the digest
