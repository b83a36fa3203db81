-- The ideal customer profile of an agency, its offer, and the customers it has already won (blueprint Phase 11).

ALTER TABLE clients
    ADD COLUMN website_url text,
    ADD COLUMN company_description text,
    ADD COLUMN services_offered text[],
    ADD COLUMN years_in_business integer,
    ADD COLUMN team_size integer,
    ADD COLUMN value_proposition text,
    ADD COLUMN default_offer text,
    ADD COLUMN icp_industries text[],
    ADD COLUMN icp_company_sizes text[],
    ADD COLUMN icp_revenue_range text,
    ADD COLUMN icp_locations text[],
    ADD COLUMN icp_titles text[],
    ADD COLUMN icp_pain_points text[],
    ADD COLUMN als_weights jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN icp_extracted_at timestamptz,
    ADD COLUMN icp_extraction_source text,
    ADD COLUMN icp_confirmed_at timestamptz;

CREATE TABLE client_portfolio (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
    company_name text NOT NULL,
    company_domain text,
    company_industry text,
    company_size text,
    company_location text,
    source text,
    enriched_data jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT app.now(),
    deleted_at timestamptz,
    CONSTRAINT client_portfolio_tenant_key UNIQUE (client_id, id)
);
CREATE INDEX idx_client_portfolio_client ON client_portfolio (client_id);

SELECT app.protect_table('client_portfolio');
SELECT app.audit_table('client_portfolio');
