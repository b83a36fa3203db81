"""What every commercial email must hold, and what a template may and may not do."""

from __future__ import annotations

from typing import Any

import pytest

from agency_os.domain.content import Sender, TemplateFaultError, Thread, booking_link, fill, write_letter

SENDER = Sender("Ann Carter", "ann@harbour.example", "Harbour Marketing", "51 824 753 556", "1 Example Street, Sydney")
LINK = "https://api.example/u/token"


def letter(**changes: Any) -> Any:
    values: dict[str, Any] = {
        "subject": "A question for {{ company }}",
        "body": "Hi {{ first_name }},\n\nsee {{ booking_link }}",
        "values": {"company": "Acme", "first_name": "Pat", "booking_link": "https://cal.example/x?a=1&b=2"},
        "sender": SENDER,
        "unsubscribe_url": LINK,
        "thread": None,
    }
    return write_letter(**{**values, **changes})


def test_every_message_names_its_sender_with_postal_address_and_abn() -> None:
    text = letter().text
    assert "Ann Carter, Harbour Marketing (ABN 51 824 753 556)" in text
    assert "1 Example Street, Sydney" in text


def test_every_message_can_be_unsubscribed_from_by_one_click_and_by_link() -> None:
    made = letter()
    assert made.headers["List-Unsubscribe"] == f"<{LINK}>"
    assert made.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert LINK in made.text
    assert f'href="{LINK}"' in made.html


def test_a_follow_up_stands_in_its_thread() -> None:
    made = letter(thread=Thread("<2@x>", "<1@x>", "A question for Acme"))
    assert made.subject == "Re: A question for Acme"
    assert (made.headers["In-Reply-To"], made.headers["References"]) == ("<2@x>", "<1@x> <2@x>")


def test_re_is_not_repeated() -> None:
    assert letter(thread=Thread("<2@x>", "", "Re: hello")).subject == "Re: hello"


def test_a_first_message_has_no_threading_headers() -> None:
    assert set(letter().headers) == {"List-Unsubscribe", "List-Unsubscribe-Post"}


def test_a_fact_that_is_not_known_is_an_error_and_never_a_guess() -> None:
    with pytest.raises(TemplateFaultError, match="first_name"):
        letter(values={"company": "Acme", "booking_link": "https://cal.example"})


def test_a_default_stands_in_for_a_missing_fact() -> None:
    assert fill('Hi {{ first_name | default("there") }}', {}) == "Hi there"


@pytest.mark.parametrize(
    "template",
    [
        "{{ first_name",
        "{% for %}",
        "{{ ().__class__.__bases__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ 1 + 'a' }}",
    ],
)
def test_a_broken_or_prying_template_is_refused_with_its_reason(template: str) -> None:
    with pytest.raises(TemplateFaultError):
        fill(template, {"first_name": "Pat"})


def test_a_fact_cannot_smuggle_markup_or_header_lines() -> None:
    made = letter(values={"company": "A\r\nBcc: x@y.example", "first_name": "<script>x</script>", "booking_link": "b"})
    assert "\n" not in made.subject
    assert "<script>" not in made.html


@pytest.mark.parametrize(
    ("subject", "body"), [("", "text"), ("subject", "  "), ("s" * 201, "text"), ("s", "x" * 20_001)]
)
def test_an_empty_or_endless_message_is_refused(subject: str, body: str) -> None:
    with pytest.raises(TemplateFaultError):
        letter(subject=subject, body=body)


def test_links_are_made_and_escaped_in_html() -> None:
    assert '<a href="https://cal.example/x?a=1&amp;b=2">' in letter().html


def test_equal_input_gives_equal_bytes() -> None:
    assert letter() == letter()


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("https://cal.example/ann", "https://cal.example/ann?metadata%5Btoken%5D=t"),
        ("https://cal.example/ann?month=3", "https://cal.example/ann?month=3&metadata%5Btoken%5D=t"),
    ],
)
def test_the_booking_link_carries_the_token_as_cal_com_hands_it_back(page: str, expected: str) -> None:
    assert booking_link(page, "t") == expected
