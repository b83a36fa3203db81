"""Addresses of senders, and addresses that suppressions know, in their one form."""

from __future__ import annotations

import pytest

from agency_os.domain.channels import Channel
from agency_os.domain.senders import fault_of_address, normal_address
from agency_os.domain.suppression import channels_of
from agency_os.domain.suppression import normal_address as normal_person


@pytest.mark.parametrize(
    ("channel", "address", "normal"),
    [
        (Channel.EMAIL, "Harbour.Example", "harbour.example"),
        (Channel.EMAIL, "ann@harbour.example", None),
        (Channel.EMAIL, "not a domain", None),
        (Channel.SMS, "0412 345 678", "+61412345678"),
        (Channel.SMS, "12", None),
        (Channel.LINKEDIN, "https://www.linkedin.com/in/ann-carter/", "https://www.linkedin.com/in/ann-carter"),
        (Channel.LINKEDIN, "https://linkedin.com/company/harbour", None),
    ],
)
def test_a_senders_address_has_one_form(channel: Channel, address: str, normal: str | None) -> None:
    assert normal_address(channel, address) == normal


@pytest.mark.parametrize(
    ("address", "sender_email", "words"),
    [
        ("harbour.example", "ann@harbour.example", None),
        ("harbour.example", None, "must be an address of harbour.example"),
        ("harbour.example", "ann@elsewhere.example", "must be an address of harbour.example"),
        ("gmail.com", "ann@gmail.com", "gives mailboxes to anybody"),
        ("x y", "ann@harbour.example", "is not a domain"),
    ],
)
def test_what_is_wrong_with_an_email_sender_is_told(address: str, sender_email: str | None, words: str | None) -> None:
    fault = fault_of_address(Channel.EMAIL, address, sender_email)
    assert (fault is None) == (words is None)
    assert words is None or words in (fault or "")


@pytest.mark.parametrize(
    ("channel", "address", "normal"),
    [
        (Channel.EMAIL, " JO@Firm.example ", "jo@firm.example"),
        (Channel.VOICE, "(02) 9999 1234", "+61299991234"),
        (Channel.MAIL, "1 Example Street", None),
    ],
)
def test_a_persons_address_has_one_form(channel: Channel, address: str, normal: str | None) -> None:
    assert normal_person(channel, address) == normal


def test_a_number_is_called_and_texted() -> None:
    assert channels_of(Channel.SMS) == channels_of(Channel.VOICE) == (Channel.SMS, Channel.VOICE)
    assert channels_of(Channel.EMAIL) == (Channel.EMAIL,)
