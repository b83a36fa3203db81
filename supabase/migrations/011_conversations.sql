-- What comes in: provider events, conversations, messages and meetings.

CREATE TABLE inbound_events (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    provider text NOT NULL,
    event_id text NOT NULL,
    client_id uuid REFERENCES clients (id) ON DELETE RESTRICT, -- null until matched
    lead_id uuid,
    touch_id uuid,
    kind text NOT NULL, -- the provider's event type, 'inbound' for a message
    body bytea NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT app.now(),
    state text NOT NULL DEFAULT 'received' CHECK (state IN ('received', 'processed', 'unmatched', 'failed')),
    outcome text, -- how it was read, in one word
    error text,
    tries integer NOT NULL DEFAULT 0,
    retry_at timestamptz, -- wall clock
    processed_at timestamptz,
    CONSTRAINT unique_inbound_event UNIQUE (provider, event_id),
    CONSTRAINT inbound_events_tenant_key UNIQUE (client_id, id),
    CONSTRAINT inbound_events_lead_fk FOREIGN KEY (client_id, lead_id) REFERENCES leads (client_id, id),
    CONSTRAINT inbound_events_touch_fk FOREIGN KEY (client_id, touch_id) REFERENCES touches (client_id, id)
);
CREATE INDEX idx_inbound_events_queue ON inbound_events (occurred_at, id) WHERE state = 'received';
CREATE INDEX idx_inbound_events_client ON inbound_events (client_id, received_at DESC);

CREATE TABLE conversations (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    campaign_id uuid,
    channel channel_type NOT NULL,
    needs_person boolean NOT NULL DEFAULT false,
    needs_person_reason text,
    last_message_at timestamptz NOT NULL DEFAULT app.now(),
    last_answered_at timestamptz, -- last automatic answer: at most one in 24 h (invariant 16)
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    CONSTRAINT conversations_tenant_key UNIQUE (client_id, id),
    CONSTRAINT unique_conversation UNIQUE (client_id, lead_id, channel),
    CONSTRAINT conversations_lead_fk FOREIGN KEY (client_id, lead_id) REFERENCES leads (client_id, id),
    CONSTRAINT conversations_campaign_fk FOREIGN KEY (client_id, campaign_id) REFERENCES campaigns (client_id, id)
);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON conversations FOR EACH ROW EXECUTE FUNCTION app.set_updated_at();

CREATE TABLE messages (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    direction text NOT NULL CHECK (direction IN ('in', 'out')),
    touch_id uuid,
    inbound_event_id uuid,
    subject text,
    body text NOT NULL DEFAULT '',
    intent intent_type,
    reading jsonb NOT NULL DEFAULT '{}', -- kind, confidence and evidence of how it was read
    rfc_message_id text,
    occurred_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    CONSTRAINT messages_tenant_key UNIQUE (client_id, id),
    CONSTRAINT messages_conversation_fk FOREIGN KEY (client_id, conversation_id) REFERENCES conversations (client_id, id),
    CONSTRAINT messages_touch_fk FOREIGN KEY (client_id, touch_id) REFERENCES touches (client_id, id),
    CONSTRAINT messages_event_fk FOREIGN KEY (client_id, inbound_event_id) REFERENCES inbound_events (client_id, id)
);
CREATE UNIQUE INDEX unique_message_of_event ON messages (inbound_event_id) WHERE inbound_event_id IS NOT NULL;
CREATE UNIQUE INDEX unique_message_of_touch ON messages (touch_id) WHERE touch_id IS NOT NULL;
CREATE INDEX idx_messages_conversation ON messages (client_id, conversation_id, occurred_at);

ALTER TABLE touches ADD CONSTRAINT touches_event_fk
    FOREIGN KEY (client_id, answers_event_id) REFERENCES inbound_events (client_id, id);

CREATE TABLE meetings (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    campaign_id uuid,
    touch_id uuid, -- the message whose link was followed
    provider text NOT NULL,
    provider_uid text NOT NULL,
    status text NOT NULL CHECK (status IN ('booked', 'rescheduled', 'cancelled', 'held', 'no_show')),
    title text,
    starts_at timestamptz,
    ends_at timestamptz,
    attendee_email text,
    provider_updated_at timestamptz NOT NULL, -- the newest event decides, in whatever order they come
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    CONSTRAINT meetings_tenant_key UNIQUE (client_id, id),
    CONSTRAINT unique_meeting UNIQUE (provider, provider_uid),
    CONSTRAINT meetings_lead_fk FOREIGN KEY (client_id, lead_id) REFERENCES leads (client_id, id),
    CONSTRAINT meetings_campaign_fk FOREIGN KEY (client_id, campaign_id) REFERENCES campaigns (client_id, id),
    CONSTRAINT meetings_touch_fk FOREIGN KEY (client_id, touch_id) REFERENCES touches (client_id, id)
);
CREATE INDEX idx_meetings_lead ON meetings (client_id, lead_id);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON meetings FOR EACH ROW EXECUTE FUNCTION app.set_updated_at();

SELECT app.protect_table(t::regclass) FROM unnest(ARRAY['conversations', 'messages', 'meetings']) AS t;
-- The raw bytes of provider events are for the service alone.
SELECT app.protect_table('inbound_events', tenant_reads => false);
SELECT app.audit_table('meetings');
SELECT app.audit_table('conversations', 'needs_person', 'needs_person_reason');
