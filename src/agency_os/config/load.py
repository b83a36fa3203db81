"""Reads the settings: the process environment over a ``.env`` file in the working folder.

The only reader of the environment. Everything that is wrong is reported at once, one line for each setting.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from agency_os.config.areas import AREAS, MigrationSettings, Settings
from agency_os.config.setting import Area, AreaT, Setting, is_absent, read_area, settings_error

ALL_SETTINGS: dict[str, Setting] = {
    setting.name: setting for area in AREAS.values() for setting in area.settings().values()
}
"""Every setting by its environment name."""


def environment(dotenv: Path | None = None) -> dict[str, str]:
    """The process environment, completed by the ``.env`` file (default: of the working folder), if there is one."""
    values = {name: value for name, value in dotenv_values(dotenv or Path(".env")).items() if value is not None}
    return {**values, **os.environ}


def given_settings(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The settings that the user has given: known names with a value that is not blank."""
    source = environment() if env is None else env
    return {name: source[name] for name in ALL_SETTINGS if source.get(name, "").strip()}


def load_settings(env: Mapping[str, str] | None = None) -> Settings:
    """All settings of a running service, from ``env`` (default: the process environment and ``.env``).

    Raises:
        SettingsError: a setting is missing or malformed; one line for each.
    """
    source = environment() if env is None else env
    areas: dict[str, Area] = {}
    faults: list[str] = []
    for name, area in AREAS.items():
        if is_absent(area, source):
            continue
        loaded, lines = read_area(area, source)
        faults.extend(lines)
        if loaded is not None:
            areas[name] = loaded
    if faults:
        raise settings_error(faults)
    return Settings.model_validate(areas)


def load_area(area: type[AreaT], env: Mapping[str, str] | None = None) -> AreaT:
    """One area alone, for a command that needs no more.

    Raises:
        SettingsError: as :func:`load_settings`.
    """
    loaded, faults = read_area(area, environment() if env is None else env)
    if loaded is None:
        raise settings_error(faults)
    return loaded


def load_migration_settings(env: Mapping[str, str] | None = None) -> MigrationSettings:
    """The owner's login, for the migration command. Raises SettingsError as :func:`load_settings`."""
    return load_area(MigrationSettings, env)
