"""What some tests need and not every machine has: marked ``@pytest.mark.needs("…")``, deselected in one place.

In CI a need that CI can have must be there: its absence fails the run instead of hiding tests.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared"
SPECS = Path(os.environ.get("PROVIDER_SPECS_DIR") or SHARED / "provider-specs")
"""The providers' published descriptions, which are not ours to ship: docs/providers names where they are public."""


@dataclass(frozen=True, slots=True)
class Need:
    """``here``: whether this machine has it; ``in_ci``: whether CI can have it; ``how``: how to get it."""

    here: Callable[[], bool]
    in_ci: Callable[[], bool]
    how: str


_SERVER_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _no() -> bool:
    return False


def _yes() -> bool:
    return True


NEEDS: dict[str, Need] = {
    "root": Need(lambda: os.geteuid() == 0, _no, "run as root"),
    "shared": Need(SHARED.is_dir, SHARED.is_dir, "a folder `shared` beside the repository"),
    "specs": Need(
        SPECS.is_dir,
        SPECS.is_dir,
        "the providers' published descriptions, in PROVIDER_SPECS_DIR: docs/providers names where they are public",
    ),
    "debootstrap": Need(lambda: shutil.which("debootstrap") is not None, _no, "apt-get install debootstrap"),
    "curl": Need(lambda: shutil.which("curl") is not None, _yes, "apt-get install curl"),
    "dovecot": Need(
        lambda: all(shutil.which(name, path=_SERVER_PATH) is not None for name in ("dovecot", "exim4")),
        _yes,
        "apt-get install dovecot-imapd exim4-daemon-light",
    ),
    "pgbouncer": Need(
        lambda: shutil.which("pgbouncer", path=_SERVER_PATH) is not None,
        _yes,
        "apt-get install pgbouncer",
    ),
}


def missing(names: tuple[str, ...]) -> list[str]:
    """The needs among ``names`` that this machine lacks. Raises KeyError on an unknown one."""
    return [name for name in names if not NEEDS[name].here()]
