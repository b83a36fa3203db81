"""Claim, send and record 3,000 messages: the production task beside its own statements replayed by bare asyncpg, the
same bodies going to the same no-op server by bare aiohttp, and beside the same task with one lead in a transaction.

A run on a first copy of the database is recorded; every replay stands on a copy in the same state, so that the very
statements, parameters and bodies apply again. Afterwards every message is `sent`, on either side.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter
from uuid import UUID

import aiohttp
import asyncpg

from agency_os.config import load_settings
from agency_os.db import Database
from agency_os.engines.email import EmailEngine, EmailLimits
from agency_os.kit.http import AiohttpTransport, HttpRequest, HttpResponse
from agency_os.orchestration.tasks.outreach_tasks import send_client
from agency_os.wiring.infrastructure import build_infrastructure
from agency_os.wiring.services import Services, build_services
from benchmarks.databases import Commit, Filled, Recording, Statement, Urls, filled, recorded
from benchmarks.harness import Limit, Pair, Reading
from benchmarks.processes import PYTHON, serving
from tests.factories.api import api_env
from tests.factories.outreach import MONDAY_NOON
from tests.factories.sending import agency_with
from tests.support.servers import Servers

MESSAGES = 3_000
ONE_BY_ONE = 300
"""Messages sent with a transaction per lead; both sides are told per message."""
FAST = "1000"
"""Requests a second: the provider's own limit is not what is measured."""
ONE_A_CLAIM = 0.01
"""With so few a second a claim holds one lead."""


@asynccontextmanager
async def sending(servers: Servers, scale: float) -> AsyncIterator[Sequence[Pair]]:
    """One sending domain that may send everything today; each lead is of a company of its own."""
    desk = _Desk(max(int(MESSAGES * scale), 20), max(int(ONE_BY_ONE * scale), 10))
    async with filled(servers, desk.fill) as source, serving(*PYTHON, "benchmarks.noop_provider") as address:
        desk.source, desk.address = source, address
        await desk.record()
        yield [
            Pair("sending", "its SQL and aiohttp", "message", desk.batches, desk.replay, Limit(Reading.SPEED, 0.4)),
            Pair("sending", "one per transaction", "message", desk.batches, desk.one_by_one, Limit(Reading.SPEED, 4)),
        ]


class _NotingTransport(AiohttpTransport):
    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self._recording = recording

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Note the request and send it."""
        self._recording.steps.append(request)
        return await super().send(request)


@dataclass
class _Desk:
    many: int
    few: int
    client_id: UUID = field(init=False)
    source: Filled = field(init=False)
    address: str = ""
    recording: Recording = field(default_factory=Recording)

    async def fill(self, urls: Urls) -> None:
        database = Database.connect(urls.app)
        self.client_id = (await agency_with(database, self.many, daily_limit=self.many)).client_id
        await database.close()

    async def record(self) -> None:
        """Send everything once, to be replayed."""
        async with self.source.copy() as urls:
            services = self._services(urls, _NotingTransport(self.recording))
            with recorded(services.infra.database, self.recording):
                await self._send(services, self.many)
            await services.aclose()

    async def batches(self) -> float:
        async with self.source.copy() as urls:
            services = self._services(urls)
            seconds = await self._send(services, self.many)
            await services.aclose()
        return seconds / self.many

    async def one_by_one(self) -> float:
        async with self.source.copy() as urls:
            services = self._services(urls)
            infra = services.infra
            limits = EmailLimits(ONE_A_CLAIM, infra.settings.costs.resend)
            engine = EmailEngine(services.email._transport, infra.hashes, infra.wall, limits)
            seconds = await self._send(replace(services, email=engine), self.few)
            await services.aclose()
        return seconds / self.few

    async def replay(self) -> float:
        """The recorded steps and nothing else."""
        async with self.source.copy() as urls, aiohttp.ClientSession() as session:
            connection = await asyncpg.connect(urls.app)
            await connection.fetch("SELECT 1")
            begun = perf_counter()
            transaction = None
            for step in self.recording.steps:
                match step:
                    case Statement(text, parameters):
                        if transaction is None:
                            transaction = connection.transaction()
                            await transaction.start()
                        await connection.fetch(text, *parameters)
                    case Commit() if transaction is not None:
                        await transaction.commit()
                        transaction = None
                    case HttpRequest():
                        async with session.post(step.url, data=step.body, headers=step.headers) as answer:
                            await answer.read()
            seconds = perf_counter() - begun
            await self._check(connection, self.many)
            await connection.close()
        return seconds / self.many

    def _services(self, urls: Urls, transport: AiohttpTransport | None = None) -> Services:
        env = {**api_env(urls.app), "RESEND_BASE_URL": self.address, "RESEND_REQUESTS_PER_SECOND": FAST}
        return build_services(build_infrastructure(load_settings(env), transport=transport))

    async def _send(self, services: Services, count: int) -> float:
        async with services.infra.database.transaction(now=MONDAY_NOON):
            pass  # connected
        sent = 0
        begun = perf_counter()
        while sent < count:
            counts = await send_client(services, self.client_id, MONDAY_NOON)
            if not counts.get("sent"):
                raise AssertionError(f"nothing was sent: {counts}")
            sent += counts["sent"]
        seconds = perf_counter() - begun
        connection = await asyncpg.connect(str(services.infra.settings.database.url.get_secret_value()))
        await self._check(connection, count)
        await connection.close()
        return seconds

    async def _check(self, connection: asyncpg.Connection, count: int) -> None:
        async with connection.transaction():
            await connection.execute("SET LOCAL ROLE service_role")
            sent = await connection.fetchval("SELECT count(*) FROM touches WHERE state = 'sent'")
        if sent != count:
            raise AssertionError(f"{sent} of {count} messages are sent")
