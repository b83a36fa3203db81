-- Touches and what their lawful once-only sending stands on: quota, batches and the ledger (DESIGN section 4).

CREATE TYPE touch_kind AS ENUM ('sequence', 'answer', 'task');
CREATE TYPE touch_state AS ENUM (
    'planned', 'awaiting_approval', 'ready', 'claimed', 'sending', 'sent', 'failed', 'unknown', 'skipped', 'cancelled'
);

-- A provider's batch call: frozen membership, frozen bytes, a key of its own.
CREATE TABLE send_batches (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
    provider text NOT NULL,
    key text NOT NULL,
    touch_ids uuid[] NOT NULL CHECK (cardinality(touch_ids) > 0), -- in the order of the request body
    payload_hash text NOT NULL,
    first_sent_at timestamptz NOT NULL, -- business clock: the provider's key window counts from here
    created_at timestamptz NOT NULL DEFAULT app.now(),
    CONSTRAINT send_batches_tenant_key UNIQUE (client_id, id),
    CONSTRAINT unique_send_batch_key UNIQUE (provider, key)
);
CREATE INDEX idx_send_batches_client ON send_batches (client_id);

CREATE TABLE touches (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
    campaign_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    kind touch_kind NOT NULL DEFAULT 'sequence',
    channel channel_type NOT NULL,
    sequence_step_id uuid,
    step integer,
    answers_event_id uuid, -- the inbound event that an answer answers
    resource_id uuid,
    state touch_state NOT NULL DEFAULT 'planned',
    reason text,
    due_at timestamptz NOT NULL,
    not_before timestamptz, -- a guard's or provider's "not now"
    eligible_at timestamptz GENERATED ALWAYS AS (greatest(due_at, not_before)) STORED,
    expires_at timestamptz,

    payload jsonb, -- frozen text, headers, recipient and sender
    payload_hash text,
    frozen_at timestamptz,
    approved_hash text,
    approved_by uuid REFERENCES users (id) ON DELETE RESTRICT,
    approved_at timestamptz,

    attempt integer NOT NULL DEFAULT 1 CHECK (attempt >= 1), -- rises only on a definite refusal
    fence bigint NOT NULL DEFAULT 0,
    lease_until timestamptz, -- wall clock
    claimed_at timestamptz,
    sending_at timestamptz,
    batch_id uuid,

    provider text,
    provider_message_id text,
    rfc_message_id text,
    sent_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),

    CONSTRAINT touches_tenant_key UNIQUE (client_id, id),
    CONSTRAINT touches_campaign_fk FOREIGN KEY (client_id, campaign_id) REFERENCES campaigns (client_id, id),
    CONSTRAINT touches_lead_fk FOREIGN KEY (client_id, lead_id) REFERENCES leads (client_id, id),
    CONSTRAINT touches_step_fk FOREIGN KEY (client_id, sequence_step_id) REFERENCES sequence_steps (client_id, id),
    CONSTRAINT touches_resource_fk FOREIGN KEY (client_id, resource_id) REFERENCES resources (client_id, id),
    CONSTRAINT touches_batch_fk FOREIGN KEY (client_id, batch_id) REFERENCES send_batches (client_id, id),
    CONSTRAINT sequence_touch_has_step CHECK (kind <> 'sequence' OR (sequence_step_id IS NOT NULL AND step IS NOT NULL)),
    CONSTRAINT answer_touch_has_event CHECK (kind <> 'answer' OR answers_event_id IS NOT NULL),
    CONSTRAINT frozen_before_ready CHECK (
        state IN ('planned', 'skipped', 'cancelled') OR (payload IS NOT NULL AND payload_hash IS NOT NULL)
    )
);
-- Invariant 2: at most one sequence touch per client, lead, campaign, step and channel; one answer per message.
CREATE UNIQUE INDEX unique_sequence_touch ON touches (client_id, lead_id, campaign_id, step, channel)
    WHERE kind = 'sequence';
