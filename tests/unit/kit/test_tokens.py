from __future__ import annotations

import hashlib
import hmac
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.kit.addresses import normalise_email
from agency_os.kit.tokens import PersonHash, TouchTokens

TOUCH = UUID("01a209f3-6a24-708b-96cd-67abd6aed204")
TOKENS = TouchTokens(b"s" * 32)
HASHES = PersonHash(b"k" * 32)


def test_a_token_is_39_characters_of_a_legal_local_part() -> None:
    token = TOKENS.make(TOUCH, "reply")
    assert len(token) == 39
    assert token.isalnum()
    assert token == token.lower()


def test_a_token_names_its_touch_in_either_case() -> None:
    token = TOKENS.make(TOUCH, "reply")
    assert TOKENS.read(token, "reply") == TOUCH
    assert TOKENS.read(f" {token.upper()}\n", "reply") == TOUCH


def test_a_token_is_worth_nothing_for_another_purpose_or_secret() -> None:
    token = TOKENS.make(TOUCH, "reply")
    assert TOKENS.read(token, "unsubscribe") is None
    assert TouchTokens(b"t" * 32).read(token, "reply") is None


@pytest.mark.parametrize("position", range(39))
def test_every_changed_character_breaks_the_token(position: int) -> None:
    token = TOKENS.make(TOUCH, "reply")
    others = [c for c in "abcdefghijklmnopqrstuvwxyz234567" if c != token[position]]
    changed = [token[:position] + other + token[position + 1 :] for other in others]
    assert [TOKENS.read(each, "reply") for each in changed] == [None] * 31


@pytest.mark.parametrize("token", ["", "a" * 38, "a" * 40, "1" * 39, "é" * 39, "\u212a" + "a" * 38, "\x00" * 39])
def test_garbage_is_no_token(token: str) -> None:
    assert TOKENS.read(token, "reply") is None


def test_short_secrets_are_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        TouchTokens(b"short")
    with pytest.raises(ValueError, match="32 bytes"):
        PersonHash(b"short")


def test_a_person_is_recognised_in_any_spelling_of_the_address() -> None:
    assert HASHES.of("email", " Jo@Acme.com.au ") == HASHES.of("email", "jo@acme.com.au")
    assert HASHES.of("email", "\ud800 no address") == HASHES.of("email", "\ud800 No Address ")


def test_a_hash_differs_by_channel_and_key() -> None:
    hashes = {HASHES.of("sms", "+61491570156"), HASHES.of("voice", "+61491570156")}
    assert len(hashes | {PersonHash(b"l" * 32).of("sms", "+61491570156")}) == 3


def test_the_check_value_tells_keys_apart_without_showing_them() -> None:
    assert HASHES.check_value() == PersonHash(b"k" * 32).check_value()
    assert HASHES.check_value() != PersonHash(b"l" * 32).check_value()


_PLAIN = st.text("ab0.-+_", min_size=1, max_size=12)


@given(local=_PLAIN, domain=st.text("ab0.-", min_size=1, max_size=20))
def test_what_is_in_normal_form_already_is_hashed_as_if_it_were_brought_to_it(local: str, domain: str) -> None:
    address = f"{local}@{domain}"
    normal = normalise_email(address) or address.strip().casefold()
    assert normal == address
    assert HASHES.of("email", address) == hmac.new(b"k" * 32, f"email:{normal}".encode(), hashlib.sha256).digest()
