-- One paid look-up per key, however many ask: the first holds the lease and pays, the others wait for its result.
-- `released`: refused at no cost, may be asked again. `unknown`: cut short where a repeat might be charged twice, never
-- asked again. The key is a keyed hash: the row alone names nobody once `result` is emptied.

CREATE TABLE enrichment_requests (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    provider text NOT NULL,
    key text NOT NULL,
    state text NOT NULL DEFAULT 'leased' CHECK (state IN ('leased', 'done', 'released', 'unknown')),
    lease_until timestamptz, -- wall clock
    fence bigint NOT NULL DEFAULT 1,
    result jsonb,
    units numeric(14, 4) NOT NULL DEFAULT 0,
    requested_at timestamptz NOT NULL DEFAULT app.now(),
    finished_at timestamptz,
    valid_until timestamptz, -- business time; null while done: for ever, the person objected
    CONSTRAINT unique_enrichment_request UNIQUE (provider, key)
);
SELECT app.protect_table('enrichment_requests', tenant_reads => false);
