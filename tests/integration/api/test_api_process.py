"""`agency-os api` as a process: it serves, refuses what is no HTTP or too large, and ends cleanly."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import DatabaseUrls
from tests.factories.api import api_env, delivered, postmark_headers, resend_headers

PROGRAM = Path(sys.executable).parent / "agency-os"
MEGABYTE = 1024 * 1024


def environment(**more: str) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**inherited, **more}


@contextmanager
def running(folder: Path, env: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    command = [str(PROGRAM), "api", "--port", str(port)]
    with (folder / "api.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log, text=True)
    try:
        until_live(process, port, folder / "api.log")
        yield process, port
    finally:
        process.kill()
        process.wait()


def until_live(process: subprocess.Popen[str], port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health/live").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def conversation(port: int, said: bytes) -> bytes:
    """What the server answers to these bytes before it hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(said)
        heard = b""
        while piece := connection.recv(65536):
            heard += piece
        return heard


def test_it_serves_refuses_garbage_and_ends_on_sigterm(tmp_path: Path, database_urls: DatabaseUrls) -> None:
    env = environment(**api_env(database_urls.app_dsn))
    with running(tmp_path, env) as (process, port):
        address = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{address}/u/garbage").status_code == 404
        assert conversation(port, b"\x16\x03\x01 not HTTP\r\n\r\n").startswith(b"HTTP/1.1 400")
        assert conversation(port, b"POST /webhooks/resend HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n").startswith(
            b"HTTP/1.1 400"
        )
        signed = {"svix-signature": "v1,x"}
        too_large = httpx.post(f"{address}/webhooks/resend", content=b"x" * (3 * MEGABYTE), headers=signed)
        assert (too_large.status_code, too_large.json()["code"]) == (413, "payload_too_large")
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) in (0, -signal.SIGTERM)
    assert "Traceback" not in (tmp_path / "api.log").read_text()


def test_its_log_holds_neither_secrets_nor_addresses_of_people(tmp_path: Path, database_urls: DatabaseUrls) -> None:
    env = environment(**api_env(database_urls.app_dsn), LOG_LEVEL="DEBUG")
    body = delivered()
    with running(tmp_path, env) as (process, port):
        address = f"http://127.0.0.1:{port}"
        httpx.post(f"{address}/webhooks/postmark", content=b"{}", headers=postmark_headers())
        httpx.post(f"{address}/webhooks/resend", content=body, headers=resend_headers(body))
        httpx.get(f"{address}/health/ready")
        process.send_signal(signal.SIGTERM)
        process.wait(15)
    log = (tmp_path / "api.log").read_text()
    secrets = [
        *(value for name, value in api_env().items() if "SECRET" in name or "KEY" in name),
        "pat@company.example",
    ]
    assert [secret for secret in [*secrets, "postmark-password"] if secret in log] == []


def test_a_taken_port_is_one_plain_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [str(PROGRAM), "api", "--port", port]
        ended = subprocess.run(command, cwd=tmp_path, env=environment(**api_env()), capture_output=True, text=True)
    assert ended.returncode == 1
    assert (
        ended.stderr == f"agency-os: cannot listen on 127.0.0.1:{port}: Address already in use; give another --port\n"
    )


@pytest.mark.parametrize("port", ["70000", "-1", "many"])
def test_a_port_that_is_none_is_the_callers_fault(tmp_path: Path, port: str) -> None:
    command = [str(PROGRAM), "api", "--port", port]
    ended = subprocess.run(command, cwd=tmp_path, env=environment(**api_env()), capture_output=True, text=True)
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)


def test_missing_settings_are_named_with_status_two(tmp_path: Path) -> None:
    ended = subprocess.run([str(PROGRAM), "api"], cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert ended.returncode == 2
    assert "agency-os: DATABASE_URL is missing" in ended.stderr
