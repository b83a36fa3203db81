"""Thin async flows over the tasks: one run per tick over all due clients."""
