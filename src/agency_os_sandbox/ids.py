"""Random identifiers as the providers give them out; nothing in the world's behaviour depends on them."""

from __future__ import annotations

import secrets
import uuid


def new_guid() -> str:
    """A random UUID as text."""
    return str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
