"""Requests per second and provider, in fixed windows of wall time, as the providers count them.

The defaults are generous, so that a test is about a limit only when it sets one.
"""

from __future__ import annotations

from dataclasses import dataclass

from agency_os_sandbox.store import Store

DEFAULT_PER_SECOND = 5000


@dataclass(frozen=True, slots=True)
class Window:
    """The state of the current one-second window after this request was counted."""

    limit: int
    used: int
    reset_seconds: int = 1

    @property
    def exceeded(self) -> bool:
        """Whether this request is one too many."""
        return self.used > self.limit

    @property
    def remaining(self) -> int:
        """What is left of the window."""
        return max(0, self.limit - self.used)


class Limits:
    """Limits per provider: kept on disk; the counting is in memory, since a window is gone in a second."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._limits: dict[str, int] = store.get_json("limits", {})
        self._windows: dict[str, tuple[int, int]] = {}

    def set(self, limits: dict[str, int]) -> None:
        """Replace the limits of the providers named."""
        self._limits = {**self._limits, **limits}
        self._store.set_json("limits", self._limits)

    def all(self, providers: tuple[str, ...]) -> dict[str, int]:
        """The limit of each provider, requests per second."""
        return {name: self._limits.get(name, DEFAULT_PER_SECOND) for name in providers}

    def take(self, provider: str, monotonic: float) -> Window:
        """Count a request at this monotonic time in seconds."""
        second = int(monotonic)
        start, used = self._windows.get(provider, (second, 0))
        used = used + 1 if start == second else 1
        self._windows[provider] = (second, used)
        return Window(self._limits.get(provider, DEFAULT_PER_SECOND), used)
