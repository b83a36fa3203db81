"""`agency-os env`: where the stack that runs on this machine is reached, as lines for a shell. No secrets."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from types import MappingProxyType
from typing import Final

from agency_os.config import RuntimeSettings, given_settings
from agency_os.stack.state import StateFolder

NAMES: Final = MappingProxyType(
    {"api": "API_URL", "auth": "SUPABASE_URL", "prefect": "PREFECT_API_URL", "sandbox": "SANDBOX_URL"}
)
"""Service → the variable that names its address; the same as the setting's, where there is one."""


def command() -> None:
    """Print the addresses; use it as `eval "$(agency-os env)"`."""
    given = given_settings()
    state = StateFolder(Path(given.get("AGENCY_OS_STATE") or RuntimeSettings.model_fields["state"].default))
    embedded = state.addresses()
    for service, name in NAMES.items():
        if (address := given.get(name) or embedded.get(service)) is not None:
            suffix = "/api" if service == "prefect" and name not in given else ""
            sys.stdout.write(f"export {name}={shlex.quote(address + suffix)}\n")
