"""What is wanted is sure only where one thing is said; whatever is mixed waits for a person."""

from __future__ import annotations

import pytest

from agency_os.domain.intents import Intent, database_intent, read_intent
from tests.unit.domain import reply_cases

_CASES = reply_cases.INTENTS + reply_cases.SECOND_INTENTS
_WISHES = {Intent.MEETING_REQUEST, Intent.INTERESTED}


@pytest.mark.parametrize(("wanted", "text"), _CASES)
def test_no_reply_is_surely_read_as_what_it_is_not(wanted: str, text: str) -> None:
    reading = read_intent(text)
    assert not reading.sure or reading.intent.value == wanted, reading


@pytest.mark.parametrize("kind", sorted({wanted for wanted, _ in _CASES} - {"unsure"}))
def test_most_of_each_kind_is_read_surely(kind: str) -> None:
    readings = [read_intent(text) for wanted, text in _CASES if wanted == kind]
    right = [reading for reading in readings if reading.sure and reading.intent.value == kind]
    assert len(right) >= 0.85 * len(readings), [reading for reading in readings if reading not in right]


def test_a_question_beside_a_yes_is_a_question() -> None:
    assert read_intent("Yes keen! What does it cost?").intent is Intent.QUESTION


def test_asking_for_a_time_is_no_question_that_needs_an_answer() -> None:
    reading = read_intent("Sounds good. When are you free?")
    assert (reading.intent, reading.sure) == (Intent.MEETING_REQUEST, True)


def test_a_wish_with_a_condition_is_not_sure() -> None:
    assert not read_intent("Keen, if you can do it for under a grand.").sure


def test_a_wish_and_a_no_together_are_not_sure() -> None:
    assert read_intent("Sounds great. No thanks though, we already have an agency.").intent is Intent.UNSURE


def test_the_words_of_a_no_hold_no_interest() -> None:
    reading = read_intent("We're not interested.")
    assert (reading.intent, reading.sure) == (Intent.NOT_INTERESTED, True)


def test_a_long_letter_is_never_sure() -> None:
    assert not read_intent("We make gates and fences. " * 60 + "Let's talk.").sure


def test_each_intent_maps_to_a_database_value_or_to_none() -> None:
    assert {intent: database_intent(intent) for intent in Intent} == {
        Intent.MEETING_REQUEST: "meeting_request",
        Intent.INTERESTED: "interested",
        Intent.QUESTION: "question",
        Intent.NOT_INTERESTED: "not_interested",
        Intent.NOT_NOW: "not_interested",
        Intent.WRONG_PERSON: None,
        Intent.UNSURE: None,
    }
