"""The segments of text messages: what the GSM alphabet holds, what it does not, and where a cut may not fall."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.kit.sms import count_segments
from agency_os_sandbox.providers.twilio_people import segments_of

TEXTS = st.lists(st.sampled_from(["a" * 50, "é", "€", "[x]", "ç", "😀", "😀" * 30, " ", "\n", "{" * 40]), max_size=30)


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 0),
        ("a", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" * 77, 3),  # the first € would be cut in two, so it and its place move on
        ("ç" * 70, 1),
        ("ç" * 71, 2),
        ("ç" * 134, 2),
        ("ç" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 66, 2),
        ("😀" * 67, 3),  # 33 fit into a segment of 67, and the 67th is alone
        ("Grüße aus Köln, für 5 £ @ Søren", 1),
        ("it’s" + "a" * 67, 2),  # a curly apostrophe is not in the GSM alphabet
    ],
)
def test_what_a_text_is_charged_as(text: str, segments: int) -> None:
    assert count_segments(text) == segments


@given(TEXTS)
def test_the_sandbox_counts_the_same_by_other_means(parts: list[str]) -> None:
    text = "".join(parts)
    assert count_segments(text) == (segments_of(text) if text else 0)


@given(st.text(min_size=1, max_size=300))
def test_any_text_has_a_count_within_its_bounds(text: str) -> None:
    assert 1 <= count_segments(text) <= -(-2 * len(text) // 66)
