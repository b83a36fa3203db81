"""The commands ``agency-os-sandbox serve`` and ``auth``: one process on the loopback, stopped by SIGTERM or SIGINT.

Input: flags, and secrets from the environment: the webhooks' for the world of providers, the database's login for the
auth server. Promises: a wrong flag, a missing secret, a port or state folder in use, a database that does not let us in
is said in one line with exit status 2; both listen on the loopback alone.
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
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import asyncpg
from starlette.applications import Starlette

from agency_os_sandbox.app import Options, Sandbox
from agency_os_sandbox.clock import ClockError, parse
from agency_os_sandbox.oracle import read_file
from agency_os_sandbox.server import SandboxServer, server_config
from agency_os_sandbox.signing import SecretError, Secrets
from agency_os_sandbox.store import StateError

if TYPE_CHECKING:
    from agency_os_sandbox.auth.app import AuthServer

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class UsageError(ValueError):
    """The command cannot run as asked; the message says what to change."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; exits with 0 after a clean stop, with 2 after a line on stderr."""
    try:
        given = _parser().parse_args(arguments)
        if given.run is None:
            sys.stdout.writelines(read_file(given.state, given.after))
            return
        listener = _listen(given.host, given.port)
        given.run(given, listener, os.environ)  # noqa: TID251 - the sandbox reads its secrets here and nowhere else
    except (UsageError, ClockError, SecretError, StateError) as error:
        sys.stderr.write(f"agency-os-sandbox: {error}\n")
        raise SystemExit(2) from None


def _run_world(given: argparse.Namespace, listener: socket.socket, environment: Mapping[str, str]) -> None:
    sandbox = _open(_options(given, environment))
    _say(f"seed {sandbox.seed}, listening on {_address(listener)}")
    with asyncio.Runner(loop_factory=server_config(sandbox.app).get_loop_factory()) as runner:
        runner.run(_serve(sandbox.app, listener))


def _run_auth(given: argparse.Namespace, listener: socket.socket, environment: Mapping[str, str]) -> None:
    # Here and not above: the world of providers starts without the auth server's libraries.
    from agency_os_sandbox.auth.app import AuthOptions, AuthServer  # noqa: PLC0415

    database_url = environment.get("AUTH_DATABASE_URL", "")
    if not database_url:
        raise UsageError("AUTH_DATABASE_URL is not set: give the DSN of the login supabase_auth_admin")
    url = _address(listener)
    key = environment.get("SANDBOX_AUTH_SERVICE_KEY") or None
    auth = AuthServer(AuthOptions(given.state, database_url, url, service_key=key))
    with asyncio.Runner(loop_factory=server_config(auth.app).get_loop_factory()) as runner:
        runner.run(_serve_auth(auth, listener, url))


async def _serve_auth(auth: AuthServer, listener: socket.socket, url: str) -> None:
    try:
        await auth.connect()
    except (*auth.failures, ValueError) as error:
        # What these say of an address may hold its password; a server's own words do not.
        told = isinstance(error, asyncpg.PostgresError)
        reason = str(error).partition("\n")[0] if told else type(error).__name__
        raise UsageError(f"the database behind AUTH_DATABASE_URL does not let us in: {reason}") from error
    _say(f"auth, listening on {url}")
    await _serve(auth.app, listener)


async def _serve(app: Starlette, listener: socket.socket) -> None:
    server = SandboxServer(server_config(app))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Set explicitly: a shell's background job starts with SIGINT ignored.
        loop.add_signal_handler(number, server.stop)
    await server.serve(sockets=[listener])


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="agency-os-sandbox", description="The providers' protocols and a simulated world of people.")
    commands = parser.add_subparsers(required=True, metavar="serve|auth|oracle")
    serve = commands.add_parser("serve", help="serve on the loopback until stopped")
    auth = commands.add_parser("auth", help="serve the protocol of Supabase Auth on the loopback until stopped")
    for command, run, kept in ((serve, _run_world, "everything"), (auth, _run_auth, "the keys")):
        command.add_argument("--host", default="127.0.0.1", help="a loopback address")
        command.add_argument("--port", type=int, required=True, help="0 takes a free one")
        command.add_argument("--state", type=Path, required=True, help=f"the folder that keeps {kept}")
        command.set_defaults(run=run)
    oracle = commands.add_parser("oracle", help="print the log of requests in a state folder, a line of JSON each")
    oracle.add_argument("--state", type=Path, required=True, help="the folder of a sandbox that runs or ran")
    oracle.add_argument("--after", type=int, default=0, help="the sequence number of the last row known")
    oracle.set_defaults(run=None)
    serve.add_argument("--seed", type=int, help="the world's seed; kept in the state folder (7 at first)")
    serve.add_argument("--start", help="virtual time of the first start, ISO-8601 with zone; the present if left out")
    serve.add_argument("--api-url", required=True, help="the product's API, e.g. http://127.0.0.1:8000")
    return parser


def _options(given: argparse.Namespace, environment: Mapping[str, str]) -> Options:
    start: datetime | None = None if given.start is None else parse(given.start)
    return Options(given.state, _loopback_url(given.api_url), Secrets.read(environment), given.seed, start)


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
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _say(line: str) -> None:
    sys.stdout.write(f"agency-os-sandbox: {line}\n")
    sys.stdout.flush()
