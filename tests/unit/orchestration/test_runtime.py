from __future__ import annotations

from typing import Any

import pytest

from agency_os.exceptions import ConflictError, UnavailableError
from agency_os.orchestration.runtime import Runtime, current, provided


class Unprintable:
    def __repr__(self) -> str:
        raise AssertionError("services hold secrets")


def make(services: Any = None) -> Runtime:
    return Runtime(services, {})


def test_a_flow_finds_what_the_worker_has_provided() -> None:
    runtime = make()
    with provided(runtime):
        assert current() is runtime


def test_outside_a_worker_the_error_says_what_to_do() -> None:
    with pytest.raises(UnavailableError, match="start one with `agency-os worker`"):
        current()


def test_a_process_has_one_worker() -> None:
    with provided(make()), pytest.raises(ConflictError, match="already serves"), provided(make()):
        pass


def test_a_worker_that_fails_leaves_nothing_provided() -> None:
    with pytest.raises(RuntimeError, match="down"), provided(make()):
        raise RuntimeError("down")
    with pytest.raises(UnavailableError):
        current()


def test_services_do_not_show_when_the_runtime_is_printed() -> None:
    assert repr(make(Unprintable())) == "Runtime(ticks={})"
