"""The whole stack as an ordinary user starts it, in an empty folder with an empty home."""

from __future__ import annotations

import base64
import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.integration.stack.running import Stack, new_stack

SERVICES = {"postgres", "cache", "prefect", "sandbox", "auth", "api", "worker"}


@pytest.fixture
def stack() -> Iterator[Stack]:
    with new_stack() as made:
        yield made


@pytest.mark.timeout(400)
def test_it_starts_in_an_empty_folder_and_leaves_no_process_and_no_port(stack: Stack) -> None:
    stack.start()
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.ports()['api']}/health/ready", timeout=10) as answer:
        assert answer.status == 200
    assert set(stack.open_ports()) == SERVICES - {"worker"}
    assert stack.end(signal.SIGTERM) == 0, stack.output
    assert (stack.processes(), stack.open_ports()) == ([], [])
    assert not list((stack.folder / "home").iterdir())


@pytest.mark.timeout(400)
def test_people_sign_up_at_the_embedded_auth_server_and_log_in_after_a_restart(stack: Stack) -> None:
    person = {"email": "ada@agency.example", "password": "correct horse battery"}
    stack.start()
    signed_up = _post(stack, "/signup", person)
    assert stack.end(signal.SIGTERM) == 0, stack.output
    stack.start()
    logged_in = _post(stack, "/token?grant_type=password", person)
    assert logged_in["user"]["id"] == signed_up["user"]["id"]
    assert _key_id(logged_in) == _key_id(signed_up)
    assert stack.end(signal.SIGTERM) == 0, stack.output


def _post(stack: Stack, path: str, body: dict[str, str]) -> Any:
    url = f"http://127.0.0.1:{stack.ports()['auth']}/auth/v1{path}"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode()), timeout=20) as answer:
        return json.load(answer)


def _key_id(session: dict[str, str]) -> str:
    header = session["access_token"].partition(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"])


@pytest.mark.timeout(400)
def test_after_kill_9_of_the_supervisor_a_second_start_goes_on(stack: Stack) -> None:
    stack.start()
    ports = stack.ports()
    assert stack.end(signal.SIGKILL) == -signal.SIGKILL
    stack.start()
    assert "did not stop cleanly: taking over its lock and its state" in stack.output
    assert "migrations applied" not in stack.output
    assert stack.ports() == ports
    assert stack.end(signal.SIGINT) == 0, stack.output
    assert (stack.processes(), stack.open_ports()) == ([], [])


@pytest.mark.timeout(400)
def test_a_killed_service_is_started_again_and_said(stack: Stack) -> None:
    stack.start()
    killed = stack.service("worker")
    os.kill(killed, signal.SIGKILL)
    stack.until("worker ended with signal SIGKILL: starting it again (1 of 5)")
    stack.until("worker is up again", seconds=60)
    assert stack.service("worker") != killed
    assert stack.end(signal.SIGTERM) == 0, stack.output


@pytest.mark.timeout(400)
def test_after_kill_9_of_everything_a_second_start_goes_on(stack: Stack) -> None:
    stack.start()
    for line in stack.processes():
        with suppress(ProcessLookupError):
            os.kill(int(line.split()[0]), signal.SIGKILL)
    assert stack.wait() == -signal.SIGKILL
    stack.start()
    assert "migrations applied" not in stack.output
    assert stack.end(signal.SIGTERM) == 0, stack.output
    assert (stack.processes(), stack.open_ports()) == ([], [])
