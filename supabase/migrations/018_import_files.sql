-- Uploaded lists: kept until they are run by a worker, which goes on where another one was cut off.

CREATE TYPE import_state AS ENUM ('uploaded', 'queued', 'running', 'finished', 'failed');
ALTER TABLE imports
    ADD COLUMN state import_state NOT NULL DEFAULT 'running',
    ADD COLUMN byte_size bigint,
    ADD COLUMN overrides jsonb NOT NULL DEFAULT '{}', -- column → field or "ignore", where a person said so
    ADD COLUMN consent jsonb, -- what the file as a whole declares
    ADD COLUMN error text;
UPDATE imports SET state = 'finished' WHERE finished_at IS NOT NULL;

CREATE TABLE import_files (
    import_id uuid PRIMARY KEY,
    client_id uuid NOT NULL,
    content bytea, -- compressed by zlib; emptied when the import is over
    lease_until timestamptz, -- wall clock; whoever runs the import prolongs it with each batch
    created_at timestamptz NOT NULL DEFAULT app.now(),
    CONSTRAINT import_files_import_fk FOREIGN KEY (client_id, import_id) REFERENCES imports (client_id, id)
);
CREATE INDEX idx_import_files_client ON import_files (client_id);
CREATE INDEX idx_imports_waiting ON imports (id) WHERE state IN ('queued', 'running');
CREATE INDEX idx_suppression_page ON client_suppression (client_id, id DESC);

SELECT app.protect_table('import_files', tenant_reads => false);
