"""What the demo runs, and what a state folder remembers of it, so that a second call goes on with the same one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final

from agency_os.exceptions import InvalidInputError
from agency_os.kit.clock import parse_instant
from agency_os.stack.demo_days import default_start

DEFAULT_SEED: Final = 7
_KEPT: Final = "demo.json"
SUMMARY: Final = "demo-summary.json"


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """The lead list (a CSV file), the world's seed, the first moment (aware UTC), the state folder, and the share of
    the providers' requests and webhooks that each kind of fault strikes (0 to 1)."""

    leads: Path
    seed: int
    start: datetime
    state: Path
    faults: float = 0.0

    @property
    def summary(self) -> Path:
        """Where the summary is written as JSON."""
        return self.state / SUMMARY

    def imported(self) -> bool:
        """Whether this state has imported this very list before."""
        return bool(_read(self.state).get("imported") == _digest(self.leads))

    def keep(self, *, imported: bool) -> None:
        """Remember the plan, and that its list is in."""
        kept = {"seed": self.seed, "start": self.start.isoformat(), "imported": _digest(self.leads) if imported else ""}
        self.state.mkdir(parents=True, exist_ok=True)
        (self.state / _KEPT).write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


def choose_plan(
    state: Path,
    *,
    leads: Path | None,
    seed: int | None,
    start: datetime | None,
    today: datetime,
    faults: float = 0.0,
) -> DemoPlan:
    """The plan that was asked for, completed by what the state folder remembers, then by the defaults.

    Raises InvalidInputError when the list does not exist, or another seed or start is asked for than the state holds.
    """
    kept = _read(state)
    if leads is not None and not leads.is_file():
        raise InvalidInputError(f"there is no file {leads}: give the path of a CSV list", field="leads")
    kept_seed = int(kept["seed"]) if kept else None
    kept_start = parse_instant(kept["start"]) if kept else None
    for name, asked, held in (("seed", seed, kept_seed), ("start", start, kept_start)):
        if asked is not None and held is not None and asked != held:
            raise InvalidInputError(
                f"{state} holds a demo with --{name} {held}: set AGENCY_OS_STATE to another folder for {asked}",
                field=name,
            )
    chosen_seed = seed if seed is not None else kept_seed
    return DemoPlan(
        leads=leads or sample_leads(),
        seed=chosen_seed if chosen_seed is not None else DEFAULT_SEED,
        start=start or kept_start or default_start(today),
        state=state,
        faults=faults,
    )


def sample_leads() -> Path:
    """The 500 fictional leads that come with the program."""
    return Path(str(files("agency_os.stack") / "data" / "demo_leads.csv"))


def _read(state: Path) -> dict[str, str]:
    path = state / _KEPT
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except ValueError:
        raise InvalidInputError(f"{path} is damaged: remove it to begin another demo", field="state") from None


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
