"""Databases of a benchmark: one is made and filled, and every measurement gets a copy of it in the same state.

`recorded` notes the statements and parameters that our code sends, so that a peer can send the very same.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import asyncpg
from sqlalchemy import event

from agency_os.db import Database
from agency_os.kit.http import HttpRequest
from tests.support.servers import Servers, copy_of_template, drop_database

_numbers = count()


@dataclass(frozen=True, slots=True)
class Urls:
    """The superuser's and the application login's DSN of one database."""

    owner: str
    app: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A database that is only copied."""

    servers: Servers
    name: str

    @asynccontextmanager
    async def copy(self) -> AsyncIterator[Urls]:
        """A copy, dropped in the end."""
        name = f"{self.name}_{next(_numbers)}"
        await _administer(self.servers, f'CREATE DATABASE "{name}" TEMPLATE "{self.name}" STRATEGY file_copy')
        yield Urls(self.servers.owner_dsn(name), self.servers.app_dsn(name))
        await drop_database(self.servers, name)


@asynccontextmanager
async def filled(servers: Servers, fill: Callable[[Urls], Awaitable[None]]) -> AsyncIterator[Filled]:
    """A migrated database that ``fill`` has filled, with its statistics taken."""
    name = f"bench_{os.getpid()}_{next(_numbers)}"
    await copy_of_template(servers, name)
    urls = Urls(servers.owner_dsn(name), servers.app_dsn(name))
    await fill(urls)
    owner = await asyncpg.connect(urls.owner)
    await owner.execute("VACUUM (ANALYZE)")
    await owner.close()
    yield Filled(servers, name)
    await drop_database(servers, name)


@dataclass(frozen=True, slots=True)
class Statement:
    """What went to the database."""

    text: str
    parameters: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Commit:
    """The end of a transaction."""


@dataclass(slots=True)
class Recording:
    """What was done, in order."""

    steps: list[Statement | Commit | HttpRequest] = field(default_factory=list)


@contextmanager
def recorded(database: Database, recording: Recording) -> Iterator[None]:
    """Notes in ``recording`` what goes to ``database``."""

    def note_statement(_: Any, __: Any, statement: str, parameters: Any, ___: Any, ____: bool) -> None:
        recording.steps.append(Statement(statement, tuple(parameters)))

    def note_commit(_: Any) -> None:
        recording.steps.append(Commit())

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note_statement)
    event.listen(engine, "commit", note_commit)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", note_statement)
        event.remove(engine, "commit", note_commit)


async def _administer(servers: Servers, statement: str) -> None:
    connection = await asyncpg.connect(servers.owner_dsn("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
