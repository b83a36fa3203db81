"""How many segments a text message is charged as: 3GPP TS 23.038 (the GSM alphabet) and 23.040 (concatenation).

A text within the GSM alphabet holds 160 places, or 153 in each of several segments; any other text is sent as UTF-16
and holds 70, or 67. A character that takes two places is never split between two segments.
"""

from __future__ import annotations

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
"""Behind an escape: two places each."""


def count_segments(text: str) -> int:
    """The segments of a text message; 0 for an empty one."""
    if all(character in _BASIC or character in _EXTENDED for character in text):
        return _packed([2 if character in _EXTENDED else 1 for character in text], alone=160, together=153)
    return _packed([2 if ord(character) > 0xFFFF else 1 for character in text], alone=70, together=67)


def _packed(places: list[int], *, alone: int, together: int) -> int:
    if sum(places) <= alone:
        return 1 if places else 0
    segments, used = 1, 0
    for each in places:
        if used + each > together:
            segments, used = segments + 1, 0
        used += each
    return segments
