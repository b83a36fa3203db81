"""Options that every command on a lead list shares: which column holds what, and what the file declares of consent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from rich.console import Console

from agency_os.domain.calendars import latest_date
from agency_os.domain.consent import ConsentBasis, ConsentDeclaration, flaws
from agency_os.domain.import_values import read_day
from agency_os.domain.lead_import import ImportOptions
from agency_os.exceptions import InvalidInputError
from agency_os.kit.clock import SystemWallClock


def today() -> date:
    """The calendar day in Australia."""
    return latest_date(now())


def now() -> datetime:
    """The machine's time in UTC."""
    return SystemWallClock().now()


def check_file(file: Path) -> None:
    """Raises InvalidInputError where there is no such file."""
    if not file.is_file():
        raise InvalidInputError(f"there is no file {file}: give the path of a CSV list", field="file")


def list_console() -> Console:
    """Prints what a list holds as it stands there: a company may be called "[/b]" or ":fire:"."""
    return Console(highlight=False, markup=False, emoji=False)


def import_options(
    mapping: Sequence[str],
    *,
    day_now: date,
    basis: str | None = None,
    source: str | None = None,
    relevance: str | None = None,
    day: str | None = None,
    declared_by: str | None = None,
) -> ImportOptions:
    """The options as typed on ``day_now``. Raises InvalidInputError for a mapping or a declaration that does not stand
    up."""
    overrides = {}
    for entry in mapping:
        column, equals, field = entry.rpartition("=")
        if not equals:
            raise InvalidInputError(f"--map takes 'Column=field', not {entry!r}", field="map")
        overrides[column] = field
    return ImportOptions(overrides, _consent(basis, source, relevance, day, declared_by, day_now))


def _consent(
    basis: str | None,
    source: str | None,
    relevance: str | None,
    day: str | None,
    declared_by: str | None,
    day_now: date,
) -> ConsentDeclaration | None:
    if basis is None:
        if source or relevance or day or declared_by:
            raise InvalidInputError("--consent-basis is missing: express or inferred", field="consent-basis")
        return None
    if basis not in set(ConsentBasis):
        raise InvalidInputError(f"--consent-basis is express or inferred, not {basis!r}", field="consent-basis")
    obtained = day_now if day is None else read_day(day)
    if obtained is None:
        raise InvalidInputError(f"--consent-date is a day such as 2026-03-02, not {day!r}", field="consent-date")
    declared = ConsentDeclaration(ConsentBasis(basis), source or "", obtained, declared_by or "", relevance)
    wrong = flaws(declared, today=day_now)
    if wrong:
        raise InvalidInputError("; ".join(wrong), field="consent")
    return declared
