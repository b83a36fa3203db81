"""What a run of the stack is asked for, and what it offers once it is up.

Inputs of the supervisor and its result: plain values, so that the command line, the demo's driver and the tests name
the same things.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from agency_os.config import Settings


@dataclass(frozen=True, slots=True)
class StackOptions:
    """One run of the stack.

    ``state``: the folder of everything that is kept. ``virtual_time``: business time is the sandbox's clock; only
    without providers of the user's own. ``seed`` (None: the folder's, at first 7) and ``start`` (aware; None: now)
    make the sandbox's world when the folder has none yet; another seed than the folder's is refused. ``given``: the
    user's own settings by name, each replacing the embedded part it stands for; the demo gives none, so that it can
    reach nobody. ``api_port``: a port that the API must have (None: any free one).
    """

    state: Path
    virtual_time: bool = True
    seed: int | None = None
    start: datetime | None = None
    given: Mapping[str, str] = field(default_factory=dict, repr=False)
    api_port: int | None = None


@dataclass(frozen=True, slots=True)
class RunningStack:
    """A stack that is up: addresses without a trailing slash, None for the sandbox when real providers are used.

    ``settings`` are those of our own processes and ``env`` their environment; ``pid`` gives the process id of an
    embedded service (`postgres`, `cache`, `auth`, `prefect`, `sandbox`, `api`, `worker`) as it is now, and raises
    KeyError for one that does not run here. ``until_stopped`` returns at Ctrl-C or SIGTERM; elsewhere these end the
    ``async with`` by StopRequestedError.
    """

    api_url: str
    prefect_url: str
    sandbox_url: str | None
    settings: Settings
    env: Mapping[str, str] = field(repr=False)
    pid: Callable[[str], int] = field(repr=False)
    until_stopped: Callable[[], Awaitable[None]] = field(repr=False)
