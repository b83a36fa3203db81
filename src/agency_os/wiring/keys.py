"""Whether this process's keys are those that the database was filled under (decision 9).

Suppressions are keyed hashes: under another key every opt-out would silently count for nothing, so a start is refused.
"""

from __future__ import annotations

from datetime import datetime

from agency_os.db import Database
from agency_os.exceptions import SettingsError
from agency_os.kit.tokens import PersonHash
from agency_os.repositories.platform_setting import PlatformSettingRepository
from agency_os.wiring.infrastructure import Infrastructure

_NAME = "suppression_key_check"


async def confirm_suppression_key(infra: Infrastructure) -> None:
    """Store the key's check value at the first start. Raises SettingsError when another key was here before."""
    await confirm_hashes(infra.database, infra.hashes, now=infra.wall.now())


async def confirm_hashes(database: Database, hashes: PersonHash, *, now: datetime) -> None:
    """The same, for a command that has no more than a database and the key."""
    mine = hashes.check_value()
    async with database.transaction(now=now) as db:
        kept = await PlatformSettingRepository(db).keep_first(_NAME, mine)
    if kept != mine:
        raise SettingsError(
            "SUPPRESSION_KEY is not the one that this database's suppressions were stored under: "
            "give the original key; with another one every opt-out would be lost"
        )
