from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from agency_os.orchestration.environment import SERVER_ENVIRONMENT, WORKER_ENVIRONMENT, enter_worker_environment

API = "http://127.0.0.1:4200/api"


@pytest.fixture
def settings(tmp_path: Path) -> Any:
    return SimpleNamespace(
        runtime=SimpleNamespace(state=tmp_path), prefect=SimpleNamespace(api_url=API, api_key=SecretStr("pnu_1"))
    )


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*WORKER_ENVIRONMENT, "PREFECT_HOME", "PREFECT_API_URL", "PREFECT_API_KEY"):
        monkeypatch.setenv(name, "x")  # so that it is put back at the end
        monkeypatch.delenv(name)


def test_neither_process_phones_home() -> None:
    for environment in (SERVER_ENVIRONMENT, WORKER_ENVIRONMENT):
        assert (environment["DO_NOT_TRACK"], environment["PREFECT_SERVER_ANALYTICS_ENABLED"]) == ("1", "false")


def test_the_worker_speaks_to_our_server_and_keeps_its_files_in_our_state(settings: Any, tmp_path: Path) -> None:
    os.environ["PREFECT_API_URL"] = "https://elsewhere.example/api"
    enter_worker_environment(settings)
    assert os.environ["PREFECT_API_URL"] == API
    assert os.environ["PREFECT_HOME"] == str(tmp_path / "prefect")
    assert os.environ["PREFECT_API_KEY"] == "pnu_1"


def test_a_setting_of_the_users_stands(settings: Any) -> None:
    os.environ["PREFECT_LOGGING_LEVEL"] = "DEBUG"
    enter_worker_environment(settings)
    assert os.environ["PREFECT_LOGGING_LEVEL"] == "DEBUG"
    assert os.environ["PREFECT_CLIENT_MAX_RETRIES"] == "2"


def test_prefect_is_not_imported_before_it_can_be_set_up() -> None:
    modules = ("environment", "identity", "deployments", "run_queue", "runner", "runtime", "schedules.scheduled_jobs")
    imports = "; ".join(f"import agency_os.orchestration.{name}" for name in modules)
    script = f"import sys; {imports}; import agency_os.cli.worker; print('prefect' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"
