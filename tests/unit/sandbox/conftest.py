"""Worlds that are closed when the test is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.factories.sandbox import SEED, World

NewWorld = Callable[[int], World]


@pytest.fixture
def new_world(tmp_path: Path) -> Iterator[NewWorld]:
    """Makes worlds of a seed, each in a folder of its own."""
    made: list[World] = []

    def make(seed: int) -> World:
        made.append(World(tmp_path / f"world-{len(made)}", seed=seed))
        return made[-1]

    yield make
    for each in made:
        each.store.close()


@pytest.fixture
def world(new_world: NewWorld) -> World:
    """One world of the usual seed."""
    return new_world(SEED)
