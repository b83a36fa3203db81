from __future__ import annotations

import asyncio

import pytest

from agency_os.exceptions import OpenTransactionError
from agency_os.kit.transaction import is_open, mark_open, refuse_if_open


def test_network_is_refused_only_inside_the_transaction() -> None:
    with mark_open(), pytest.raises(OpenTransactionError):
        refuse_if_open()
    refuse_if_open()


def test_the_outer_transaction_stays_open_after_the_inner_one() -> None:
    with mark_open():
        with mark_open():
            assert is_open()
        assert is_open()
    assert not is_open()


def test_an_error_inside_closes_the_mark() -> None:
    with pytest.raises(RuntimeError), mark_open():
        raise RuntimeError
    assert not is_open()


async def test_a_child_task_is_refused_while_the_transaction_lasts_and_free_after_it() -> None:
    seen: list[bool] = []
    over = asyncio.Event()

    async def child() -> None:
        seen.append(is_open())
        await over.wait()
        seen.append(is_open())

    with mark_open():
        task = asyncio.create_task(child())
        await asyncio.sleep(0)
    over.set()
    await task
    assert seen == [True, False]


async def test_a_neighbouring_task_is_not_affected() -> None:
    async def neighbour() -> bool:
        return is_open()

    task = asyncio.create_task(neighbour())
    with mark_open():
        assert await task is False
