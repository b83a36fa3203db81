"""The doctor's probes: each looks at one part over the wire, once and within seconds, and says what to do.

No probe spends money or writes anything: providers are touched at their base address, without a key. Mailboxes alone
are logged in to, since their servers say nothing else of an account.
"""

from __future__ import annotations

import json
import platform
import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

from agency_os.db.inspection import applied_versions, inspect_login
from agency_os.db.migrate import load_migrations
from agency_os.exceptions import AgencyOSError, UnavailableError
from agency_os.integrations.mailbox import MailboxTransport
from agency_os.integrations.mailbox_accounts import MailboxAccount
from agency_os.integrations.redis import Cache
from agency_os.integrations.supabase import read_keys
from agency_os.kit.clock import SystemClock, SystemWallClock, clock_from
from agency_os.kit.http import HttpRequest, HttpResponse, Timeouts, Transport
from agency_os.kit.retry import RateLimit
from agency_os.stack.diagnosis import Part, Whose, shown

Probe = Callable[[], Awaitable[Part]]
_QUICK: Final = Timeouts(connect=3.0, read=5.0, total=6.0)
_LEAST_FREE: Final = 1024**3
_OLDEST_POSTGRES: Final = 15
_NEWEST_POSTGRES: Final = 18
_OLDEST_PYTHON: Final = (3, 11)


def machine() -> Part:
    """Python and this release."""
    todo = "" if sys.version_info >= _OLDEST_PYTHON else "install Python 3.11 or newer"
    found = f"Agency OS {version('agency-os')}, Python {platform.python_version()}"
    return Part("machine", is_configured=True, whose=Whose.MACHINE, version=found, todo=todo)


def state_folder(path: Path) -> Part:
    """Where everything is kept: writable, with room."""
    path = path.resolve()
    nearest = next((each for each in (path, *path.parents) if each.exists()), path)
    free = shutil.disk_usage(nearest).free
    todo = ""
    if path.exists() and not _is_writable(path):
        todo = f"{path} cannot be written: set AGENCY_OS_STATE to another folder"
    elif free < _LEAST_FREE:
        todo = f"only {free // 1024**2} MB are free: make room, PostgreSQL stops when the disk is full"
    found = f"{free / 1024**3:.1f} GB free"
    return Part("state folder", is_configured=True, whose=Whose.MACHINE, version=found, address=str(path), todo=todo)


async def database(url: str, whose: Whose) -> Part:
    """The application's login: the server's version, and that the login has our roles and no more."""
    part = Part("database", is_configured=True, whose=whose, is_reachable=False, address=shown(url))
    try:
        found = await inspect_login(url)
    except UnavailableError as error:
        return _with(part, todo=f"DATABASE_URL: {error}")
    todo = ""
    if not _OLDEST_POSTGRES <= found.major <= _NEWEST_POSTGRES:
        todo = f"PostgreSQL {_OLDEST_POSTGRES} to {_NEWEST_POSTGRES} is supported"
    elif found.is_superuser:
        todo = "DATABASE_URL names a superuser, for whom row-level security does not hold: use the login agency_os_app"
    elif not found.has_our_roles:
        todo = "the login has not our roles: run `agency-os migrate`, and use the login agency_os_app in DATABASE_URL"
    return _with(part, is_reachable=True, version=f"PostgreSQL {found.version}", todo=todo)


async def schema(url: str, whose: Whose) -> Part:
    """The owner's login: which migrations are missing, or of a newer release than this one."""
    part = Part("schema", is_configured=True, whose=whose, is_reachable=False, address=shown(url))
    try:
        done = await applied_versions(url)
    except UnavailableError as error:
        return _with(part, todo=f"MIGRATION_DATABASE_URL: {error}")
    known = {each.version for each in load_migrations()}
    todo = ""
    if newer := sorted(done - known):
        todo = f"it belongs to a newer Agency OS ({', '.join(newer)}): upgrade this one; the data is untouched"
    elif missing := sorted(known - done):
        todo = f"{len(missing)} migrations are missing: run `agency-os migrate`"
    return _with(part, is_reachable=True, version=max(done, default="none"), todo=todo)


async def cache(url: str, whose: Whose) -> Part:
    """Redis or Valkey."""
    part = Part("cache", is_configured=True, whose=whose, is_reachable=False, address=shown(url))
    held = Cache(url, timeout=3)
    try:
        found = await held.server_version()
    finally:
        await held.aclose()
    if found is None:
        return _with(part, todo="REDIS_URL does not answer: start it, or check address and password; work goes on")
    return _with(part, is_reachable=True, version=found)


