"""What a setting is: its environment name, the form of its value and where a user gets it.

The metadata stands beside the field (``Annotated[str, Setting(...)]``), so that the error messages, the test of
``.env.example`` and the supervisor all read the same words. Error messages never repeat a value: it may be a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from agency_os.exceptions import SettingsError


@dataclass(frozen=True, slots=True)
class Setting:
    """``name``: the environment variable; ``form``: how its value looks; ``source``: where a user gets it."""

    name: str
    form: str
    source: str


class Area(BaseModel):
    """Base of one area of settings: frozen, each field annotated with its :class:`Setting`.

    An optional area of which no setting is given is None; else it must be whole.
    """

    is_optional: ClassVar[bool] = False

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @classmethod
    def settings(cls) -> dict[str, Setting]:
        """The area's settings by field name."""
        return {
            field: next(part for part in info.metadata if isinstance(part, Setting))
            for field, info in cls.model_fields.items()
        }


AreaT = TypeVar("AreaT", bound=Area)


def read_area(area: type[AreaT], env: Mapping[str, str]) -> tuple[AreaT | None, list[str]]:
    """Build ``area`` from ``env``; returns it and one line for each missing or malformed setting.

    A value that is empty or only blanks counts as missing.
    """
    described = area.settings()
    values = {
        field: env[setting.name].strip() for field, setting in described.items() if env.get(setting.name, "").strip()
    }
    try:
        return area.model_validate(values), []
    except ValidationError as error:
        faults = {str(fault["loc"][0]): fault["type"] for fault in error.errors(include_url=False)}
        return None, [_line(described[field], missing=kind == "missing") for field, kind in faults.items()]


def is_absent(area: type[Area], env: Mapping[str, str]) -> bool:
    """Whether ``area`` may be left out and is: none of its settings is given."""
    return area.is_optional and not any(env.get(each.name, "").strip() for each in area.settings().values())


def settings_error(lines: list[str]) -> SettingsError:
    """One error for all the faults, each on its own line."""
    return SettingsError("\n".join(lines))


def _line(setting: Setting, *, missing: bool) -> str:
    verdict = "is missing" if missing else "is malformed"
    return f"{setting.name} {verdict}: expected {setting.form}; {setting.source}"
