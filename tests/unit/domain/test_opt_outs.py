"""A wish to be left in peace is found however it is worded, and talk about stopping is none."""

from __future__ import annotations

import pytest

from agency_os.domain.misspellings import repaired
from agency_os.domain.opt_outs import OptOutScope, read_opt_out
from tests.unit.domain import reply_cases


@pytest.mark.parametrize("text", reply_cases.OPT_OUTS + reply_cases.SECOND_OPT_OUTS)
def test_a_plain_wish_is_sure(text: str) -> None:
    found = read_opt_out(text)
    assert found is not None
    assert found.sure, found


@pytest.mark.parametrize("text", reply_cases.POSSIBLE_OPT_OUTS)
def test_what_might_be_one_is_possible_and_not_sure(text: str) -> None:
    found = read_opt_out(text)
    assert found is not None
    assert not found.sure


@pytest.mark.parametrize("text", reply_cases.NO_OPT_OUTS + tuple(text for _, text in reply_cases.INTENTS))
def test_what_only_sounds_like_one_is_never_sure(text: str) -> None:
    found = read_opt_out(text)
    assert found is None or not found.sure, found


def test_few_texts_that_only_sound_like_one_are_held() -> None:
    held = [text for text in reply_cases.NO_OPT_OUTS if read_opt_out(text) is not None]
    assert len(held) <= 1, held


@pytest.mark.parametrize(
    "word", ["unsubcribe", "unsuscribe", "unsubscibe", "onsubscribe", "un-subscribe", "usubscribe"]
)
def test_misspelt_unsubscribing_is_understood(word: str) -> None:
    assert repaired(word) == "unsubscribe"


@pytest.mark.parametrize("word", ["remvoe", "rmove", "reomve"])
def test_misspelt_removing_is_understood(word: str) -> None:
    assert repaired(f"please {word} me") == "please remove me"


@pytest.mark.parametrize("word", ["subscribe", "remote", "removed", "deleted", "retailing", "contracting", "unsung"])
def test_a_word_of_its_own_is_left_as_it_is(word: str) -> None:
    assert repaired(word) == word


def test_a_wish_that_the_mail_program_wrapped_is_found() -> None:
    found = read_opt_out(
        "Thanks for your note but could you please take me off your\nmailing list when you get a chance?"
    )
    assert found is not None
    assert found.sure


@pytest.mark.parametrize(
    "text",
    [
        "I never want to hear from anyone again. Unsubscribe me.",
        "Remove us from all your lists.",
        "Unsubscribe me from all lists",
    ],
)
def test_a_wish_for_peace_from_all_binds_everyone(text: str) -> None:
    found = read_opt_out(text)
    assert found is not None
    assert found.scope is OptOutScope.EVERYONE


def test_colleagues_of_the_writer_are_not_every_client_of_ours() -> None:
    found = read_opt_out("Please do not contact me or anyone at Acme again.")
    assert found is not None
    assert found.scope is OptOutScope.CLIENT


@pytest.mark.parametrize(("text", "complaint"), [("This is spam. Remove me.", True), ("Please remove me.", False)])
def test_talk_of_spam_or_law_is_a_complaint(text: str, complaint: bool) -> None:
    found = read_opt_out(text)
    assert found is not None
    assert found.complaint is complaint


@pytest.mark.parametrize(("text", "erasure"), [("Please delete all my data.", True), ("Unsubscribe", False)])
def test_a_request_for_deletion_is_flagged(text: str, erasure: bool) -> None:
    found = read_opt_out(text)
    assert found is not None
    assert found.erasure is erasure
