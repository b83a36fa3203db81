"""A touch's states, the keys that a provider sees, and the hash that an approval pins (DESIGN section 4)."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.domain.touch import (
    FINAL_STATES,
    KEY_MARGIN,
    MAX_ATTEMPTS,
    OPEN_STATES,
    TRANSITIONS,
    TouchState,
    batch_key,
    idempotency_key,
    payload_hash,
)

ID = UUID("01890000-0000-7000-8000-000000000001")
JSON = st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers() | st.none(), max_size=5)
STEPS = {
    "planned": "awaiting_approval ready skipped cancelled",
    "awaiting_approval": "planned ready skipped cancelled",
    "ready": "planned awaiting_approval claimed skipped cancelled",
    "claimed": "ready sending cancelled",
    "sending": "sent ready failed unknown cancelled",
    "sent": "",
    "failed": "",
    "unknown": "sent",
    "skipped": "",
    "cancelled": "",
}


@pytest.mark.parametrize("state", TouchState)
def test_a_touch_takes_exactly_the_steps_of_its_life(state: TouchState) -> None:
    assert {target.value for target in TRANSITIONS[state]} == set(STEPS[state.value].split())


def test_sending_is_reached_from_a_claim_alone() -> None:
    assert {state for state, targets in TRANSITIONS.items() if TouchState.SENDING in targets} == {TouchState.CLAIMED}


def test_an_unknown_outcome_never_goes_out_again() -> None:
    reachable, waiting = set[TouchState](), [TouchState.UNKNOWN]
    while waiting:
        for target in TRANSITIONS[waiting.pop()] - reachable:
            reachable.add(target)
            waiting.append(target)
    assert reachable == {TouchState.SENT}


def test_what_is_open_can_be_taken_back() -> None:
    assert all(TouchState.CANCELLED in TRANSITIONS[state] for state in OPEN_STATES)


def test_a_touch_is_open_final_or_on_its_way() -> None:
    assert not OPEN_STATES & FINAL_STATES
    assert set(TouchState) - OPEN_STATES - FINAL_STATES == {TouchState.SENDING}


def test_a_final_state_is_left_only_to_settle_the_unknown() -> None:
    assert {state for state in FINAL_STATES if TRANSITIONS[state]} == {TouchState.UNKNOWN}


def test_the_fifth_refusal_is_the_last_and_keys_end_an_hour_early() -> None:
    assert (5, timedelta(hours=1)) == (MAX_ATTEMPTS, KEY_MARGIN)


def test_a_key_names_touch_and_attempt() -> None:
    assert idempotency_key(ID, 2) == f"touch-{ID}-2"


def test_another_attempt_has_another_key() -> None:
    assert idempotency_key(ID, 1) != idempotency_key(ID, 2)


def test_a_batch_has_a_key_of_its_own() -> None:
    assert batch_key(ID) == f"batch-{ID}"


@pytest.mark.parametrize("key", [idempotency_key(ID, 1), batch_key(ID)])
def test_a_key_fits_the_256_characters_that_a_provider_takes(key: str) -> None:
    assert 1 <= len(key) <= 256


def test_the_order_of_keys_does_not_change_the_hash() -> None:
    assert payload_hash({"a": 1, "b": {"c": 2, "d": 3}}) == payload_hash({"b": {"d": 3, "c": 2}, "a": 1})


def test_the_hash_is_the_sha_256_of_canonical_json() -> None:
    # printf '{"to":"é"}' | sha256sum
    assert payload_hash({"to": "é"}) == "ed18545140c9a5d8ca0977d9d21b446729b850e2b2600c4cb6f623c7feee5b12"


@given(JSON, JSON)
def test_other_content_has_another_hash(one: dict[str, object], other: dict[str, object]) -> None:
    assert (payload_hash(one) == payload_hash(other)) is (one == other)
