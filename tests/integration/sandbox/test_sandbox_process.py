"""The program as a process: what it accepted survives kill -9, it stops cleanly, and it says plainly what is wrong."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agency_os_sandbox.store import Store
from agency_os_sandbox.world.behaviour import Act
from tests.factories.sandbox import SECRETS, message, people_who
from tests.integration.sandbox.conftest import Product

ENVIRONMENT = SECRETS.environment()
PROGRAM = (sys.executable, "-c", "from agency_os_sandbox.cli import main; main()", "serve")
Start = Callable[..., Awaitable[tuple[Process, str]]]


async def spawn(*arguments: str, environment: dict[str, str] | None = None) -> Process:
    env = {**os.environ, **(ENVIRONMENT if environment is None else environment)}
    return await asyncio.create_subprocess_exec(*PROGRAM, *arguments, env=env, stdout=PIPE, stderr=PIPE)


@pytest.fixture
async def start(tmp_path: Path, product: Product) -> AsyncIterator[Start]:
    """Starts the program over one state folder; gives the process and its address."""
    running: list[Process] = []

    async def run(*more: str) -> tuple[Process, str]:
        flags = ("--port", "0", "--state", str(tmp_path / "state"), "--api-url", product.url, *more)
        process = await spawn(*flags)
        running.append(process)
        assert process.stdout is not None
        return process, (await process.stdout.readline()).decode().split()[-1]

    yield run
    for process in running:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def refusal(*arguments: str, environment: dict[str, str] | None = None) -> tuple[int | None, str]:
    """The exit status and the one line that says why."""
    process = await spawn(*arguments, environment=environment)
    _, said = await process.communicate()
    text = said.decode()
    assert text.count("\n") == 1, text
    return process.returncode, text


async def send(url: str, messages: list[dict[str, Any]], key: str = "key-1") -> tuple[int, Any]:
    headers = {"Authorization": "Bearer re_test", "Idempotency-Key": key}
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{url}/resend/emails/batch", json=messages, headers=headers) as answer,
    ):
        return answer.status, await answer.json()


async def get(url: str) -> str:
    async with aiohttp.ClientSession() as client, client.get(url) as answer:
        return await answer.text()


async def settled(url: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            standing: dict[str, Any] = json.loads(await get(f"{url}/control/status"))
            if standing["undelivered"] == 0:
                return standing
            await asyncio.sleep(0.02)


async def test_what_was_accepted_survives_kill_9(start: Start) -> None:
    batch = [message(f"p{index}.person@nowhere.example") for index in range(100)]
    process, url = await start()
    _, first = await send(url, batch)
    process.kill()
    await process.wait()
    _, url = await start()
    _, again = await send(url, batch)
    rows = [json.loads(line) for line in (await get(f"{url}/control/oracle")).splitlines()]
    assert first == again
    assert (sum(row["accepted"] for row in rows), sum(row["replay"] for row in rows)) == (100, 100)


async def test_the_log_is_read_from_its_file_while_the_sandbox_runs_and_after(start: Start, tmp_path: Path) -> None:
    process, url = await start()
    async with aiohttp.ClientSession() as client:
        await client.get(f"{url}/hunter/v2/account", headers={"X-API-KEY": "key"})
        over_http = await (await client.get(f"{url}/control/oracle")).text()
    for _ in range(2):
        reading = await asyncio.create_subprocess_exec(
            *PROGRAM[:-1], "oracle", "--state", str(tmp_path / "state"), stdout=PIPE
        )
        found, _ = await reading.communicate()
        assert found.decode() == over_http
        assert json.loads(over_http)["operation"] == "account"
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_folder_without_a_log_is_refused(tmp_path: Path) -> None:
    reading = await asyncio.create_subprocess_exec(*PROGRAM[:-1], "oracle", "--state", str(tmp_path), stderr=PIPE)
    _, said = await reading.communicate()
    assert (reading.returncode, b"holds no sandbox" in said) == (2, True)


async def test_webhooks_that_were_not_taken_survive_kill_9(start: Start, product: Product) -> None:
    product.statuses["/webhooks/resend"] = [503] * 1000
    process, url = await start()
    await send(url, [message("a.person@nowhere.example")])
    process.kill()
    await process.wait()
    product.statuses.clear()
    product.received.clear()
    _, url = await start()
    assert (await settled(url))["delivered"] == 2
    assert [json.loads(each.body)["type"] for each in product.received] == ["email.sent", "email.delivered"]


async def test_world_and_clock_survive_kill_9(start: Start) -> None:
    process, url = await start("--start", "2026-03-02T09:00:00+11:00")
    await send(url, [message(address) for address in _openers()])
    before = await settled(url)
    process.kill()
    await process.wait()
    _, url = await start("--start", "2026-05-05T09:00:00+11:00")
    after = json.loads(await get(f"{url}/control/status"))
    assert (after["now"], after["next_due"]) == (before["now"], before["next_due"])
    assert after["next_due"] is not None


def _openers() -> list[str]:
    found = people_who(Act.OPENED)
    return [next(found) for _ in range(5)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_stops_cleanly_when_asked(start: Start, number: signal.Signals) -> None:
    process, url = await start()
    assert "ok" in await get(f"{url}/health")
    process.send_signal(number)
    _, said = await process.communicate()
    assert (process.returncode, said) == (0, b"")


async def test_it_stops_while_the_product_is_down(start: Start, product: Product) -> None:
    product.statuses["/webhooks/resend"] = [503] * 1000
    process, url = await start()
    await send(url, [message("a.person@nowhere.example")])
    process.terminate()
    _, said = await process.communicate()
    assert (process.returncode, said) == (0, b"")


async def test_the_folder_of_a_running_sandbox_is_refused(start: Start, tmp_path: Path, product: Product) -> None:
    await start()
    status, said = await refusal("--port", "0", "--state", str(tmp_path / "state"), "--api-url", product.url)
    assert (status, "another sandbox is using" in said) == (2, True)


async def test_a_port_that_is_taken_is_said_plainly(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, said = await refusal("--port", str(port), "--state", str(tmp_path), "--api-url", "http://127.0.0.1:1")
    assert (status, f"port {port}" in said) == (2, True)


async def test_another_seed_than_the_folders_is_refused(start: Start, tmp_path: Path, product: Product) -> None:
    process, _ = await start("--seed", "11")
    process.terminate()
    await process.wait()
    flags = ("--port", "0", "--state", str(tmp_path / "state"), "--api-url", product.url)
    status, said = await refusal(*flags, "--seed", "12")
    assert (status, "seed 11" in said) == (2, True)


async def test_the_state_of_another_version_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.set_meta("schema_version", "0")
    store.close()
    status, said = await refusal("--port", "0", "--state", str(tmp_path), "--api-url", "http://127.0.0.1:1")
    assert (status, "another version" in said) == (2, True)


async def test_a_state_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sandbox.sqlite3").write_text("not a database, but long enough to be looked at" * 100)
    status, said = await refusal("--port", "0", "--state", str(tmp_path), "--api-url", "http://127.0.0.1:1")
    assert (status, "cannot be used" in said) == (2, True)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"--host": "0.0.0.0"}, "--host"),  # noqa: S104 - it is refused
        ({"--port": "70000"}, "--port"), ({"--port": "x"}, "--port"), ({"--seed": "x"}, "--seed"),
        ({"--start": "yesterday"}, "yesterday"), ({"--start": "2026-03-02T09:00:00"}, "zone"),
        ({"--api-url": "http://agency.example"}, "--api-url"), ({"--api-url": "https://127.0.0.1:1"}, "--api-url"),
        ({"--api-url": "http://[::1"}, "--api-url"), ({"--state": "/dev/null/state"}, "--state"),
        ({"--wrong": "1"}, "--wrong"),
    ],
)  # fmt: skip
async def test_a_wrong_flag_is_one_line_and_status_2(tmp_path: Path, flags: dict[str, str], named: str) -> None:
    good = {"--port": "0", "--state": str(tmp_path), "--api-url": "http://127.0.0.1:1"}
    status, said = await refusal(*(part for pair in {**good, **flags}.items() for part in pair))
    assert (status, named in said) == (2, True)


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
async def test_a_missing_secret_is_named(tmp_path: Path, name: str) -> None:
    flags = ("--port", "0", "--state", str(tmp_path), "--api-url", "http://127.0.0.1:1")
    status, said = await refusal(*flags, environment={**ENVIRONMENT, name: ""})
    assert (status, name in said) == (2, True)
