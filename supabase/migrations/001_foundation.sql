-- Enums, helper functions and the helper schema `app` (not exposed by PostgREST).
-- The roles anon, authenticated and service_role exist beforehand: Supabase's own, or the local bootstrap's.

CREATE TYPE tier_type AS ENUM ('ignition', 'velocity', 'dominance');
CREATE TYPE subscription_status AS ENUM ('trialing', 'active', 'past_due', 'cancelled', 'paused');
CREATE TYPE membership_role AS ENUM ('owner', 'admin', 'member', 'viewer');
CREATE TYPE permission_mode AS ENUM ('autopilot', 'co_pilot', 'manual');
CREATE TYPE campaign_status AS ENUM ('draft', 'active', 'paused', 'completed');
CREATE TYPE lead_status AS ENUM ('new', 'enriched', 'scored', 'in_sequence', 'converted', 'unsubscribed', 'bounced');
CREATE TYPE channel_type AS ENUM ('email', 'sms', 'linkedin', 'voice', 'mail');
CREATE TYPE intent_type AS ENUM (
    'meeting_request', 'interested', 'question', 'not_interested', 'unsubscribe', 'out_of_office', 'auto_reply'
);

CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO authenticated, service_role;

-- UUIDv7 (RFC 9562 section 5.7) on every supported server version; rows made by our own code bring theirs along. The
-- fraction of the millisecond stands behind it (section 6.2, method 3): changes of one row, one after the other, sort so.
CREATE FUNCTION app.uuid_v7() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE SET search_path = ''
AS $$
    SELECT encode(
        overlay(
            uuid_send(gen_random_uuid()) -- its variant bits are the same
            PLACING substring(int8send(t.us / 1000) FROM 3) || substring(int8send(28672 + t.us % 1000 * 4096 / 1000) FROM 7)
            FROM 1 FOR 8
        ),
        'hex'
    )::uuid
    FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us) AS t
$$;

-- The business clock of this transaction: what the caller carried in as `app.now`, else the server's clock.
CREATE FUNCTION app.now() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = ''
AS $$ SELECT coalesce(nullif(current_setting('app.now', true), '')::timestamptz, pg_catalog.now()) $$;

CREATE FUNCTION app.set_updated_at() RETURNS trigger
LANGUAGE plpgsql SET search_path = ''
AS $$
BEGIN
    NEW.updated_at := app.now();
    RETURN NEW;
END
$$;

-- The versions in the history table that both this project's runner and Supabase's keep, for readiness checks.
CREATE FUNCTION app.applied_migrations() RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
    RETURN (SELECT coalesce(array_agg(version ORDER BY version), '{}') FROM supabase_migrations.schema_migrations);
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA app FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.uuid_v7(), app.now(), app.set_updated_at() TO authenticated, service_role;
GRANT EXECUTE ON FUNCTION app.applied_migrations() TO service_role;
