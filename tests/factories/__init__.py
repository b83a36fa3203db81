"""Makers of rows for tests: every value has a lawful default, so a test names only what it is about."""
