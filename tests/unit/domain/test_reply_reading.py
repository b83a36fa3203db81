"""The order in which a mail is read, and that nothing in it can make the reading fail or drag on."""

from __future__ import annotations

import csv
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agency_os.domain.mail import ReportPart
from agency_os.domain.reply_reading import ReplyKind, ReplyReading, read_reply
from agency_os_sandbox.world.wording import WORDING
from tests.factories.inbound_mail import inbound
from tests.support.needs import SHARED

_FILLED = {
    "sender": "Ann",
    "first": "Pat",
    "company": "Acme",
    "city": "Perth",
    "phone": "0412 345 678",
    "back": "Monday 9 March",
    "back_short": "09/03/2026",
    "colleague": "Sarah",
    "mailbox": "info@acme.example",
}
_FOOTER = (
    "\n\nKind regards,\n\nPat Smith\nDirector | Acme\nP (08) 9123 4567 | Perth\n\n"
    "We acknowledge the Traditional Custodians of the land on which we work.\n"
    "This email is confidential. If you received it in error, please delete it and let us know."
)
_OPT_OUTS = {ReplyKind.OPT_OUT, ReplyKind.POSSIBLE_OPT_OUT}
_WISHES = {ReplyKind.INTERESTED, ReplyKind.MEETING_REQUEST}


def read(text: str, footer: str = "") -> ReplyReading:
    return read_reply(inbound(text + footer))


def demo(kind: str) -> list[str]:
    return [wording.format(**_FILLED) for wording in WORDING[kind]]


@pytest.mark.parametrize("footer", ["", _FOOTER])
@pytest.mark.parametrize("text", demo("opt_out"))
def test_every_opt_out_of_the_demo_is_read_as_one(text: str, footer: str) -> None:
    assert read(text, footer).kind in _OPT_OUTS


@pytest.mark.parametrize("footer", ["", _FOOTER])
@pytest.mark.parametrize("kind", sorted(WORDING.keys() - {"opt_out"}))
def test_nothing_else_of_the_demo_is_a_sure_opt_out(kind: str, footer: str) -> None:
    assert not [text for text in demo(kind) if read(text, footer).kind is ReplyKind.OPT_OUT]


@pytest.mark.parametrize("footer", ["", _FOOTER])
def test_of_the_demos_interested_people_four_in_five_are_read_surely(footer: str) -> None:
    readings = [read(text, footer) for text in demo("interested")]
    right = [reading for reading in readings if reading.sure and reading.kind in _WISHES]
    assert len(right) >= 0.8 * len(readings)


@pytest.mark.parametrize("kind", ["question", "not_interested", "not_now", "wrong_person", "forwarded"])
def test_nobody_else_of_the_demo_is_surely_interested(kind: str) -> None:
    assert not [text for text in demo(kind) if (found := read(text)).sure and found.kind in _WISHES]


@pytest.mark.parametrize("subject", ["Automatic reply: Hello", "Out of office: Hello", "Auto-reply: Hello"])
@pytest.mark.parametrize("text", demo("out_of_office"))
def test_every_absence_of_the_demo_is_read_with_the_day_back(text: str, subject: str) -> None:
    headers = (("Auto-Submitted", "auto-replied"), ("X-Auto-Response-Suppress", "All"))
    reading = read_reply(inbound(text, subject=subject, headers=headers))
    assert reading.kind is ReplyKind.OUT_OF_OFFICE
    assert reading.back_on is not None
    assert reading.back_on.isoformat() == "2026-03-09"


def test_a_companys_footer_that_speaks_of_deleting_is_no_opt_out() -> None:
    assert read("Sounds good, let's talk.", _FOOTER).kind is ReplyKind.MEETING_REQUEST


def test_a_disclaimer_without_a_sign_off_above_it_is_no_opt_out() -> None:
    disclaimer = "If you are not the intended recipient, delete this email and do not contact us."
    assert read(f"Sounds good, let's talk.\n\nPat\n\n{disclaimer}").kind is ReplyKind.MEETING_REQUEST


def test_a_wish_below_the_sign_off_is_held_for_a_person() -> None:
    reading = read("Thanks for the note.\n\nCheers,\nPat\n\nPS please take me off your list")
    assert (reading.kind, reading.needs_person) == (ReplyKind.POSSIBLE_OPT_OUT, True)


def test_a_wish_in_the_subject_alone_counts() -> None:
    assert read_reply(inbound("", subject="Unsubscribe")).kind is ReplyKind.OPT_OUT


