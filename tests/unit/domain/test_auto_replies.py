"""Nothing automatic may answer what no person wrote (invariant 16), and no person is taken for a machine."""

from __future__ import annotations

import pytest

from agency_os.domain.auto_replies import AutoKind, AutoMail, read_auto_mail
from tests.factories.inbound_mail import inbound
from tests.unit.domain import reply_cases

_ABSENCE = "I am on annual leave and will be back on Monday 9 March."
_BELIEVED = 0.7


def auto(text: str, **changes: object) -> AutoMail | None:
    return read_auto_mail(inbound(text, **changes), text)


@pytest.mark.parametrize(
    "headers",
    [
        (("Auto-Submitted", "auto-replied"),),
        (("auto-submitted", "auto-generated; owner-email=a@b.example"),),
        (("X-Autoreply", "yes"),),
        (("Return-Path", "<>"),),
        (("Precedence", "auto_reply"),),
    ],
)
def test_the_header_of_an_automatic_answer_is_enough(headers: tuple[tuple[str, str], ...]) -> None:
    found = auto("Hello", headers=headers)
    assert found is not None
    assert found.kind is AutoKind.AUTO_REPLY


@pytest.mark.parametrize("headers", [(("Auto-Submitted", "no"),), (("X-Autoreply", "no"),), (("Precedence", "bulk"),)])
def test_a_header_that_says_nothing_or_is_weak_is_not_enough(headers: tuple[tuple[str, str], ...]) -> None:
    assert auto("Yes, let's talk.", headers=headers) is None


@pytest.mark.parametrize(
    "subject", ["Automatic reply: Hello", "Out of Office: Re: Hello", "Abwesenheitsnotiz", "自動返信: Hello"]
)
def test_the_subject_of_an_automatic_answer_is_enough(subject: str) -> None:
    found = auto(_ABSENCE, subject=subject)
    assert found is not None
    assert found.kind is AutoKind.OUT_OF_OFFICE


def test_our_own_subject_behind_the_prefix_makes_no_absence() -> None:
    found = auto("We have received your message.", subject="Automatic reply: Your office fit-out")
    assert found is not None
    assert found.kind is AutoKind.AUTO_REPLY


def test_an_automatic_answer_says_that_somebody_has_left() -> None:
    found = auto("Pat Smith no longer works for the company.", headers=(("Auto-Submitted", "auto-replied"),))
    assert found is not None
    assert found.kind is AutoKind.LEFT


def test_a_list_is_told_by_two_of_its_headers() -> None:
    headers = (("List-Id", "<news.acme.example>"), ("Precedence", "bulk"))
    found = auto("News", headers=headers, mailbox_hash="", in_reply_to=None)
    assert found is not None
    assert found.kind is AutoKind.LIST


def test_a_person_who_answers_from_a_shared_mailbox_is_no_list() -> None:
    assert auto("Yes, let's talk.", headers=(("List-Id", "<sales.acme.example>"),)) is None


@pytest.mark.parametrize("sender", ["ann@harbour.example", "ANN@HARBOUR.EXAMPLE"])
def test_our_own_sender_is_known_by_address_or_domain(sender: str) -> None:
    mail = inbound("Hello", from_email=sender)
    for own in ({"ann@harbour.example"}, {"harbour.example"}):
        found = read_auto_mail(mail, "Hello", own)
        assert found is not None
        assert found.kind is AutoKind.OWN


def test_a_person_who_promises_an_answer_is_not_surely_a_machine() -> None:
    found = auto("Thanks for your email. We will get back to you within a few business days.")
    assert found is None or found.confidence < _BELIEVED


@pytest.mark.parametrize(
    "text", [text for _, text in reply_cases.INTENTS + reply_cases.SECOND_INTENTS] + list(reply_cases.OPT_OUTS)
)
def test_a_persons_words_are_not_taken_for_automatic(text: str) -> None:
    found = auto(text)
    assert found is None or found.confidence < _BELIEVED
