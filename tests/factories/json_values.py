"""Any JSON, for tests of what reads bodies from anybody: the names that the reader knows stand in it often."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st


def any_json(*names: str) -> st.SearchStrategy[Any]:
    """A JSON value, lone surrogates, NUL, infinities and whole numbers of any size included."""
    characters = st.text(st.characters(exclude_categories=()), max_size=12)
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | characters | _likely_texts()
    keys = st.sampled_from(names) | characters if names else characters
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6),
        max_leaves=20,
    )


def _likely_texts() -> st.SearchStrategy[str]:
    return st.sampled_from(
        [
            "2026-03-02T01:02:03Z", "0001-01-01T00:00:00+11:00", "Mon, 2 Mar 2026 01:02:03 +1100", "9" * 40,
            "Fri, 31 Dec 9999 23:59:59 -1200", "jo@company.example", "1e999", "NaN", "\ud800", "\x00",
        ]
    )  # fmt: skip