def test_a_wish_in_the_subject_of_an_answer_is_held() -> None:
    assert read_reply(inbound("", subject="Re: unsubscribe")).kind is ReplyKind.POSSIBLE_OPT_OUT


def test_a_mail_that_a_program_sends_to_unsubscribe_is_the_persons_wish() -> None:
    mail = inbound(
        "This message was sent by Mail.", subject="unsubscribe", headers=(("Auto-Submitted", "auto-generated"),)
    )
    assert read_reply(mail).kind is ReplyKind.OPT_OUT


def test_the_unsubscribe_line_of_our_own_quoted_mail_is_no_wish() -> None:
    quoted = "\n\nOn Mon, 2 Mar 2026 at 09:00, Ann <ann@harbour.example> wrote:\n\n> To stop, unsubscribe here."
    assert read(f"Yes, let's talk.{quoted}").kind is ReplyKind.MEETING_REQUEST


def test_an_opt_out_sentence_of_a_true_automatic_answer_is_not_the_persons() -> None:
    text = "I am on leave until Monday 9 March. To unsubscribe from our newsletter write to news@acme.example."
    reading = read_reply(inbound(text, headers=(("Auto-Submitted", "auto-replied"),)))
    assert (reading.kind, reading.opt_out) == (ReplyKind.OUT_OF_OFFICE, None)


def test_an_opt_out_in_what_only_sounds_automatic_is_held() -> None:
    text = "I am on leave until Monday 9 March, please contact Sarah. And take me off your list."
    assert read(text).kind is ReplyKind.POSSIBLE_OPT_OUT


def test_our_own_mail_comes_before_all_else() -> None:
    reading = read_reply(inbound("Unsubscribe", from_email="ann@harbour.example"), {"harbour.example"})
    assert reading.kind is ReplyKind.OWN_MAIL


def test_a_complaint_report_comes_before_the_words_in_it() -> None:
    report = ReportPart("message/feedback-report", "Feedback-Type: abuse\nOriginal-Rcpt-To: pat@acme.example")
    reading = read_reply(inbound("Yes please", reports=(report,)))
    assert reading.kind is ReplyKind.COMPLAINT
    assert reading.complaint is not None


@pytest.mark.parametrize("text", ["", "   \n", "\n\nOn 2 Mar 2026, at 9:00, Ann <a@harbour.example> wrote:\n\n> Hi"])
def test_a_reply_without_words_waits_for_a_person(text: str) -> None:
    reading = read(text)
    assert (reading.kind, reading.needs_person) == (ReplyKind.EMPTY, True)


def test_a_question_waits_for_a_person_even_where_it_is_sure() -> None:
    reading = read("How much do you charge?")
    assert reading.sure
    assert reading.needs_person


@pytest.mark.needs("shared")
def test_speech_that_is_no_reply_is_hardly_ever_read_as_an_opt_out_or_a_wish_to_meet() -> None:
    with (SHARED / "data/clinc150_short_replies/clinc150_train_val.csv").open(encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file) if row["intent"] == "oos"]
    kinds = Counter(read(text).kind for text in texts)
    assert kinds[ReplyKind.OPT_OUT] == 0
    assert kinds[ReplyKind.POSSIBLE_OPT_OUT] + kinds[ReplyKind.MEETING_REQUEST] <= 0.01 * len(texts)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400), st.text(max_size=400), st.text(max_size=60))
def test_any_text_gets_a_reading(text: str, html: str, subject: str) -> None:
    reading = read_reply(inbound(text, html=html, subject=subject))
    assert reading.kind in ReplyKind
    assert reading.sure or reading.needs_person or reading.kind is ReplyKind.BOUNCE


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(["<p>", "</p>", "<blockquote>", "<", "<!--", "a>", "stop ", "&lt;", "\n", "On 1/1 wrote:"])
    )
)
def test_any_markup_gets_a_reading(parts: list[str]) -> None:
    assert read_reply(inbound("", html="".join(parts))).kind in ReplyKind


@pytest.mark.parametrize(
    "piece", ["a", " a", "a\n", "-", "<", "?", "no, ", "your ", "please ", "the phone ", "@", "back on 1/1 "]
)
def test_no_mail_takes_more_than_a_moment(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    before = time.process_time()
    read_reply(inbound(text, headers=(("X-Failed-Recipients", "x"),)))
    read_reply(inbound(text))
    read_reply(inbound("", html=text))
    assert time.process_time() - before < 5
