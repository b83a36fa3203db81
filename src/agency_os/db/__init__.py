"""Engine, sessions, tenancy and migrations. The only package that begins or commits a transaction."""
