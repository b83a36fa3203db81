-- Tenants, their people, and who may see what.

CREATE TABLE clients (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    name text NOT NULL CHECK (name <> ''),
    tier tier_type NOT NULL DEFAULT 'ignition',
    subscription_status subscription_status NOT NULL DEFAULT 'trialing',
    credits_remaining integer NOT NULL DEFAULT 1250 CHECK (credits_remaining >= 0),
    credits_reset_at timestamptz,
    cancelled_at timestamptz,
    default_permission_mode permission_mode NOT NULL DEFAULT 'co_pilot',
    stripe_customer_id text,
    stripe_subscription_id text,
    -- Who speaks: the Spam Act 2003 s 17 asks for accurate sender identification in every commercial message.
    sender_name text,
    abn text,
    postal_address text,
    booking_url text,
    stopped_at timestamptz,
    settings jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    deleted_at timestamptz
);
CREATE INDEX idx_clients_subscription ON clients (subscription_status);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON clients FOR EACH ROW EXECUTE FUNCTION app.set_updated_at();

CREATE TABLE users (
    id uuid PRIMARY KEY REFERENCES auth.users (id) ON DELETE RESTRICT,
    email text NOT NULL,
    full_name text,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now()
);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION app.set_updated_at();

CREATE TABLE memberships (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
    role membership_role NOT NULL DEFAULT 'member',
    invited_by uuid REFERENCES users (id) ON DELETE RESTRICT,
    accepted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    deleted_at timestamptz
);
-- Soft delete: a person who left may be invited again.
CREATE UNIQUE INDEX unique_membership ON memberships (user_id, client_id) WHERE deleted_at IS NULL;
CREATE INDEX idx_memberships_client ON memberships (client_id);

-- Platform-wide facts: the emergency stop, and the check value of the suppression key (decision 9).
CREATE TABLE platform_settings (
    key text PRIMARY KEY,
    value jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT app.now()
);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON platform_settings FOR EACH ROW EXECUTE FUNCTION app.set_updated_at();

-- The clients whose rows the caller may see. One array, computed once per statement by `= ANY ((SELECT …)::uuid[])`.
CREATE FUNCTION public.get_user_client_ids() RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
AS $$
    SELECT coalesce(array_agg(m.client_id), '{}')
    FROM public.memberships AS m
    JOIN public.clients AS c ON c.id = m.client_id
    WHERE m.user_id = auth.uid() AND m.accepted_at IS NOT NULL AND m.deleted_at IS NULL AND c.deleted_at IS NULL
$$;

-- The clients in which the caller holds one of the given roles.
CREATE FUNCTION app.client_ids_with_role(VARIADIC roles membership_role[]) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
AS $$
    SELECT coalesce(array_agg(m.client_id), '{}')
    FROM public.memberships AS m
    JOIN public.clients AS c ON c.id = m.client_id
    WHERE m.user_id = auth.uid() AND m.role = ANY (roles)
        AND m.accepted_at IS NOT NULL AND m.deleted_at IS NULL AND c.deleted_at IS NULL
$$;

REVOKE ALL ON FUNCTION public.get_user_client_ids(), app.client_ids_with_role(membership_role[]) FROM PUBLIC, anon;
GRANT EXECUTE ON FUNCTION public.get_user_client_ids(), app.client_ids_with_role(membership_role[])
    TO authenticated, service_role;

-- A profile for every account that the auth server makes.
CREATE FUNCTION public.handle_new_user() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
    INSERT INTO public.users (id, email, full_name)
    VALUES (NEW.id, coalesce(NEW.email, ''), NEW.raw_user_meta_data ->> 'full_name');
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION public.handle_new_user() FROM PUBLIC, anon, authenticated;

CREATE TRIGGER on_auth_user_created AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION public.handle_new_user();
