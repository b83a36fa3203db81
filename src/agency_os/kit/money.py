"""Australian dollars as exact decimals: costs to four places, prices to two, never a float."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TypeAlias

Aud: TypeAlias = Decimal
"""An amount in Australian dollars."""

COST_QUANTUM = Decimal("0.0001")
"""The step of a cost in the ledger."""

PRICE_QUANTUM = Decimal("0.01")
"""The step of a price."""


def aud(value: str | int | Decimal) -> Aud:
    """An exact amount. Raises ValueError for what is no finite number, TypeError for a float, which is never exact."""
    if isinstance(value, float | bool):
        raise TypeError("money is exact: give a string or a Decimal, not a float")
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"not an amount: {value!r}") from None
    if not amount.is_finite():
        raise ValueError(f"not an amount: {value!r}")
    return amount


def to_cost(amount: Decimal) -> Aud:
    """``amount`` rounded to the step of a cost, halves away from zero."""
    return amount.quantize(COST_QUANTUM, ROUND_HALF_UP)


def to_price(amount: Decimal) -> Aud:
    """``amount`` rounded to the step of a price, halves away from zero."""
    return amount.quantize(PRICE_QUANTUM, ROUND_HALF_UP)


def format_aud(amount: Decimal) -> str:
    """``A$1,250.00``; below zero ``-A$5.00``."""
    rounded = to_price(amount)
    sign = "-" if rounded < 0 else ""
    return f"{sign}A${abs(rounded):,.2f}"
