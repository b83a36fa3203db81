"""The providers' wire protocols over HTTP, a seeded world of people, faults on demand and an oracle log."""
