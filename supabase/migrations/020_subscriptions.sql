-- What a client's subscription at Stripe last said: the period that is paid for, and by which of its words.

ALTER TABLE clients
    ADD COLUMN subscription_period_start timestamptz,
    ADD COLUMN subscription_period_end timestamptz,
    -- Where that word stands among all that Stripe says of the client's subscriptions, compared from the left: a word
    -- that comes late changes nothing. Null until Stripe has said something.
    ADD COLUMN subscription_version bigint[],
    ADD CONSTRAINT subscription_period_is_a_period CHECK (subscription_period_end >= subscription_period_start);
CREATE INDEX idx_clients_stripe_customer ON clients (stripe_customer_id) WHERE stripe_customer_id IS NOT NULL;
CREATE INDEX idx_clients_stripe_subscription ON clients (stripe_subscription_id)
    WHERE stripe_subscription_id IS NOT NULL;
-- What nobody could place is few among very many: found when a customer becomes known, and by a person.
CREATE INDEX idx_inbound_events_unmatched ON inbound_events (provider, received_at) WHERE state = 'unmatched';
