-- A look-up whose answer comes later, by the provider's callback: handed over and charged, not answered yet. Who asks
-- meanwhile waits as for a lease; after `answer_by` it counts as unknown, and a late answer is stored all the same.

ALTER TABLE enrichment_requests DROP CONSTRAINT enrichment_requests_state_check;
ALTER TABLE enrichment_requests ADD CONSTRAINT enrichment_requests_state_check
    CHECK (state IN ('leased', 'waiting', 'done', 'released', 'unknown'));
ALTER TABLE enrichment_requests ADD COLUMN answer_by timestamptz; -- business time; set while waiting
