"""Guards the rule that nothing is sent over the network while a database transaction is open.

The session marks the span of its transaction; every transport asks first. The mark follows the context of the task and
its children, and a child that outlives the transaction is free again once it has ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from agency_os.exceptions import OpenTransactionError


@dataclass
class _Mark:
    outer: _Mark | None
    is_open: bool = True


_innermost: ContextVar[_Mark | None] = ContextVar("agency_os_open_transaction", default=None)


@contextmanager
def mark_open() -> Iterator[None]:
    """Mark a transaction as open for the span of the ``with`` block; nests."""
    outer = _innermost.get()
    mark = _Mark(outer)
    _innermost.set(mark)
    try:
        yield
    finally:
        # Not a token reset: a generator may be closed in another context than the one that opened it.
        mark.is_open = False
        _innermost.set(outer)


def is_open() -> bool:
    """Whether a transaction is open in this context."""
    mark = _innermost.get()
    while mark is not None:
        if mark.is_open:
            return True
        mark = mark.outer
    return False


def refuse_if_open() -> None:
    """Raise OpenTransactionError while a transaction is open in this context."""
    if is_open():
        raise OpenTransactionError("a network call was tried inside a database transaction: commit first, then call")
