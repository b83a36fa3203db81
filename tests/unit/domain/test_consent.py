"""What a consent record must hold, and whether one permits a message (Spam Act 2003, decision 6, invariant 9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.domain.channels import Channel
from agency_os.domain.consent import (
    CONSENT_CHANNELS,
    Consent,
    ConsentBasis,
    ConsentDeclaration,
    flaws,
    is_needed,
    permission,
    permits,
)

NOW = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TODAY = date(2026, 11, 23)
EMAIL = frozenset({Channel.EMAIL})


def declared(**changes: Any) -> ConsentDeclaration:
    values: dict[str, Any] = {
        "basis": ConsentBasis.INFERRED,
        "source": "https://acme.example/team",
        "obtained_on": date(2026, 11, 1),
        "declared_by": "Sam of the agency",
        "relevance": "runs the marketing",
    }
    return ConsentDeclaration(**{**values, **changes})


def consent(age: timedelta = 24 * HOUR, withdrawn: timedelta | None = None, **changes: Any) -> Consent:
    """Recorded ``age`` ago, withdrawn ``withdrawn`` ago."""
    return Consent(declared(**changes), EMAIL, NOW - age, None if withdrawn is None else NOW - withdrawn)


def express(age: timedelta = 24 * HOUR, withdrawn: timedelta | None = None) -> Consent:
    return consent(age, withdrawn, basis=ConsentBasis.EXPRESS, relevance=None)


# what a declaration must hold


def test_a_complete_declaration_has_no_flaw() -> None:
    assert flaws(declared(), today=TODAY) == ()


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({"source": " "}, "consent needs its source: where the address was given or published"),
        ({"declared_by": ""}, "consent needs the name of who declares it"),
        ({"obtained_on": date(2026, 11, 24)}, "consent is dated in the future (2026-11-24)"),
        ({"relevance": None}, "inferred consent needs the relevance to the person's role"),
        ({"relevance": "  "}, "inferred consent needs the relevance to the person's role"),
    ],
)
def test_each_flaw_is_said(changes: dict[str, Any], flaw: str) -> None:
    assert flaws(declared(**changes), today=TODAY) == (flaw,)


def test_all_flaws_are_said_at_once() -> None:
    assert len(flaws(declared(source="", declared_by="", obtained_on=date(2027, 1, 1), relevance=""), today=TODAY)) == 4


def test_express_consent_needs_no_relevance() -> None:
    assert flaws(declared(basis=ConsentBasis.EXPRESS, relevance=None), today=TODAY) == ()


def test_consent_given_today_is_not_in_the_future() -> None:
    assert flaws(declared(obtained_on=TODAY), today=TODAY) == ()


# whether one permits


def test_a_record_older_than_the_claim_permits() -> None:
    assert permits(consent(timedelta(microseconds=1)), Channel.EMAIL, at=NOW)


@pytest.mark.parametrize("age", [timedelta(0), -HOUR])
def test_a_record_of_the_claims_moment_or_later_does_not(age: timedelta) -> None:
    assert not permits(consent(age), Channel.EMAIL, at=NOW)


def test_consent_binds_its_channels_alone() -> None:
    assert not permits(consent(), Channel.SMS, at=NOW)


def test_a_flawed_record_permits_nothing() -> None:
    assert not permits(consent(source=""), Channel.EMAIL, at=NOW)


def test_a_withdrawal_is_in_force_at_once() -> None:
    assert not permits(consent(withdrawn=timedelta(0)), Channel.EMAIL, at=NOW)


def test_before_its_withdrawal_a_record_permitted() -> None:
    assert permits(consent(withdrawn=-HOUR), Channel.EMAIL, at=NOW)


def test_consent_given_today_in_sydney_counts_while_it_is_yesterday_in_utc() -> None:
    evening = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
    record = Consent(declared(obtained_on=date(2026, 11, 23)), EMAIL, evening)
    assert permits(record, Channel.EMAIL, at=NOW)


# which one is relied on


def test_without_records_there_is_no_permission() -> None:
    assert permission([], Channel.EMAIL, at=NOW) is None


def test_express_consent_is_relied_on_before_a_newer_inferred_one() -> None:
    old = express(48 * HOUR)
    assert permission([consent(HOUR), old], Channel.EMAIL, at=NOW) is old


def test_of_one_basis_the_newest_is_relied_on() -> None:
    newest = consent(HOUR)
    assert permission([consent(), newest, consent(3 * HOUR)], Channel.EMAIL, at=NOW) is newest


def test_a_withdrawal_ends_older_records_too() -> None:
    assert permission([consent(48 * HOUR), express(24 * HOUR, HOUR)], Channel.EMAIL, at=NOW) is None


def test_consent_given_after_a_withdrawal_counts_again() -> None:
    new = express(timedelta(minutes=1))
    assert permission([consent(48 * HOUR, HOUR), new], Channel.EMAIL, at=NOW) is new


def test_a_withdrawal_on_another_channel_is_no_withdrawal_here() -> None:
    sms = replace(consent(withdrawn=HOUR), channels=frozenset({Channel.SMS}))
    own = consent()
    assert permission([sms, own], Channel.EMAIL, at=NOW) is own


@given(st.lists(st.tuples(st.booleans(), st.integers(-5, 50), st.none() | st.integers(-5, 50)), max_size=6))
def test_nothing_recorded_before_the_last_withdrawal_is_relied_on(records: list[tuple[bool, int, int | None]]) -> None:
    known = [
        (express if explicit else consent)(age * HOUR, None if no is None else no * HOUR)
        for explicit, age, no in records
    ]
    found = permission(known, Channel.EMAIL, at=NOW)
    noes = [each.withdrawn_at for each in known if each.withdrawn_at is not None and each.withdrawn_at <= NOW]
    assert found is None or (found.recorded_at < NOW and all(found.recorded_at > no for no in noes))


def test_email_and_sms_take_a_record_and_nothing_else_does() -> None:
    assert {channel for channel in Channel if is_needed(channel)} == CONSENT_CHANNELS == {Channel.EMAIL, Channel.SMS}
