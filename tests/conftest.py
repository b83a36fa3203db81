"""Fixtures for all tests: real PostgreSQL and cache, a database per test, and the one hook that deselects.

The servers start once for a whole run, also under xdist: in the controlling process, which passes their addresses
to the workers. A run without a test that uses them starts none (under xdist: a run of tests/unit alone).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from redis import Redis

from tests.support.needs import NEEDS, missing
from tests.support.servers import (
    CACHE_DATABASES,
    VERSIONS,
    Servers,
    TestServers,
    copy_of_template,
    drop_database,
    empty_database,
)

_SERVERS = pytest.StashKey[Servers]()
_RUNNING = pytest.StashKey[TestServers]()
_DESELECTED = pytest.StashKey[dict[str, list[str]]]()
_USES_SERVERS = "servers"
_WITHOUT_SERVERS = ("unit", "architecture/static")


class DatabaseUrls(NamedTuple):
    """A fresh migrated database: the superuser's DSN and the application login's."""

    owner_dsn: str
    app_dsn: str


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pg-version", choices=VERSIONS, default=VERSIONS[0], help="PostgreSQL the tests run on")
    parser.addoption("--api-requests", type=int, default=5000, help="requests that schemathesis makes at least")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*names): what the test needs and not every machine has")
    config.stash[_DESELECTED] = {}
    worker_input = getattr(config, "workerinput", None)
    if worker_input is not None:
        if "servers" in worker_input:
            config.stash[_SERVERS] = Servers(**worker_input["servers"])
    elif _distributes(config) and not _only_without_servers(config):
        _start(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """xdist: hand the addresses to a worker that is about to start."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]  # xdist publishes no types
    if _SERVERS in config.stash:
        node.workerinput["servers"] = config.stash[_SERVERS].to_dict()  # type: ignore[attr-defined]  # as above


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The one place that deselects what cannot run here."""
    kept: list[pytest.Item] = []
    for item in items:
        lacking = missing(tuple(name for mark in item.iter_markers("needs") for name in mark.args))
        if lacking:
            config.stash[_DESELECTED][item.nodeid] = lacking
        else:
            kept.append(item)
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in config.stash[_DESELECTED]])
    items[:] = kept


def pytest_collection_finish(session: pytest.Session) -> None:
    config = session.config
    needed = any(_USES_SERVERS in getattr(item, "fixturenames", ()) for item in session.items)
    if needed and not hasattr(config, "workerinput") and _SERVERS not in config.stash and not config.option.collectonly:
        _start(config)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    worker_output = getattr(config, "workeroutput", None)
    if worker_output is not None:
        worker_output["deselected"] = config.stash[_DESELECTED]
    elif _wrongly_deselected(config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """xdist: gather what a worker deselected."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]  # xdist publishes no types
    config.stash[_DESELECTED].update(getattr(node, "workeroutput", {}).get("deselected", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    deselected = config.stash[_DESELECTED]
    if not deselected:
        return
    terminalreporter.section("deselected: cannot run on this machine")
    counts = Counter(name for lacking in deselected.values() for name in lacking)
    for name, lacked in sorted(counts.items()):
        terminalreporter.line(f"{lacked} tests need {name}: {NEEDS[name].how}")
    for nodeid in _wrongly_deselected(config):
        terminalreporter.line(f"FAILED in CI, where it could run: {nodeid}", red=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _RUNNING in config.stash:
        config.stash[_RUNNING].stop()
        del config.stash[_RUNNING]


def _start(config: pytest.Config) -> None:
    running = TestServers(config.getoption("--pg-version"))
    config.stash[_SERVERS] = running.start()
    config.stash[_RUNNING] = running


def _distributes(config: pytest.Config) -> bool:
    return bool(getattr(config.option, "tx", None)) and not config.option.collectonly


def _only_without_servers(config: pytest.Config) -> bool:
    tests = Path(__file__).parent
    unit = tuple(tests / name for name in _WITHOUT_SERVERS)
    chosen = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    return all(any(path.is_relative_to(folder) for folder in unit) for path in chosen)


def _wrongly_deselected(config: pytest.Config) -> list[str]:
    if os.environ.get("CI", "").lower() not in {"1", "true"}:
        return []
    return [
        nodeid
        for nodeid, lacking in sorted(config.stash[_DESELECTED].items())
        if all(NEEDS[name].in_ci() for name in lacking)
    ]


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Servers:
    """The servers of this run, with a migrated template database."""
    found = pytestconfig.stash[_SERVERS]
    if found.fault is not None:
        pytest.fail(found.fault, pytrace=False)
    return found


@pytest.fixture(scope="session")
def worker_number(request: pytest.FixtureRequest) -> int:
    """0 for the first xdist worker and without xdist, then 1, 2 …"""
    name = getattr(request.config, "workerinput", {}).get("workerid", "gw0")
    return int(name.removeprefix("gw"))


_numbers = count(1)


@pytest.fixture
async def database_urls(servers: Servers, worker_number: int) -> AsyncIterator[DatabaseUrls]:
    """A migrated database of the test's own."""
    name = f"test_{worker_number}_{next(_numbers)}"
    await copy_of_template(servers, name)
    yield DatabaseUrls(servers.owner_dsn(name), servers.app_dsn(name))
    await drop_database(servers, name)


@pytest.fixture
async def empty_database_urls(servers: Servers, worker_number: int) -> AsyncIterator[DatabaseUrls]:
    """A database of the test's own without anything in it."""
    name = f"empty_{worker_number}_{next(_numbers)}"
    await empty_database(servers, name)
    yield DatabaseUrls(servers.owner_dsn(name), servers.app_dsn(name))
    await drop_database(servers, name)


@pytest.fixture
def redis_url(servers: Servers, worker_number: int) -> str:
    """An empty logical database of the cache."""
    url = f"redis://127.0.0.1:{servers.cache_port}/{worker_number % CACHE_DATABASES}"
    with Redis.from_url(url) as client:
        client.flushdb()
    return url
