"""A simulated world per test: real database and cache, the sandbox and the API as processes, ticks as functions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import DatabaseUrls
from tests.support.world import World, simulated_world


@pytest.fixture
async def world(tmp_path: Path, database_urls: DatabaseUrls, redis_url: str) -> AsyncIterator[World]:
    """A world on Monday morning, 23 November 2026."""
    async with simulated_world(tmp_path, app_dsn=database_urls.app_dsn, redis_url=redis_url) as made:
        yield made
