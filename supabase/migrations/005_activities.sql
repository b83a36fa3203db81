-- What happened to whom. Append-only in spirit: rows are added, only learning marks are set later.

CREATE TABLE activities (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
    campaign_id uuid, -- null for a lead that is in no campaign yet
    lead_id uuid NOT NULL,
    touch_id uuid,
    channel channel_type NOT NULL,
    action text NOT NULL CHECK (action <> ''),
    provider_message_id text,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT app.now(),
    CONSTRAINT activities_campaign_fk FOREIGN KEY (client_id, campaign_id) REFERENCES campaigns (client_id, id),
    CONSTRAINT activities_lead_fk FOREIGN KEY (client_id, lead_id) REFERENCES leads (client_id, id)
);
CREATE INDEX idx_activities_client_created ON activities (client_id, created_at DESC);
CREATE INDEX idx_activities_lead_created ON activities (lead_id, created_at DESC);
CREATE INDEX idx_activities_campaign_channel ON activities (campaign_id, channel, action);
CREATE INDEX idx_activities_thread ON activities (lead_id, channel, provider_message_id)
    WHERE provider_message_id IS NOT NULL;
