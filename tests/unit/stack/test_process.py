"""A service as a process: healthy or reported with its log, and stopped with all its children."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from agency_os.exceptions import StackError
from agency_os.stack.process import Service, ServiceProcess
from agency_os.stack.state import StateFolder, group_members


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    folder = StateFolder(tmp_path)
    folder.logs.mkdir()
    return folder


def _service(script: str, ready: Path | None = None, **more: float) -> Service:
    is_ready = ready.exists if ready is not None else lambda: True

    async def healthy() -> bool:
        return is_ready()

    return Service("part", ("/bin/sh", "-c", script), {"PATH": os.environ["PATH"]}, healthy, **more)  # type: ignore[arg-type]


async def test_it_is_started_when_it_is_healthy(state: StateFolder) -> None:
    ready = state.path / "ready"
    process = ServiceProcess(_service("sleep 0.3; touch ready; exec sleep 60", ready), state)
    await process.start()
    assert ready.exists()
    await process.stop()


async def test_one_that_ends_at_once_is_reported_with_its_last_lines(state: StateFolder) -> None:
    process = ServiceProcess(_service("echo the disk is full; exit 3", state.path / "never"), state)
    with pytest.raises(StackError, match=r"(?s)^part ended with status 3 as it started; .*part.log:.*the disk is full"):
        await process.start()
    await process.stop()


async def test_one_that_never_gets_healthy_is_reported(state: StateFolder) -> None:
    process = ServiceProcess(_service("exec sleep 60", state.path / "never", start_seconds=0.3), state)
    with pytest.raises(StackError, match=r"^part is not healthy after"):
        await process.start()
    await process.stop()


async def test_a_program_that_is_not_there_is_said(state: StateFolder) -> None:
    async def healthy() -> bool:
        return True

    process = ServiceProcess(Service("part", ("/no/such/program",), {}, healthy), state)
    with pytest.raises(StackError, match=r"^part cannot be started: .*No such file"):
        await process.start()


async def test_stopping_leaves_no_child_behind(state: StateFolder) -> None:
    ready = state.path / "ready"
    script = "sh -c \"trap '' TERM INT; touch ready; sleep 60\" & wait"
    process = ServiceProcess(_service(script, ready), state)
    await process.start()
    group = process.pid
    assert group is not None
    assert len(group_members(group)) >= 2
    await process.stop()
    await asyncio.sleep(0.05)
    assert group_members(group) == []


async def test_one_that_does_not_listen_is_killed_in_time(state: StateFolder) -> None:
    ready = state.path / "ready"
    script = "trap '' TERM; touch ready; while :; do sleep 1; done"
    process = ServiceProcess(_service(script, ready, stop_seconds=0.3), state)
    await process.start()
    began = time.monotonic()
    await process.stop()
    assert time.monotonic() - began < 5
    assert await process.wait() == "signal SIGKILL"


async def test_killing_ends_a_stop_that_waits(state: StateFolder) -> None:
    ready = state.path / "ready"
    process = ServiceProcess(_service("trap '' TERM; touch ready; while :; do sleep 1; done", ready), state)
    await process.start()
    stopping = asyncio.create_task(process.stop())
    await asyncio.sleep(0.1)
    process.kill()
    await asyncio.wait_for(stopping, 5)
    assert not process.running


async def test_how_it_ended_is_told(state: StateFolder) -> None:
    process = ServiceProcess(_service("exec sleep 60"), state)
    await process.start()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGTERM)
    assert await process.wait() == "signal SIGTERM"
    await process.stop()
