"""The state folder: one supervisor at a time, everything made once, and plain words where it is damaged."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import psutil
import pytest

from agency_os.exceptions import StackError
from agency_os.stack.state import StateFolder, end_group, group_members


def _silent(_: str) -> None:
    return


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    folder = StateFolder(tmp_path / "state")
    with folder.hold(_silent):
        pass
    return folder


@contextmanager
def _listening() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield int(taken.getsockname()[1])


@contextmanager
def _sleeper(script: str = "trap '' TERM INT; sleep 60 & wait; wait") -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, by default with a child and deaf to being asked to stop."""
    with subprocess.Popen(["/bin/sh", "-c", script], process_group=0) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)


def test_a_second_supervisor_is_refused_and_told_which_process_holds_the_folder(state: StateFolder) -> None:
    with (
        state.hold(_silent),
        pytest.raises(StackError, match=rf"^process {os.getpid()} already runs Agency OS from .* AGENCY_OS_STATE"),
        StateFolder(state.path).hold(_silent),
    ):
        pass


def test_the_lock_of_a_dead_process_is_taken_over_and_said(state: StateFolder) -> None:
    (state.path / "lock").write_text("4194304")
    said: list[str] = []
    with state.hold(said.append):
        assert said == ["the last run (process 4194304) did not stop cleanly: taking over its lock and its state"]
    assert (state.path / "lock").read_text() == ""


def test_what_a_killed_run_left_running_is_ended(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agency_os.stack.state._ORPHAN_SECONDS", 0.3)
    said: list[str] = []
    with _sleeper() as process:
        state.note_process("worker", process.pid)
        with state.hold(said.append):
            assert said == [f"ended worker (process {process.pid}), left over from the last run"]
        assert process.wait(5) != 0
        assert group_members(process.pid) == []


def test_what_was_started_last_is_ended_first(state: StateFolder) -> None:
    said: list[str] = []
    with _sleeper("exec sleep 60") as database, _sleeper("exec sleep 60") as worker:
        state.note_process("postgres", database.pid)
        state.note_process("worker", worker.pid)
        with state.hold(said.append):
            assert [line.split()[1] for line in said] == ["worker", "postgres"]


def test_a_stranger_with_a_recycled_number_is_left_alone() -> None:
    with _sleeper() as process:
        assert not end_group(process.pid, psutil.Process(process.pid).create_time() - 100)
        assert process.poll() is None


def test_secrets_are_made_once_and_are_the_users_alone(state: StateFolder) -> None:
    made = state.secrets(fresh=True)
    assert state.secrets(fresh=False) == made
    assert (state.path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert len(set(made.values())) == len(made)


def test_a_folder_of_an_older_version_gets_the_secrets_that_it_lacks(state: StateFolder) -> None:
    made = state.secrets(fresh=True)
    older = {name: secret for name, secret in made.items() if name != "auth"}
    (state.path / "secrets.json").write_text(json.dumps(older))
    completed = state.secrets(fresh=False)
    assert {name: completed[name] for name in older} == older
    assert state.secrets(fresh=False)["auth"] == completed["auth"] != made["auth"]


def test_lost_secrets_of_a_database_that_exists_are_not_made_anew(state: StateFolder) -> None:
    with pytest.raises(StackError, match=r"secrets.json is missing: restore it from a copy, or remove the whole"):
        state.secrets(fresh=False)
    assert not (state.path / "secrets.json").exists()


def test_a_service_keeps_its_port(state: StateFolder) -> None:
    assert state.port("api", _silent) == state.port("api", _silent)


def test_a_port_that_is_taken_since_is_replaced_and_said(state: StateFolder) -> None:
    said: list[str] = []
    with _listening() as taken:
        (state.path / "ports.json").write_text(json.dumps({"api": taken}))
        chosen = state.port("api", said.append)
    assert chosen != taken
    assert said == [f"port {taken} of api is taken by another program: using {chosen}"]


def test_a_port_asked_for_that_is_taken_is_refused(state: StateFolder) -> None:
    with _listening() as taken, pytest.raises(StackError, match=rf"^port {taken} is taken by another program"):
        state.port("api", _silent, wanted=taken)


def test_services_never_share_a_port(state: StateFolder) -> None:
    ports = [state.port(name, _silent) for name in ("a", "b", "c", "d", "e")]
    assert len(set(ports)) == 5


@pytest.mark.parametrize("content", ["", "{", "[]", '{"api": "8000"}', "\udcff"])
def test_a_damaged_file_is_named_with_what_to_do_and_kept(state: StateFolder, content: str) -> None:
    path = state.path / "ports.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(StackError, match=r"ports.json is damaged: restore it from a copy, or remove it: other ports"):
        state.port("api", _silent)
    assert path.exists()


def test_a_folder_that_cannot_be_made_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StackError, match=r"^the state folder .* cannot be written: Not a directory"),
        StateFolder(tmp_path / "file" / "state").hold(_silent),
    ):
        pass


def test_an_interrupted_write_leaves_the_old_file(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state.secrets(fresh=True)

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(json, "dump", crash)
    with pytest.raises(KeyboardInterrupt):
        state.port("api", _silent)
    assert state.secrets(fresh=False) == before


def test_the_lock_is_freed_by_the_death_of_its_process(state: StateFolder) -> None:
    program = (
        "import os, sys; from pathlib import Path; from agency_os.stack.state import StateFolder\n"
        "with StateFolder(Path(sys.argv[1])).hold(print): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(state.path)], check=False)
    said: list[str] = []
    with state.hold(said.append):
        assert "did not stop cleanly" in said[0]


def test_a_port_that_its_last_holder_gives_up_in_a_moment_is_kept(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    said: list[str] = []
    with folder.hold(said.append):
        port = folder.port("cache", said.append)
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", port))
            holder.listen()
            Timer(0.3, holder.close).start()
            assert folder.port("cache", said.append) == port
    assert said == []


def test_addresses_are_those_of_the_parts_that_run_from_the_folder(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    with state.hold(lambda _: None):
        port = state.port("api", lambda _: None)
        state.port("auth", lambda _: None)
        state.note_process("api", os.getpid())
        assert state.addresses() == {"api": f"http://127.0.0.1:{port}"}
        state.forget_process("api")


def test_addresses_of_a_folder_from_which_nothing_runs_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="start it with `agency-os up`"):
        StateFolder(tmp_path).addresses()
