"""Whether this process's keys are those that the database was filled under (decision 9).

Suppressions are keyed hashes: under another key every opt-out would silently count for nothing, so a start is refused.
"""

from __future__ import annotations

from agency_os.exceptions import SettingsError
from agency_os.repositories.platform_setting import PlatformSettingRepository
from agency_os.wiring.infrastructure import Infrastructure

_NAME = "suppression_key_check"


async def confirm_suppression_key(infra: Infrastructure) -> None:
    """Store the key's check value at the first start. Raises SettingsError when another key was here before."""
    mine = infra.hashes.check_value()
    async with infra.database.transaction(now=infra.wall.now()) as db:
        kept = await PlatformSettingRepository(db).keep_first(_NAME, mine)
    if kept != mine:
        raise SettingsError(
            "SUPPRESSION_KEY is not the one that this database's suppressions were stored under: "
            "give the original key; with another one every opt-out would be lost"
        )
