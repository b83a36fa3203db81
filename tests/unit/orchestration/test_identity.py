from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agency_os.exceptions import UnavailableError
from agency_os.orchestration import identity
from agency_os.orchestration.identity import WorkerSlot

_HOLD = """
import sys, time
from pathlib import Path
from agency_os.orchestration.identity import WorkerSlot
slot = WorkerSlot(Path(sys.argv[1]))
print(slot.name, flush=True)
time.sleep(60)
"""


def test_living_workers_have_different_names(tmp_path: Path) -> None:
    slots = [WorkerSlot(tmp_path) for _ in range(3)]
    assert len({slot.name for slot in slots}) == 3
    for slot in slots:
        slot.release()


def test_a_released_name_is_the_next_workers(tmp_path: Path) -> None:
    first = WorkerSlot(tmp_path)
    first.release()
    second = WorkerSlot(tmp_path)
    assert second.name == first.name
    second.release()


def test_after_kill_9_the_name_is_free_at_once(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        name = holder.stdout.readline().strip()
        beside = WorkerSlot(tmp_path)
        holder.send_signal(signal.SIGKILL)
        holder.wait(timeout=10)
        successor = WorkerSlot(tmp_path)
    assert (beside.name != name, successor.name) == (True, name)
    beside.release()
    successor.release()


def test_two_state_folders_never_share_a_name(tmp_path: Path) -> None:
    slots = [WorkerSlot(tmp_path / name) for name in ("one", "two")]
    assert slots[0].name != slots[1].name
    for slot in slots:
        slot.release()


def test_a_full_folder_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "MOST_WORKERS", 1)
    only = WorkerSlot(tmp_path)
    with pytest.raises(UnavailableError, match="all 1 worker places"):
        WorkerSlot(tmp_path)
    only.release()


def test_a_folder_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    (tmp_path / "workers").write_text("a file")
    with pytest.raises(UnavailableError, match="the worker cannot use"):
        WorkerSlot(tmp_path)
