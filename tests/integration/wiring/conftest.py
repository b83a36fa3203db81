"""A database of the test's own, for tests of the wiring."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agency_os.db import Database
from tests.conftest import DatabaseUrls


@pytest.fixture
async def database(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    """The migrated database as the application's login sees it."""
    database = Database.connect(database_urls.app_dsn)
    yield database
    await database.close()
