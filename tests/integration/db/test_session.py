"""What a caller hears when the database is not there: that nothing is lost, never a driver's error."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from agency_os.db import Database
from agency_os.exceptions import OpenTransactionError, UnavailableError
from agency_os.kit.transaction import refuse_if_open
from tests.conftest import DatabaseUrls
from tests.factories.outreach import MONDAY_NOON


async def touch(database: Database) -> None:
    try:
        async with database.transaction(now=MONDAY_NOON) as db:
            await db.execute(text("SELECT 1"))
    finally:
        await database.close()


@pytest.mark.parametrize("wrong", ["password", "database", "port"])
async def test_a_database_that_cannot_be_had_is_unavailable(database_urls: DatabaseUrls, wrong: str) -> None:
    scheme, _, rest = database_urls.app_dsn.partition("://")
    user, _, place = rest.partition(":")
    password, _, host = place.partition("@")
    dsn = {
        "password": f"{scheme}://{user}:wrong@{host}",
        "database": f"{scheme}://{user}:{password}@{host.rpartition('/')[0]}/nowhere",
        "port": f"{scheme}://{user}:{password}@127.0.0.1:9/{host.rpartition('/')[2]}",
    }[wrong]
    with pytest.raises(UnavailableError, match="database"):
        await touch(Database.connect(dsn))


async def test_a_pool_that_is_used_up_is_unavailable(database_urls: DatabaseUrls) -> None:
    database = Database.connect(database_urls.app_dsn, pool_size=1, max_overflow=0)
    database.engine.pool._timeout = 0.1  # type: ignore[attr-defined]  # the default is 30 s
    async with database.transaction(now=MONDAY_NOON) as db:
        await db.execute(text("SELECT 1"))
        with pytest.raises(UnavailableError):
            async with database.transaction(now=MONDAY_NOON) as other:
                await other.execute(text("SELECT 1"))
    await database.close()


async def test_the_business_time_is_the_transactions(database_urls: DatabaseUrls) -> None:
    database = Database.connect(database_urls.app_dsn)
    async with database.transaction(now=MONDAY_NOON) as db:
        assert await db.scalar(text("SELECT app.now()")) == MONDAY_NOON
    await database.close()


async def test_no_network_call_is_allowed_while_it_is_open(database_urls: DatabaseUrls) -> None:
    database = Database.connect(database_urls.app_dsn)
    async with database.transaction(now=MONDAY_NOON):
        with pytest.raises(OpenTransactionError):
            refuse_if_open()
    refuse_if_open()
    await database.close()
