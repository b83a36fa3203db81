"""`.env.example` and the settings are one list: each setting with its form and source, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from agency_os.config import ALL_SETTINGS, given_settings

EXAMPLE = Path(__file__).parents[3] / ".env.example"


def _comments() -> dict[str, str]:
    """The comment directly above each setting, as one line."""
    found, above = {}, []
    for line in EXAMPLE.read_text("utf-8").splitlines():
        if line.startswith("# "):
            above.append(line[2:])
        elif match := re.match(r"([A-Z_]+)=", line):
            found[match[1]] = " ".join(above)
        else:
            above = []
    return found


def test_it_names_every_setting_and_no_other() -> None:
    assert list(dotenv_values(EXAMPLE)) == list(ALL_SETTINGS)


@pytest.mark.parametrize("name", sorted(ALL_SETTINGS))
def test_it_gives_each_settings_form_and_source(name: str) -> None:
    setting = ALL_SETTINGS[name]
    assert _comments().get(name) == f"{setting.form} {setting.source}"


def test_copied_as_it_stands_it_sets_nothing() -> None:
    assert given_settings({name: value or "" for name, value in dotenv_values(EXAMPLE).items()}) == {}
