-- What learning reads and writes (blueprint Phase 16): score components, content snapshots, patterns, converting touch.

ALTER TABLE leads
    ADD COLUMN als_components jsonb, -- the explanation: one entry per rule
    ADD COLUMN als_weights_used jsonb,
    ADD COLUMN scored_at timestamptz;

ALTER TABLE activities
    ADD COLUMN led_to_booking boolean NOT NULL DEFAULT false,
    ADD COLUMN content_snapshot jsonb;

ALTER TABLE clients
    ADD COLUMN als_learned_weights jsonb,
    ADD COLUMN als_weights_updated_at timestamptz,
    ADD COLUMN conversion_sample_count integer NOT NULL DEFAULT 0;

CREATE TABLE conversion_patterns (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
    pattern_type text NOT NULL CHECK (pattern_type IN ('who', 'what', 'when', 'how')),
    patterns jsonb NOT NULL,
    sample_size integer NOT NULL CHECK (sample_size >= 0),
    confidence double precision CHECK (confidence BETWEEN 0 AND 1),
    computed_at timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    CONSTRAINT unique_conversion_pattern UNIQUE (client_id, pattern_type)
);

CREATE TABLE conversion_pattern_history (
    id uuid PRIMARY KEY DEFAULT app.uuid_v7(),
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
    pattern_type text NOT NULL CHECK (pattern_type IN ('who', 'what', 'when', 'how')),
    patterns jsonb NOT NULL,
    sample_size integer NOT NULL CHECK (sample_size >= 0),
    confidence double precision CHECK (confidence BETWEEN 0 AND 1),
    computed_at timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT app.now()
);
CREATE INDEX idx_conversion_pattern_history_client ON conversion_pattern_history (client_id, pattern_type, computed_at DESC);

-- Marks the last message sent before a lead converted: the touch that led to the booking.
CREATE FUNCTION app.mark_converting_touch() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
    UPDATE public.activities SET led_to_booking = true
    WHERE id = (
        SELECT a.id FROM public.activities AS a
        WHERE a.client_id = NEW.client_id AND a.lead_id = NEW.id AND a.action = 'sent'
        ORDER BY a.created_at DESC, a.id DESC
        LIMIT 1
    );
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION app.mark_converting_touch() FROM PUBLIC;

CREATE TRIGGER on_lead_converted AFTER UPDATE OF status ON leads
    FOR EACH ROW WHEN (NEW.status = 'converted' AND OLD.status IS DISTINCT FROM 'converted')
    EXECUTE FUNCTION app.mark_converting_touch();

SELECT app.protect_table(t::regclass) FROM unnest(ARRAY['conversion_patterns', 'conversion_pattern_history']) AS t;
