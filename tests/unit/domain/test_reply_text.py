"""What a person wrote, apart from quotes and signature, as many mail programs and languages mark them."""

from __future__ import annotations

import pytest

from agency_os.domain.reply_text import html_to_text, reply_text, split_reply
from tests.factories.inbound_mail import inbound
from tests.support.needs import SHARED

_DATA = SHARED / "data/reply_trimming"


@pytest.mark.parametrize(
    "quote",
    [
        "On Mon, 2 Mar 2026 at 09:00, Ann <ann@harbour.example> wrote:\n\n> Unsubscribe here",
        "On Mon, 2 Mar 2026 at 09:00, Ann Carter Of Harbour Marketing\n<ann@harbour.example> wrote:\n\n> "
        "Unsubscribe here",
        "________________________________\nFrom: Ann <ann@harbour.example>\nSent: Monday, 2 March 2026\nTo: "
        "Pat\nSubject: Hi\n\nUnsubscribe here",
        "-----Original Message-----\nFrom: Ann\n\nUnsubscribe here",
        "Am 02.03.2026 um 09:00 schrieb Ann <ann@harbour.example>:\n> Unsubscribe here",
        "> Unsubscribe here",
    ],
)
def test_what_a_mail_program_quoted_is_cut(quote: str) -> None:
    assert split_reply(f"Yes, let's talk.\n\n{quote}").own == "Yes, let's talk."


def test_words_between_and_below_marked_quotes_stay() -> None:
    parts = split_reply(
        "On 2 Mar 2026, at 09:00, Ann <a@harbour.example> wrote:\n\n> What?\n\nThis.\n\n> And?\n\nThat."
    )
    assert parts.own.split() == ["This.", "That."]


def test_a_signature_is_apart() -> None:
    parts = split_reply("Yes.\n\n-- \nPat Smith\nDirector")
    assert (parts.own, parts.signature) == ("Yes.", "Pat Smith\nDirector")


def test_a_line_of_the_phone_is_cut() -> None:
    assert split_reply("Yes.\n\nSent from my iPhone").own == "Yes."


def test_a_forward_has_no_words_of_its_own() -> None:
    parts = split_reply("---------- Forwarded message ---------\nFrom: Ann\nSubject: Hi\n\nUnsubscribe here")
    assert (parts.own, parts.forwarded) == ("", True)


def test_a_sentence_that_begins_with_on_is_no_quote() -> None:
    assert split_reply("On Monday 9 March 2026 we talk.\nThanks").own == "On Monday 9 March 2026 we talk.\nThanks"


def test_html_is_read_where_there_is_no_text_and_its_quotes_are_marked() -> None:
    html = (
        "<html><head><style>p{}</style></head><body><p>Yes &amp; no</p><blockquote "
        "class='gmail_quote'>Unsubscribe</blockquote></body></html>"
    )
    assert reply_text(inbound("", html=html)).own == "Yes & no"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>5 < 6</p>", "5 < 6"),
        ("a<!-- b -->c", "ac"),
        ("a<!-- b", "a"),
        ("<b>a", "a"),
        ("a<br>b", "a\nb"),
        ("x</p></div>y", "x\n\ny"),
    ],
)
def test_broken_markup_is_read_as_far_as_it_goes(html: str, text: str) -> None:
    assert html_to_text(html) == text


@pytest.mark.needs("shared")
def test_real_replies_in_seven_languages_are_trimmed_rightly() -> None:
    emails = sorted((_DATA / "emails").glob("*.txt"))
    wrong = []
    for path in emails:
        wanted = (_DATA / "trimmed" / path.name).read_bytes().decode().replace("\r\n", "\n").strip()
        if split_reply(path.read_bytes().decode()).text != wanted:
            wrong.append(path.name)
    assert len(emails) == 14
    assert wrong == []
