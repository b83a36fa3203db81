-- How far each mailbox of a client has been read: a server numbers its messages (UID), and names the numbering
-- (UIDVALIDITY), so that a new one is told.

CREATE TABLE mailbox_positions (
    resource_id uuid PRIMARY KEY,
    client_id uuid NOT NULL,
    uid_validity bigint NOT NULL,
    last_uid bigint NOT NULL CHECK (last_uid >= 0),
    caught_up_at timestamptz NOT NULL, -- wall clock
    anew_since timestamptz, -- wall clock; while the folder is read again after its numbering changed
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    CONSTRAINT mailbox_positions_resource_fk FOREIGN KEY (client_id, resource_id) REFERENCES resources (client_id, id)
);
CREATE INDEX idx_mailbox_positions_client ON mailbox_positions (client_id);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON mailbox_positions
FOR EACH ROW EXECUTE FUNCTION app.set_updated_at();

SELECT app.protect_table('mailbox_positions', tenant_reads => false);
