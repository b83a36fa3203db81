-- What lists of leads are sorted and found by. Under row-level security only leakproof comparisons reach an index: of
-- uuid, integer and text they are, of enums and lower() they are not, and COALESCE counts as leaky where CASE does not; so
-- an address is compared as it is stored, and a lead without a score stands below 0 by CASE.

CREATE INDEX idx_leads_by_score ON leads (client_id, (CASE WHEN als_score IS NULL THEN -1 ELSE als_score END) DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX idx_leads_by_address ON leads (client_id, email COLLATE "C")
    WHERE deleted_at IS NULL AND email IS NOT NULL;
CREATE INDEX idx_touches_by_lead ON touches (client_id, lead_id, id DESC);
CREATE INDEX idx_touches_by_campaign ON touches (client_id, campaign_id, id DESC);
