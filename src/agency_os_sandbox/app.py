"""The sandbox put together: store, clock, providers, world, delivery and control as one ASGI application.

Input: the state folder, the seed and what the command line says. Promises: one seed per state folder; what was due when
the process last died is delivered after its next start.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Route

from agency_os_sandbox.booking_page import BookingPage
from agency_os_sandbox.bookings import Bookings
from agency_os_sandbox.clock import VirtualClock, wall_now
from agency_os_sandbox.control import Control, Parts
from agency_os_sandbox.delivery import Delivery
from agency_os_sandbox.faults import Faults
from agency_os_sandbox.gateway import Gateway
from agency_os_sandbox.inbound import Inbound
from agency_os_sandbox.limits import Limits
from agency_os_sandbox.mounts import Ground, mounts
from agency_os_sandbox.oracle import Oracle
from agency_os_sandbox.outbox import Outbox
from agency_os_sandbox.signing import Secrets
from agency_os_sandbox.store import StateError, Store
from agency_os_sandbox.world.directory import build_directory
from agency_os_sandbox.world.life import Life
from agency_os_sandbox.world.memory import Memory
from agency_os_sandbox.world.people import People

DEFAULT_SEED = 7


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. ``seed`` None keeps the folder's, ``start`` counts at the first start alone (None: now)."""

    state: Path
    api_url: str
    secrets: Secrets
    seed: int | None = None
    start: datetime | None = None


class Sandbox:
    """One sandbox over one state folder; ``app`` is served, its lifespan starts and stops the delivery."""

    def __init__(self, options: Options) -> None:
        self.store = Store(options.state)
        try:
            self.seed = _kept_seed(self.store, options)
        except StateError:
            self.store.close()
            raise
        self._build(options)

    def _build(self, options: Options) -> None:
        store = self.store
        self.clock = VirtualClock(store, options.start or wall_now())
        oracle, faults, limits = Oracle(store), Faults(store, self.seed), Limits(store)
        outbox = Outbox(store, faults)
        bookings, memory, directory = Bookings(store, outbox), Memory(store), build_directory()
        life = Life(self.seed, memory, People(self.seed, directory), outbox, bookings, Inbound(store))
        self.delivery = Delivery(outbox, self.clock, options.api_url, options.secrets)
        gateway = Gateway(store, self.clock, oracle, faults, limits)
        gateway.wake = self.delivery.wake
        providers = mounts(Ground(self.seed, store, outbox, bookings, life, directory, options.secrets))
        names = tuple(provider.name for provider, _ in providers)
        self.control = Control(
            Parts(
                self.seed,
                store,
                self.clock,
                oracle,
                faults,
                limits,
                outbox,
                bookings,
                memory,
                life,
                names,
                self.delivery,
            )
        )
        page = BookingPage(store, self.clock, bookings, life.human_booked, self.delivery.wake)
        routes: list[Route] = [*self.control.routes(), *page.routes()]
        for provider, prefix in providers:
            routes += gateway.routes(provider, prefix)
        self.app = Starlette(routes=routes, lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        await self.delivery.start()
        try:
            yield
        finally:
            await self.delivery.stop()
            self.store.close()


def _kept_seed(store: Store, options: Options) -> int:
    kept = store.get_meta("seed")
    if kept is None:
        seed = DEFAULT_SEED if options.seed is None else options.seed
        store.set_meta("seed", str(seed))
        return seed
    if options.seed is not None and options.seed != int(kept):
        raise StateError(
            f"{options.state} holds a world of seed {kept}, not {options.seed}:"
            " choose another --state, or leave --seed out"
        )
    return int(kept)
