"""Which parts of the stack are embedded, on which ports, and the environment of each process.

Input: the options and the state folder. Promise: a setting that the user gave is never overruled, but for PUBLIC_URL
beside the sandbox, whose people must not walk out of this machine; no process gets a secret it has no use for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from agency_os.config import (
    ALL_SETTINGS,
    PROVIDERS,
    Area,
    MailboxSettings,
    MailSettings,
    Settings,
    environment,
    load_migration_settings,
    load_settings,
)
from agency_os.db.bootstrap import APP_LOGIN, AUTH_LOGIN
from agency_os.exceptions import SettingsError
from agency_os.stack.embedded import LOOPBACK, postgres_dsn
from agency_os.stack.options import StackOptions
from agency_os.stack.sandbox_settings import product_environment
from agency_os.stack.state import Say, StateFolder

DATABASE = "agency_os"
PREFECT_DATABASE = "prefect"

_AREAS: tuple[type[Area], ...] = (*(area for _, area in PROVIDERS.values()), MailSettings, MailboxSettings)
PROVIDER_SETTINGS = frozenset(
    setting.name
    for area in _AREAS
    for setting in area.settings().values()
    if not setting.name.endswith("_REQUESTS_PER_SECOND")
)
"""One of these given means: the providers are the user's own, and the sandbox stays out."""

_FOREIGN = ("PREFECT_", "SANDBOX_", "AUTH_DATABASE_URL")


@dataclass(frozen=True, slots=True)
class Embedded:
    """Which parts we bring ourselves."""

    database: bool
    cache: bool
    auth: bool
    prefect: bool
    sandbox: bool

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Embedded:
        """What the user's settings leave to us."""
        return cls(
            database=not {"DATABASE_URL", "MIGRATION_DATABASE_URL"} & given.keys(),
            cache="REDIS_URL" not in given,
            auth="SUPABASE_URL" not in given,
            prefect="PREFECT_API_URL" not in given,
            sandbox=not PROVIDER_SETTINGS & given.keys(),
        )

    @property
    def postgres(self) -> bool:
        """Whether the embedded PostgreSQL runs: the product's database or Prefect's lives in it."""
        return self.database or self.prefect


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is decided before the first process starts.

    ``ports`` by service (only embedded ones); ``base`` is the environment for programs that are not ours, ``env`` the
    one of our own processes, ``settings`` the same loaded; ``owner_dsn`` is the login for migrations.
    """

    options: StackOptions
    embedded: Embedded
    state: Path
    ports: Mapping[str, int]
    secrets: Mapping[str, str] = field(repr=False)
    base: Mapping[str, str] = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    settings: Settings
    owner_dsn: str = field(repr=False)

    def url(self, service: str) -> str:
        """The address of a service that we run."""
        return _url(self.ports[service])

    def superuser_dsn(self, database: str) -> str:
        """The superuser's login on the embedded PostgreSQL."""
        return postgres_dsn(self.ports["postgres"], self.secrets["postgres"], database)

    @property
    def auth_dsn(self) -> str:
        """The embedded auth server's login, on the database that the migrations run on."""
        owner = urlsplit(self.owner_dsn)
        host = owner.netloc.rpartition("@")[2]
        return urlunsplit(owner._replace(netloc=f"{AUTH_LOGIN}:{self.secrets['auth']}@{host}"))


def make_plan(options: StackOptions, state: StateFolder, say: Say, *, fresh: bool) -> Plan:
    """Decide what runs where; ``fresh`` when the folder holds no embedded database yet.

    Raises:
        SettingsError: a setting is missing, malformed or forbids another; one line for each.
        StackError: the port asked for is taken, or the state is damaged.
    """
    embedded = Embedded.of(options.given)
    if options.virtual_time and not embedded.sandbox:
        raise SettingsError("real providers are never used in virtual time: leave their settings out, or run `up`")
    secrets = state.secrets(fresh=fresh)
    ports = _ports(options, embedded, state, say)
    base = _base_environment()
    own = {
        **_embedded_settings(options, embedded, ports, secrets),
        **{name: value for name, value in options.given.items() if name in ALL_SETTINGS},
        "AGENCY_OS_STATE": str(state.path),
    }
    if embedded.sandbox:
        own["PUBLIC_URL"] = _url(ports["api"])
    settings = _checked(own)
    env = {**base, **own, "PREFECT_HOME": str(state.path / "prefect")}
    return Plan(
        options, embedded, state.path, ports, secrets, base, env, settings, owner_dsn=own["MIGRATION_DATABASE_URL"]
    )


def running_settings(given: Mapping[str, str], state: StateFolder) -> dict[str, str]:
    """The settings of the embedded parts that run from ``state`` now, beside what the user has ``given``.

    Raises StackError when none runs.
    """
    embedded = Embedded.of(given)
    ports = state.running_ports()
    options = StackOptions(state=state.path, virtual_time=embedded.sandbox, given=given)
    found = _embedded_settings(options, embedded, ports, state.secrets(fresh=False))
    if embedded.sandbox:
        found["PUBLIC_URL"] = _url(ports["api"])
    return found


def _ports(options: StackOptions, embedded: Embedded, state: StateFolder, say: Say) -> dict[str, int]:
    wanted = {
        "postgres": embedded.postgres,
        "cache": embedded.cache,
        "auth": embedded.auth,
        "prefect": embedded.prefect,
        "sandbox": embedded.sandbox,
    }
    ports = {"api": state.port("api", say, wanted=options.api_port)}
    return ports | {name: state.port(name, say) for name, runs in wanted.items() if runs}


def _embedded_settings(
    options: StackOptions, embedded: Embedded, ports: Mapping[str, int], secrets: Mapping[str, str]
) -> dict[str, str]:
    env = {"TOKEN_SECRET": secrets["token_secret"], "SUPPRESSION_KEY": secrets["suppression_key"]}
    if embedded.database:
        port = ports["postgres"]
        env["DATABASE_URL"] = postgres_dsn(port, secrets["application"], DATABASE, user=APP_LOGIN)
        env["MIGRATION_DATABASE_URL"] = postgres_dsn(port, secrets["postgres"], DATABASE)
    if embedded.cache:
        env["REDIS_URL"] = f"redis://:{secrets['cache']}@{LOOPBACK}:{ports['cache']}/0"
    if embedded.auth:
        env["SUPABASE_URL"] = _url(ports["auth"])
    if embedded.prefect:
        env["PREFECT_API_URL"] = f"{_url(ports['prefect'])}/api"
    if embedded.sandbox:
        env |= product_environment(_url(ports["sandbox"]), secrets)
        if options.virtual_time:
            env["BUSINESS_CLOCK"] = f"{_url(ports['sandbox'])}/clock"
    return env


def _base_environment() -> dict[str, str]:
    """The user's environment without settings of ours and Prefect's, and with the loopback outside any proxy."""
    kept = {
        name: value
        for name, value in environment().items()
        if name not in ALL_SETTINGS and not name.startswith(_FOREIGN)
    }
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(filter(None, (kept.get(name, ""), LOOPBACK, "localhost")))
    return kept


def _checked(env: Mapping[str, str]) -> Settings:
    """The settings, with every fault reported at once, the owner's login among them."""
    faults: list[str] = []
    settings = None
    try:
        settings = load_settings(env)
    except SettingsError as error:
        faults += str(error).splitlines()
    if "MIGRATION_DATABASE_URL" not in env:
        try:
            load_migration_settings(env)
        except SettingsError as error:
            faults.append(str(error))
    if settings is None or faults:
        raise SettingsError("\n".join(faults))
    return settings


def _url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"