CREATE UNIQUE INDEX unique_answer_touch ON touches (answers_event_id) WHERE kind = 'answer';
CREATE INDEX idx_touches_queue ON touches (client_id, channel, eligible_at, id) WHERE state = 'ready';
CREATE INDEX idx_touches_planned ON touches (client_id, channel, eligible_at, id) WHERE state = 'planned';
CREATE INDEX idx_touches_in_flight ON touches (lease_until) WHERE state IN ('claimed', 'sending');
CREATE INDEX idx_touches_lead ON touches (lead_id, state);
CREATE INDEX idx_touches_campaign ON touches (campaign_id, state);
CREATE INDEX idx_touches_provider_message ON touches (provider, provider_message_id)
    WHERE provider_message_id IS NOT NULL;
CREATE INDEX idx_touches_rfc_message ON touches (rfc_message_id) WHERE rfc_message_id IS NOT NULL;
CREATE INDEX idx_touches_batch ON touches (batch_id) WHERE batch_id IS NOT NULL;
CREATE TRIGGER set_updated_at BEFORE UPDATE ON touches FOR EACH ROW EXECUTE FUNCTION app.set_updated_at();

ALTER TABLE activities
    ADD CONSTRAINT activities_touch_fk FOREIGN KEY (client_id, touch_id) REFERENCES touches (client_id, id);
CREATE INDEX idx_activities_touch ON activities (touch_id) WHERE touch_id IS NOT NULL;

-- Quota is one row per touch and attempt: the truth behind every daily and rolling limit (decision 12).
CREATE TABLE resource_usage (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL,
    resource_id uuid NOT NULL,
    touch_id uuid NOT NULL,
    attempt integer NOT NULL,
    used_on date NOT NULL, -- the resource's local day
    used_at timestamptz NOT NULL DEFAULT app.now(),
    released_at timestamptz,
    CONSTRAINT resource_usage_resource_fk FOREIGN KEY (client_id, resource_id) REFERENCES resources (client_id, id),
    CONSTRAINT resource_usage_touch_fk FOREIGN KEY (client_id, touch_id) REFERENCES touches (client_id, id),
    CONSTRAINT unique_resource_usage UNIQUE (touch_id, attempt)
);
CREATE INDEX idx_resource_usage_day ON resource_usage (resource_id, used_on) WHERE released_at IS NULL;
CREATE INDEX idx_resource_usage_client ON resource_usage (client_id);

-- The ledger of money: reserved before a paid call, settled after it. A$.
CREATE TABLE cost_entries (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
    provider text NOT NULL,
    operation text NOT NULL,
    key text NOT NULL, -- idempotency or look-up key of the paid call
    units numeric(14, 4) NOT NULL DEFAULT 1,
    reserved_aud numeric(14, 6) NOT NULL DEFAULT 0,
    settled_aud numeric(14, 6),
    lead_id uuid,
    touch_id uuid,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    settled_at timestamptz,
    CONSTRAINT cost_entries_lead_fk FOREIGN KEY (client_id, lead_id) REFERENCES leads (client_id, id),
    CONSTRAINT cost_entries_touch_fk FOREIGN KEY (client_id, touch_id) REFERENCES touches (client_id, id)
);
CREATE UNIQUE INDEX unique_cost_of_touch ON cost_entries (provider, key, touch_id) WHERE touch_id IS NOT NULL;
CREATE UNIQUE INDEX unique_cost_of_lookup ON cost_entries (client_id, provider, operation, key, lead_id)
    WHERE touch_id IS NULL;
CREATE INDEX idx_cost_entries_client ON cost_entries (client_id, created_at DESC);

SELECT app.protect_table(t::regclass) FROM unnest(ARRAY['touches', 'resource_usage']) AS t;
SELECT app.protect_table(t::regclass, tenant_reads => false) FROM unnest(ARRAY['send_batches', 'cost_entries']) AS t;
SELECT app.audit_table('touches', 'state', 'reason', 'approved_by', 'approved_hash', 'provider_message_id');
