"""Business logic, deterministic and without AI: each engine takes the caller's session and never commits."""
