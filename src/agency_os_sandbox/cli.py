"""The command ``agency-os-sandbox serve``: one process on the loopback, stopped cleanly by SIGTERM or SIGINT.

Input: flags, and the webhooks' secrets from the environment. Promises: a wrong flag, a missing secret, a port or state
folder in use is said in one line with exit status 2; it listens on and calls the loopback alone.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from agency_os_sandbox.app import Options, Sandbox
from agency_os_sandbox.clock import ClockError, parse
from agency_os_sandbox.server import SandboxServer, server_config
from agency_os_sandbox.signing import SecretError, Secrets
from agency_os_sandbox.store import StateError

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SECRETS = (
    "SANDBOX_RESEND_WEBHOOK_SECRET", "SANDBOX_POSTMARK_USER", "SANDBOX_POSTMARK_PASSWORD", "SANDBOX_CALCOM_SECRET",
)  # fmt: skip


class UsageError(ValueError):
    """The command cannot run as asked; the message says what to change."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; exits with 0 after a clean stop, with 2 after a line on stderr."""
    try:
        given = _parser().parse_args(arguments)
        listener = _listen(given.host, given.port)
        options = _options(given, os.environ)  # noqa: TID251 - the sandbox reads its secrets here and nowhere else
        sandbox = _open(options)
    except (UsageError, ClockError, SecretError, StateError) as error:
        sys.stderr.write(f"agency-os-sandbox: {error}\n")
        raise SystemExit(2) from None
    host, port = listener.getsockname()[:2]
    sys.stdout.write(f"agency-os-sandbox: seed {sandbox.seed}, listening on http://{_bracketed(host)}:{port}\n")
    sys.stdout.flush()
    with asyncio.Runner(loop_factory=server_config(sandbox.app).get_loop_factory()) as runner:
        runner.run(_serve(sandbox, listener))


async def _serve(sandbox: Sandbox, listener: socket.socket) -> None:
    server = SandboxServer(server_config(sandbox.app))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Set explicitly: a shell's background job starts with SIGINT ignored.
        loop.add_signal_handler(number, server.stop)
    await server.serve(sockets=[listener])


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="agency-os-sandbox", description="The providers' protocols and a simulated world of people.")
    commands = parser.add_subparsers(required=True, metavar="serve")
    serve = commands.add_parser("serve", help="serve on the loopback until stopped")
    serve.add_argument("--host", default="127.0.0.1", help="a loopback address")
    serve.add_argument("--port", type=int, required=True, help="0 takes a free one")
    serve.add_argument("--state", type=Path, required=True, help="the folder that keeps everything")
    serve.add_argument("--seed", type=int, help="the world's seed; kept in the state folder (7 at first)")
    serve.add_argument("--start", help="virtual time of the first start, ISO-8601 with zone; the present if left out")
    serve.add_argument("--api-url", required=True, help="the product's API, e.g. http://127.0.0.1:8000")
    return parser


def _options(given: argparse.Namespace, environment: Mapping[str, str]) -> Options:
    missing = [name for name in _SECRETS if not environment.get(name)]
    if missing:
        raise UsageError(f"{missing[0]} is not set: give the secret that the product's settings hold for this webhook")
    start: datetime | None = None if given.start is None else parse(given.start)
    secrets = Secrets(*(environment[name] for name in _SECRETS))
    return Options(given.state, _loopback_url(given.api_url), secrets, given.seed, start)


def _loopback_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "http" and parts.hostname in _LOOPBACK and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"--api-url is http:// and an address of the loopback, got {url!r}")
    return url


def _listen(host: str, port: int) -> socket.socket:
    if host not in _LOOPBACK:
        raise UsageError(f"--host is one of {', '.join(_LOOPBACK)}: the sandbox is never open to the network")
    if not 0 <= port <= 65535:
        raise UsageError(f"--port is a number from 0 to 65535, got {port}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise UsageError(f"port {port} on {host} cannot be used: {error.strerror}; choose another --port") from error
    return listener


def _open(options: Options) -> Sandbox:
    try:
        return Sandbox(options)
    except (OSError, sqlite3.Error) as error:
        raise StateError(f"{options.state} cannot be used: {error}; choose another --state") from error


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
