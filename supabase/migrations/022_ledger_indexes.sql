-- The ledger's own updates: a look-up by its key, and what is still open of touches.

CREATE INDEX idx_cost_entries_lookup ON cost_entries (provider, key) WHERE touch_id IS NULL;
CREATE INDEX idx_cost_entries_open_touch ON cost_entries (touch_id) WHERE settled_at IS NULL;
