"""What the doctor says of a part, and in which words: configured, reachable, version, whose address, what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit


class Whose(StrEnum):
    """Whose part it is, or whose address it is reached at."""

    EMBEDDED = "embedded"
    """Ours, on this machine."""
    OWN = "own"
    """Of the user's choice."""
    PROVIDER = "provider"
    """At the provider's published address."""
    OTHER = "other address"
    """A provider, at another address than its published one."""
    MACHINE = "machine"
    """This machine itself."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part. ``is_reachable`` is None for what is not reached over a network; ``todo`` is empty where all is well.

    ``hint`` says how a part that is not used would be.

    ``address`` never holds a login, a password or a key.
    """

    name: str
    is_configured: bool
    whose: Whose | None
    is_reachable: bool | None = None
    version: str | None = None
    address: str | None = None
    todo: str = ""
    hint: str = ""

    @property
    def is_well(self) -> bool:
        """Whether nothing is to be done."""
        return not self.todo

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {**asdict(self), "is_well": self.is_well}


def shown(url: str) -> str:
    """An address without login, password and query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
