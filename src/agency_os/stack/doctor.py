"""`agency-os doctor`: every part, as the settings and the state folder of this machine name it, looked at at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from agency_os.config import (
    AREAS,
    PROVIDERS,
    CacheSettings,
    DatabaseSettings,
    MailboxSettings,
    MigrationSettings,
    PrefectSettings,
    RuntimeSettings,
    SupabaseSettings,
)
from agency_os.config.setting import Area, AreaT, is_absent, read_area
from agency_os.exceptions import SettingsError, StackError
from agency_os.integrations.mailbox_accounts import read_accounts
from agency_os.kit.http import Transport
from agency_os.stack import probes
from agency_os.stack.diagnosis import Part, Whose
from agency_os.stack.plan import Embedded, running_settings
from agency_os.stack.state import StateFolder

_CLAY: Final = "https://api.clay.com/"
"""Each table has an address of its own below this one."""
_MAILBOXES: Final = "Mailboxes"
_CHECKED: Final = {"database", "cache", "supabase", "prefect", "runtime", "mailbox", *PROVIDERS}
"""Areas whose faults stand with their part; those of the others have a line of their own."""


async def examine(given: Mapping[str, str], transport: Transport) -> list[Part]:
    """Every part of the machine whose user has ``given`` these settings; what is embedded is found where it runs."""
    folder = Path(given.get("AGENCY_OS_STATE") or RuntimeSettings.model_fields["state"].default)
    embedded = Embedded.of(given)
    asleep: list[Part] = []
    try:
        env = {**running_settings(given, StateFolder(folder)), **given}
    except StackError as error:
        env = dict(given)
        asleep = [
            Part(name, is_configured=True, whose=Whose.EMBEDDED, is_reachable=False, todo=str(error))
            for name in _embedded_parts(embedded)
        ]
    asked, faults = _probes(env, embedded, transport, {part.name for part in asleep})
    reached = await asyncio.gather(*(probe() for probe in asked))
    return [probes.machine(), probes.state_folder(folder), *reached, *asleep, *faults]


def _embedded_parts(embedded: Embedded) -> list[str]:
    parts = {
        "database": embedded.database,
        "schema": embedded.database,
        "cache": embedded.cache,
        "accounts": embedded.auth,
        "prefect": embedded.prefect,
        **dict.fromkeys((*(name for name, _ in PROVIDERS.values()), "business clock"), embedded.sandbox),
        "API": embedded.sandbox,
    }
    return [name for name, is_embedded in parts.items() if is_embedded]


def _probes(
    env: Mapping[str, str], embedded: Embedded, transport: Transport, asleep: set[str]
) -> tuple[Sequence[probes.Probe], list[Part]]:
    """What to ask, and the parts whose settings do not even allow it."""
    ask = _Asked(env, asleep)
    if (found := ask.settings(DatabaseSettings, "database")) is not None:
        url = found.url.get_secret_value()
        ask.add(lambda: probes.database(url, _whose(embedded.database)))
    if (owner := ask.settings(MigrationSettings, "schema")) is not None:
        owner_url = owner.migration_url.get_secret_value()
        ask.add(lambda: probes.schema(owner_url, _whose(embedded.database)))
    if (held := ask.settings(CacheSettings, "cache")) is not None:
        cache_url = held.url.get_secret_value()
        ask.add(lambda: probes.cache(cache_url, _whose(embedded.cache)))
    if (people := ask.settings(SupabaseSettings, "accounts")) is not None:
        auth = people
        ask.add(lambda: probes.auth(transport, auth.url, auth.jwt_secret is not None, _whose(embedded.auth)))
    if (server := ask.settings(PrefectSettings, "prefect")) is not None:
        api_url, key = server.api_url, server.api_key.get_secret_value() if server.api_key else None
        ask.add(lambda: probes.prefect(transport, api_url, key, _whose(embedded.prefect)))
    for name, area in PROVIDERS.values():
        ask.provider(name, area, transport, embedded)
    ask.mailboxes(embedded)
    if (runtime := ask.settings(RuntimeSettings, "API", "business clock")) is not None:
        public, clock = runtime.public_url, runtime.business_clock
        ask.add(lambda: probes.clock(transport, clock, _whose(embedded.sandbox)))
        ask.add(lambda: probes.api(transport, public))
    ask.rest()
    return ask.probes, ask.faults


class _Asked:
    """Collects probes, and the settings that are missing or malformed."""

    def __init__(self, env: Mapping[str, str], asleep: set[str]) -> None:
        self._env = env
        self._asleep = asleep
        self.probes: list[probes.Probe] = []
        self.faults: list[Part] = []

    def add(self, probe: probes.Probe) -> None:
        self.probes.append(probe)

    def settings(self, area: type[AreaT], *parts: str) -> AreaT | None:
        """The settings of a part; None where they are faulty, or it is embedded and does not run."""
        if set(parts) & self._asleep:
            return None
        loaded, lines = read_area(area, self._env)
        if loaded is None:
            self._fault(parts[0], lines)
        return loaded

    def provider(self, name: str, area: type[Area], transport: Transport, embedded: Embedded) -> None:
        """Touch a provider at its address, where it is used."""
        if name not in self._asleep and is_absent(area, self._env):
            key = next(each.name for field, each in area.settings().items() if area.model_fields[field].is_required())
            self.faults.append(Part(name, is_configured=False, whose=None, hint=f"{key} would connect it"))
            return
        loaded = self.settings(area, name)
        if loaded is not None:
            url = str(getattr(loaded, "base_url"))  # noqa: B009 - the area is known only at run time
            default = area.model_fields["base_url"].default
            published = default if isinstance(default, str) else _CLAY
            self.add(lambda: probes.provider(transport, name, url, published, is_sandbox=embedded.sandbox))

    def mailboxes(self, embedded: Embedded) -> None:
        """Log in to each mailbox, where there are any; the sandbox has none."""
        if is_absent(MailboxSettings, self._env):
            if not embedded.sandbox:
                hint = "MAILBOXES_FILE would connect them"
                self.faults.append(Part(_MAILBOXES, is_configured=False, whose=None, hint=hint))
        elif (loaded := self.settings(MailboxSettings, _MAILBOXES)) is not None:
            try:
                accounts = read_accounts(loaded.file)
            except SettingsError as error:
                self._fault(_MAILBOXES, [str(error)])
                return
            for account in accounts.values():
                self.add(partial(probes.mailbox, account))

    def rest(self) -> None:
        """Faults in what is not reached over a network: keys of our own, webhook credentials, costs."""
        for name, area in AREAS.items():
            if name not in _CHECKED and not self._asleep and not is_absent(area, self._env):
                lines = read_area(area, self._env)[1]
                if lines:
                    self._fault(name, lines)

    def _fault(self, name: str, lines: list[str]) -> None:
        self.faults.append(Part(name, is_configured=False, whose=None, todo="; ".join(lines)))


def _whose(is_embedded: bool) -> Whose:
    return Whose.EMBEDDED if is_embedded else Whose.OWN
