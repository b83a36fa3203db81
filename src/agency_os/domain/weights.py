"""Weights of the ALS components, and which of a client's weights apply (design decision 23).

A component counts its points ÷ its maximum × its weight. Weights sum to 100, so the default ones, equal to the
components' maxima, give the blueprint's formula exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from agency_os.domain.als import COMPONENT_MAX, MAX_SCORE, Component
from agency_os.exceptions import InvalidInputError

_TOLERANCE: Final = 1e-6


class WeightSource(StrEnum):
    """Where the weights in use come from."""

    LEARNED = "learned"
    ICP = "icp"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Weights:
    """One weight per component, none negative, summing to 100; raises InvalidInputError otherwise."""

    values: Mapping[Component, float]
    source: WeightSource = WeightSource.DEFAULT

    def __post_init__(self) -> None:
        """Checks completeness, signs and sum."""
        if set(self.values) != set(Component):
            raise InvalidInputError(f"ALS weights need exactly {', '.join(Component)}", field="als_weights")
        # written so that NaN fails as well
        if not all(value >= 0 for value in self.values.values()):
            raise InvalidInputError("ALS weights must not be negative", field="als_weights")
        total = sum(self.values.values())
        if not abs(total - MAX_SCORE) <= _TOLERANCE:
            raise InvalidInputError(f"ALS weights must sum to {MAX_SCORE}, not {total:g}", field="als_weights")

    def to_json(self) -> dict[str, float | str]:
        """The form stored in ``als_weights_used``: a weight per component and the source."""
        return {**{component.value: self.values[component] for component in Component}, "source": self.source.value}


DEFAULT_WEIGHTS: Final = Weights(
    MappingProxyType({component: float(most) for component, most in COMPONENT_MAX.items()}), WeightSource.DEFAULT
)

CONFIDENT: Final = 0.70
"""Learned weights count from this confidence on (the same bar as for enriched data)."""


@dataclass(frozen=True, slots=True)
class LearnedWeights:
    """Weights that the WHO detector proposed: ``confidence`` 0–1, out of use after ``valid_until`` (aware UTC)."""

    values: Mapping[str, float]
    confidence: float
    valid_until: datetime


def read_weights(stored: Mapping[str, object], source: WeightSource) -> Weights:
    """Weights from a JSON object of component name → number; raises InvalidInputError when it is not one.

    A ``source`` among the keys, as ``Weights.to_json`` writes it, is passed over.
    """
    values: dict[Component, float] = {}
    for name, value in stored.items():
        if name == "source":
            continue
        if name not in set(Component):
            raise InvalidInputError(f"unknown ALS component {name!r}", field="als_weights")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidInputError(f"the weight of {name} must be a number", field=f"als_weights.{name}")
        values[Component(name)] = float(value)
    return Weights(MappingProxyType(values), source)


def choose_weights(
    *,
    now: datetime,
    learned: LearnedWeights | None = None,
    icp: Mapping[str, object] | None = None,
    icp_confirmed: bool = False,
) -> Weights:
    """Learned weights that are confident and still valid, else the confirmed ICP's, else the defaults."""
    if learned is not None and learned.confidence >= CONFIDENT and now < learned.valid_until:
        return read_weights(learned.values, WeightSource.LEARNED)
    if icp and icp_confirmed:
        return read_weights(icp, WeightSource.ICP)
    return DEFAULT_WEIGHTS
