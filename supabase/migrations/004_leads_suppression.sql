-- Companies, leads, imports, consent, holds and suppression.

CREATE TABLE companies (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
    key text NOT NULL, -- the registrable domain (never a free-mail one), else the normalised name
    name text,
    domain text,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    deleted_at timestamptz,
    CONSTRAINT companies_tenant_key UNIQUE (client_id, id)
);
CREATE UNIQUE INDEX unique_company_per_client ON companies (client_id, key) WHERE deleted_at IS NULL;
CREATE TRIGGER set_updated_at BEFORE UPDATE ON companies FOR EACH ROW EXECUTE FUNCTION app.set_updated_at();

CREATE TABLE imports (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
    campaign_id uuid,
    file_name text NOT NULL,
    mapping jsonb NOT NULL DEFAULT '{}',
    rows_read integer NOT NULL DEFAULT 0,
    rows_accepted integer NOT NULL DEFAULT 0,
    rows_left_out integer NOT NULL DEFAULT 0,
    finished_at timestamptz,
    undone_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    CONSTRAINT imports_tenant_key UNIQUE (client_id, id),
    CONSTRAINT imports_campaign_fk FOREIGN KEY (client_id, campaign_id) REFERENCES campaigns (client_id, id)
);
CREATE INDEX idx_imports_client ON imports (client_id, created_at DESC);

CREATE TABLE leads (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
    campaign_id uuid, -- the current campaign; history stands in touches and activities
    company_id uuid,
    import_id uuid,
    email text,
    email_status text NOT NULL DEFAULT 'unknown'
        CHECK (email_status IN ('unknown', 'verified', 'unverified', 'invalid')),
    email_is_role boolean NOT NULL DEFAULT false,
    personal_email_known boolean NOT NULL DEFAULT false,
    phone text,
    first_name text,
    last_name text,
    title text,
    company text,
    linkedin_url text,
    domain text,
    state text,
    time_zone text,

    als_score integer CHECK (als_score BETWEEN 0 AND 100),
    als_tier text CHECK (als_tier IN ('hot', 'warm', 'cool', 'cold', 'dead')),
    als_data_quality integer CHECK (als_data_quality BETWEEN 0 AND 20),
    als_authority integer CHECK (als_authority BETWEEN 0 AND 25),
    als_company_fit integer CHECK (als_company_fit BETWEEN 0 AND 25),
    als_timing integer CHECK (als_timing BETWEEN 0 AND 15),
    als_risk integer CHECK (als_risk BETWEEN 0 AND 15),

    organization_industry text,
    organization_employee_count integer,
    organization_country text,
    organization_founded_year integer,
    organization_is_hiring boolean,
    organization_latest_funding_date date,
    employment_start_date date,

    status lead_status NOT NULL DEFAULT 'new',
    status_reason text,
    enrichment_source text,
    enrichment_confidence double precision CHECK (enrichment_confidence BETWEEN 0 AND 1),
    enriched_at timestamptz,
    credit_period date, -- first day of the billing month in which this lead's credit was taken (decision 26)
    field_sources jsonb NOT NULL DEFAULT '{}', -- field -> {source, at, confidence}
    last_reply_at timestamptz,
    meeting_booked_at timestamptz,

    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    deleted_at timestamptz,
    CONSTRAINT leads_tenant_key UNIQUE (client_id, id),
    CONSTRAINT leads_campaign_fk FOREIGN KEY (client_id, campaign_id) REFERENCES campaigns (client_id, id),
    CONSTRAINT leads_company_fk FOREIGN KEY (client_id, company_id) REFERENCES companies (client_id, id),
    CONSTRAINT leads_import_fk FOREIGN KEY (client_id, import_id) REFERENCES imports (client_id, id)
);
CREATE UNIQUE INDEX unique_lead_email_per_client ON leads (client_id, lower(email))
    WHERE deleted_at IS NULL AND email IS NOT NULL;
CREATE UNIQUE INDEX unique_lead_linkedin_per_client ON leads (client_id, lower(linkedin_url))
    WHERE deleted_at IS NULL AND linkedin_url IS NOT NULL;
CREATE INDEX idx_leads_campaign ON leads (campaign_id);
CREATE INDEX idx_leads_company ON leads (company_id);
CREATE INDEX idx_leads_status ON leads (client_id, status);
CREATE INDEX idx_leads_als ON leads (client_id, als_score DESC);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON leads FOR EACH ROW EXECUTE FUNCTION app.set_updated_at();

CREATE TABLE import_rows (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL,
    import_id uuid NOT NULL,
    row_number integer NOT NULL,
    lead_id uuid,
    reason text, -- why the row was left out; exactly one of lead_id and reason
    raw jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT import_rows_import_fk FOREIGN KEY (client_id, import_id) REFERENCES imports (client_id, id),
    CONSTRAINT import_rows_lead_fk FOREIGN KEY (client_id, lead_id) REFERENCES leads (client_id, id),
    CONSTRAINT import_row_is_accepted_or_left_out CHECK ((lead_id IS NULL) <> (reason IS NULL)),
    CONSTRAINT unique_import_row UNIQUE (import_id, row_number)
);
CREATE INDEX idx_import_rows_client ON import_rows (client_id);

CREATE TYPE consent_basis AS ENUM ('express', 'inferred');

-- What permits email and SMS: Spam Act 2003 s 16 and schedule 2 (decision 6). A score is not consent.
CREATE TABLE consents (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    basis consent_basis NOT NULL,
    source text NOT NULL, -- the source address or document
    evidence text, -- for inferred consent: why the message is relevant to the person's role
    declared_by text NOT NULL,
    obtained_at timestamptz NOT NULL,
    withdrawn_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    CONSTRAINT consents_tenant_key UNIQUE (client_id, id),
    CONSTRAINT consents_lead_fk FOREIGN KEY (client_id, lead_id) REFERENCES leads (client_id, id)
);
CREATE INDEX idx_consents_lead ON consents (client_id, lead_id);

-- No automatic approach while a hold is open: of one lead, or of all leads of one company.
CREATE TABLE holds (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL,
    lead_id uuid,
    company_id uuid,
    reason text NOT NULL,
    until timestamptz, -- null: until a person releases it
    released_at timestamptz,
    released_by uuid REFERENCES users (id) ON DELETE RESTRICT,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    CONSTRAINT holds_tenant_key UNIQUE (client_id, id),
    CONSTRAINT holds_lead_fk FOREIGN KEY (client_id, lead_id) REFERENCES leads (client_id, id),
    CONSTRAINT holds_company_fk FOREIGN KEY (client_id, company_id) REFERENCES companies (client_id, id),
    CONSTRAINT hold_is_of_lead_or_company CHECK ((lead_id IS NULL) <> (company_id IS NULL))
);
CREATE INDEX idx_holds_lead ON holds (client_id, lead_id) WHERE released_at IS NULL;
CREATE INDEX idx_holds_company ON holds (client_id, company_id) WHERE released_at IS NULL;

-- Platform-wide and per-client suppression, keyed by channel and the HMAC of the normalised address (decision 9).
CREATE TABLE global_suppression (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    channel channel_type NOT NULL,
    address_hash bytea NOT NULL,
    reason text NOT NULL,
    added_by text,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    CONSTRAINT unique_global_suppression UNIQUE (channel, address_hash)
);

CREATE TABLE client_suppression (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
    channel channel_type NOT NULL,
    address_hash bytea NOT NULL,
    reason text NOT NULL,
    added_by text,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    CONSTRAINT unique_client_suppression UNIQUE (client_id, channel, address_hash)
);
