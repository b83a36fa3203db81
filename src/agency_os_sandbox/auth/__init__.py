"""An auth server that speaks the protocol of Supabase Auth over `auth.users` of the product's own database."""
