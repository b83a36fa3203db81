-- Where a client wants to be told of events. The secret is stored by the service alone and never read by a tenant.

CREATE TABLE webhook_configs (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
    url text NOT NULL CHECK (url ~ '^https://'),
    events text[] NOT NULL DEFAULT '{}',
    secret text NOT NULL,
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    deleted_at timestamptz,
    CONSTRAINT webhook_configs_tenant_key UNIQUE (client_id, id)
);
CREATE INDEX idx_webhook_configs_client ON webhook_configs (client_id) WHERE deleted_at IS NULL;
CREATE TRIGGER set_updated_at BEFORE UPDATE ON webhook_configs FOR EACH ROW EXECUTE FUNCTION app.set_updated_at();