async def prefect(transport: Transport, url: str, api_key: str | None, whose: Whose) -> Part:
    """The Prefect server, beside the client we speak with."""
    part = Part("prefect", is_configured=True, whose=whose, is_reachable=False, address=shown(url))
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        response = await _get(transport, f"{url}/admin/version", headers)
        found = json.loads(response.body) if response.status == 200 else None
    except (UnavailableError, ValueError) as error:
        return _with(part, todo=f"PREFECT_API_URL does not answer ({error}): start it, or check the address")
    if not isinstance(found, str):
        return _with(part, todo=f"PREFECT_API_URL answers {response.status}: check address and PREFECT_API_KEY")
    ours = version("prefect")
    is_other = found.split(".")[:2] != ours.split(".")[:2]
    todo = f"it is {found}, and we speak {ours}: bring both to one minor version" if is_other else ""
    return _with(part, is_reachable=True, version=found, todo=todo)


async def auth(transport: Transport, url: str, has_secret: bool, whose: Whose) -> Part:
    """The auth server, and whether its tokens can be verified."""
    part = Part("accounts", is_configured=True, whose=whose, is_reachable=False, address=shown(url))
    try:
        health = await _get(transport, f"{url}/auth/v1/health")
        keys = read_keys((await _get(transport, f"{url}/auth/v1/.well-known/jwks.json")).body)
    except UnavailableError as error:
        return _with(part, todo=f"SUPABASE_URL does not answer as Supabase Auth does ({error}): check the address")
    todo = ""
    if not keys and not has_secret:
        todo = "the project publishes no keys: it signs with a shared secret; set SUPABASE_JWT_SECRET"
    return _with(part, is_reachable=True, version=_version_in(health.body), todo=todo)


async def provider(transport: Transport, name: str, url: str, published: str, *, is_sandbox: bool) -> Part:
    """A provider's address: any answer of it will do, since nothing is asked."""
    at = Whose.EMBEDDED if is_sandbox else Whose.PROVIDER if url.startswith(published) else Whose.OTHER
    part = Part(name, is_configured=True, whose=at, is_reachable=False, address=shown(url))
    try:
        await _get(transport, url)
    except UnavailableError as error:
        return _with(part, todo=f"it does not answer ({error}): check the network and the address")
    return _with(part, is_reachable=True)


async def mailbox(account: MailboxAccount) -> Part:
    """A client's own mailbox: logs in at both of its servers, sends and reads nothing."""
    at = f"{account.smtp.host}:{account.smtp.port}, {account.imap.host}:{account.imap.port}"
    part = Part(f"mailbox {account.address}", is_configured=True, whose=Whose.OWN, is_reachable=False, address=at)
    wall = SystemWallClock()
    try:
        await MailboxTransport(account, SystemClock(), RateLimit(1.0, wall)).check()
    except AgencyOSError as error:
        return _with(part, todo=f"{error}: check it in MAILBOXES_FILE")
    return _with(part, is_reachable=True)


async def clock(transport: Transport, setting: str, whose: Whose) -> Part:
    """Whose time the product lives in."""
    if setting == "system":
        return Part("business clock", is_configured=True, whose=Whose.MACHINE, version="the machine's")
    part = Part("business clock", is_configured=True, whose=whose, is_reachable=False, address=shown(setting))
    try:
        now = await clock_from(setting, transport).now()
    except AgencyOSError as error:
        return _with(part, todo=f"BUSINESS_CLOCK does not answer ({error}): start it, or leave the setting out")
    return _with(part, is_reachable=True, version=f"{now:%Y-%m-%d %H:%M} UTC")


async def api(transport: Transport, url: str) -> Part:
    """Our own API, where the world reaches it."""
    part = Part("API", is_configured=True, whose=Whose.OWN, is_reachable=False, address=shown(url))
    try:
        response = await _get(transport, f"{url}/health/ready")
        parts: Mapping[str, object] = json.loads(response.body).get("parts", {})
    except (UnavailableError, ValueError, AttributeError):
        return _with(
            part, todo="PUBLIC_URL does not lead to our API: start it with `agency-os up`, or mend the address"
        )
    away = [name for name, each in parts.items() if isinstance(each, dict) and not each.get("ok")]
    todo = f"it says that {', '.join(away)} is away" if away else ""
    return _with(part, is_reachable=True, todo=todo)


async def _get(transport: Transport, url: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
    return await transport.send(HttpRequest("GET", url, headers or {}, timeout=_QUICK))


def _with(part: Part, **changes: object) -> Part:
    known = {name: getattr(part, name) for name in Part.__slots__}
    return Part(**{**known, **changes})


def _version_in(body: bytes) -> str | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return str(found.get("version")) if isinstance(found, dict) and found.get("version") else None


def _is_writable(path: Path) -> bool:
    probe = path / ".doctor"
    try:
        probe.write_bytes(b"")
        probe.unlink()
    except OSError:
        return False
    return True
