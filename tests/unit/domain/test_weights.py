"""Weights of the ALS: what is a set of weights, and whose apply (design decision 23)."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from agency_os.domain.als import COMPONENT_MAX, Component
from agency_os.domain.weights import (
    CONFIDENT,
    DEFAULT_WEIGHTS,
    LearnedWeights,
    Weights,
    WeightSource,
    choose_weights,
    read_weights,
)
from agency_os.exceptions import InvalidInputError

NOW = datetime(2026, 11, 23, tzinfo=UTC)
EVEN = dict.fromkeys((each.value for each in Component), 20)
LEAN = {"data_quality": 10, "authority": 40, "company_fit": 30, "timing": 10.5, "risk": 9.5}


def learned(confidence: float = 0.9, valid: timedelta = timedelta(days=1)) -> LearnedWeights:
    return LearnedWeights(LEAN, confidence, NOW + valid)


def test_the_defaults_are_20_25_25_15_15() -> None:
    assert [DEFAULT_WEIGHTS.values[each] for each in Component] == [20, 25, 25, 15, 15]
    assert dict(DEFAULT_WEIGHTS.values) == COMPONENT_MAX


def test_confident_means_070() -> None:
    assert CONFIDENT == 0.70


def test_confident_learned_weights_come_first() -> None:
    chosen = choose_weights(now=NOW, learned=learned(0.70), icp=EVEN, icp_confirmed=True)
    assert chosen.source is WeightSource.LEARNED
    assert chosen.values[Component.AUTHORITY] == 40


@pytest.mark.parametrize(
    "weak", [learned(0.69), learned(math.nan), learned(valid=timedelta(0)), learned(valid=timedelta(days=-1))]
)
def test_learned_weights_that_are_unsure_or_old_yield_to_the_icps(weak: LearnedWeights) -> None:
    assert choose_weights(now=NOW, learned=weak, icp=EVEN, icp_confirmed=True).source is WeightSource.ICP


def test_weights_of_an_icp_that_nobody_confirmed_do_not_count() -> None:
    assert choose_weights(now=NOW, icp=EVEN, icp_confirmed=False) is DEFAULT_WEIGHTS


@pytest.mark.parametrize("icp", [None, {}])
def test_an_icp_without_weights_leaves_the_defaults(icp: dict[str, object] | None) -> None:
    assert choose_weights(now=NOW, icp=icp, icp_confirmed=True) is DEFAULT_WEIGHTS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"risk": 21}, "must sum to 100, not 101"),
        ({"risk": 0}, "must sum to 100, not 80"),
        ({"risk": -10, "timing": 50}, "must not be negative"),
        ({"risk": math.nan}, "must not be negative"),
        ({"risk": math.inf}, "must sum to 100"),
        ({"risk": "20"}, "the weight of risk must be a number"),
        ({"risk": True}, "the weight of risk must be a number"),
        ({"luck": 0}, "unknown ALS component 'luck'"),
    ],
)
def test_what_is_no_set_of_weights_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        read_weights({**EVEN, **change}, WeightSource.ICP)


def test_a_missing_component_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="need exactly data_quality, authority, company_fit, timing, risk"):
        read_weights({name: weight for name, weight in EVEN.items() if name != "risk"}, WeightSource.ICP)


def test_a_refusal_names_the_weight() -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_weights({**EVEN, "risk": None}, WeightSource.ICP)
    assert caught.value.field == "als_weights.risk"


def test_binary_fractions_may_sum_to_nearly_a_hundred() -> None:
    third = 100 / 3
    values = {"data_quality": third, "authority": third, "company_fit": third, "timing": 0, "risk": 0}
    assert read_weights(values, WeightSource.LEARNED).values[Component.RISK] == 0


def test_weights_survive_their_stored_form() -> None:
    weights = read_weights(LEAN, WeightSource.LEARNED)
    assert read_weights(weights.to_json(), WeightSource.LEARNED) == weights
    assert weights.to_json() == {**LEAN, "source": "learned"}


def test_weights_made_without_a_source_are_defaults() -> None:
    assert Weights(dict.fromkeys(Component, 20.0)).source is WeightSource.DEFAULT
