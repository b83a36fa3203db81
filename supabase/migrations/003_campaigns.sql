-- Campaigns with their channel shares, the sequence of steps, and the resources (senders) with their limits.

CREATE TABLE campaigns (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
    name text NOT NULL CHECK (name <> ''),
    description text,
    status campaign_status NOT NULL DEFAULT 'draft',
    allocation_email integer NOT NULL DEFAULT 100 CHECK (allocation_email BETWEEN 0 AND 100),
    allocation_sms integer NOT NULL DEFAULT 0 CHECK (allocation_sms BETWEEN 0 AND 100),
    allocation_linkedin integer NOT NULL DEFAULT 0 CHECK (allocation_linkedin BETWEEN 0 AND 100),
    allocation_voice integer NOT NULL DEFAULT 0 CHECK (allocation_voice BETWEEN 0 AND 100),
    allocation_mail integer NOT NULL DEFAULT 0 CHECK (allocation_mail BETWEEN 0 AND 100),
    activated_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    deleted_at timestamptz,
    CONSTRAINT campaigns_tenant_key UNIQUE (client_id, id),
    CONSTRAINT allocation_sums_to_100 CHECK (
        allocation_email + allocation_sms + allocation_linkedin + allocation_voice + allocation_mail = 100
    )
);
CREATE INDEX idx_campaigns_client ON campaigns (client_id, status);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON campaigns FOR EACH ROW EXECUTE FUNCTION app.set_updated_at();

CREATE TABLE sequence_steps (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL,
    campaign_id uuid NOT NULL,
    step integer NOT NULL CHECK (step BETWEEN 1 AND 50),
    channel channel_type NOT NULL,
    day_offset integer NOT NULL CHECK (day_offset BETWEEN 0 AND 365), -- business days after the first step
    subject_template text,
    body_template text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    deleted_at timestamptz,
    CONSTRAINT sequence_steps_tenant_key UNIQUE (client_id, id),
    CONSTRAINT sequence_steps_campaign_fk FOREIGN KEY (client_id, campaign_id) REFERENCES campaigns (client_id, id)
);
CREATE UNIQUE INDEX unique_sequence_step ON sequence_steps (campaign_id, step, channel) WHERE deleted_at IS NULL;
CREATE INDEX idx_sequence_steps_client ON sequence_steps (client_id);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON sequence_steps FOR EACH ROW EXECUTE FUNCTION app.set_updated_at();

CREATE TYPE resource_kind AS ENUM ('domain', 'mailbox', 'seat', 'number');

-- A sender: an email domain, a mailbox, a LinkedIn seat or a phone number, with its own daily limit (blueprint Part 6).
CREATE TABLE resources (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
    kind resource_kind NOT NULL,
    channel channel_type NOT NULL,
    address text NOT NULL CHECK (address <> ''), -- the domain, mailbox, profile or E.164 number
    sender_email text,
    sender_name text,
    provider text NOT NULL,
    daily_limit integer NOT NULL CHECK (daily_limit >= 0),
    time_zone text NOT NULL DEFAULT 'Australia/Sydney',
    paused_at timestamptz,
    paused_reason text,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    deleted_at timestamptz,
    CONSTRAINT resources_tenant_key UNIQUE (client_id, id)
);
-- A limit belongs to the sender itself, so one sender cannot stand in two tenants.
CREATE UNIQUE INDEX unique_resource_address ON resources (kind, lower(address)) WHERE deleted_at IS NULL;
CREATE INDEX idx_resources_client ON resources (client_id, channel);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON resources FOR EACH ROW EXECUTE FUNCTION app.set_updated_at();
