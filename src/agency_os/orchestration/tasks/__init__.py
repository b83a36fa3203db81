"""Batches as single Prefect tasks: at most one task run per 500 leads."""
