"""What follows from every kind of reply, and until when a person or a company is left alone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from agency_os.domain.bounces import Bounce, BouncedRecipient
from agency_os.domain.calendars import place_of
from agency_os.domain.closing import (
    ABSENCE_DAYS,
    COMPANY_HOLD_DAYS,
    Action,
    Closing,
    back_at,
    close,
    company_hold_until,
)
from agency_os.domain.opt_outs import OptOut, OptOutScope
from agency_os.domain.reply_reading import ReplyKind, ReplyReading
from agency_os.domain.states import State

NOW = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)  # Monday, 11:00 in Sydney
SYDNEY = place_of(State.NSW)
SURE = {
    ReplyKind.OWN_MAIL: Action.IGNORE,
    ReplyKind.LIST_MAIL: Action.IGNORE,
    ReplyKind.AUTO_REPLY: Action.IGNORE,
    ReplyKind.BOUNCE: Action.IGNORE,  # without a dead address; see below
    ReplyKind.COMPLAINT: Action.COMPLAINT,
    ReplyKind.OUT_OF_OFFICE: Action.RESCHEDULE,
    ReplyKind.LEFT_COMPANY: Action.STOP,
    ReplyKind.OPT_OUT: Action.UNSUBSCRIBE,
    ReplyKind.POSSIBLE_OPT_OUT: Action.HOLD,
    ReplyKind.MEETING_REQUEST: Action.ANSWER,
    ReplyKind.INTERESTED: Action.ANSWER,
    ReplyKind.QUESTION: Action.HOLD,
    ReplyKind.NOT_INTERESTED: Action.STOP,
    ReplyKind.NOT_NOW: Action.STOP,
    ReplyKind.WRONG_PERSON: Action.HOLD,
    ReplyKind.UNSURE: Action.HOLD,
    ReplyKind.EMPTY: Action.HOLD,
}
WISHES = [ReplyKind.MEETING_REQUEST, ReplyKind.INTERESTED, ReplyKind.NOT_INTERESTED, ReplyKind.NOT_NOW]


def reading(kind: ReplyKind, **changes: Any) -> ReplyReading:
    values: dict[str, Any] = {"sure": True, "confidence": 0.95, "evidence": "x", "text": "x"}
    return ReplyReading(kind, **{**values, **changes})


def bounced(*hard: bool) -> ReplyReading:
    recipients = tuple(BouncedRecipient("pat@acme.example", each, "5.1.1", "no such user") for each in hard)
    return reading(ReplyKind.BOUNCE, bounce=Bounce(recipients, "delivery report"))


def opted_out(scope: OptOutScope = OptOutScope.CLIENT, **changes: bool) -> ReplyReading:
    return reading(ReplyKind.OPT_OUT, opt_out=OptOut(True, scope, "rule", "words", **changes))


@pytest.mark.parametrize("kind", ReplyKind)
def test_every_kind_of_reply_has_its_consequence(kind: ReplyKind) -> None:
    assert close(reading(kind)).action is SURE[kind]


@pytest.mark.parametrize("kind", [kind for kind in ReplyKind if SURE[kind] is Action.HOLD])
def test_whatever_holds_says_why_a_person_must_look(kind: ReplyKind) -> None:
    assert close(reading(kind)).needs_person


@pytest.mark.parametrize("kind", WISHES)
@pytest.mark.parametrize("doubt", [{"sure": False}, {"needs_person": True}])
def test_a_wish_that_is_not_sure_holds_for_a_person(kind: ReplyKind, doubt: dict[str, bool]) -> None:
    assert close(reading(kind, **doubt)) == Closing(Action.HOLD, needs_person=f"read as {kind}, but not surely")


@pytest.mark.parametrize("kind", WISHES)
def test_a_sure_wish_needs_nobody(kind: ReplyKind) -> None:
    assert close(reading(kind)).needs_person is None


@pytest.mark.parametrize(
    "kind",
    [ReplyKind.OWN_MAIL, ReplyKind.LIST_MAIL, ReplyKind.AUTO_REPLY, ReplyKind.OUT_OF_OFFICE, ReplyKind.BOUNCE],
)
def test_nothing_automatic_answers_what_no_person_wrote(kind: ReplyKind) -> None:
    assert close(reading(kind, sure=False)).action in {Action.IGNORE, Action.RESCHEDULE}


def test_a_complaint_binds_all_clients() -> None:
    assert close(reading(ReplyKind.COMPLAINT)) == Closing(Action.COMPLAINT, everywhere=True)


def test_a_hard_bounce_kills_the_address_for_all() -> None:
    assert close(bounced(True)) == Closing(Action.BOUNCE, everywhere=True)


def test_a_soft_bounce_changes_nothing() -> None:
    assert close(bounced(False, False)) == Closing(Action.IGNORE)


def test_one_dead_address_of_several_is_a_bounce() -> None:
    assert close(bounced(False, True)).action is Action.BOUNCE


def test_an_opt_out_binds_its_client() -> None:
    assert close(opted_out()) == Closing(Action.UNSUBSCRIBE)


def test_an_opt_out_whose_words_are_not_kept_still_unsubscribes() -> None:
    assert close(reading(ReplyKind.OPT_OUT)) == Closing(Action.UNSUBSCRIBE)


def test_never_again_from_anyone_binds_all_clients() -> None:
    assert close(opted_out(OptOutScope.EVERYONE)).everywhere


def test_an_opt_out_that_threatens_a_complaint_binds_all_clients() -> None:
    assert close(opted_out(complaint=True)).everywhere


def test_a_wish_to_be_erased_unsubscribes_at_once_and_calls_a_person() -> None:
    found = close(opted_out(erasure=True))
    assert found == Closing(Action.UNSUBSCRIBE, needs_person="asks for erasure of personal data")


def test_an_opt_out_never_waits_for_a_person() -> None:
    assert close(reading(ReplyKind.OPT_OUT, sure=False, needs_person=True)).action is Action.UNSUBSCRIBE


# absences


def sydney(day: int, hour: int = 9, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=SYDNEY.zones[0])


def test_who_is_away_is_written_to_on_the_morning_back() -> None:
    assert back_at(date(2026, 11, 26), NOW, SYDNEY) == sydney(26)


def test_who_is_back_on_a_weekend_is_written_to_on_monday() -> None:
    assert back_at(date(2026, 11, 28), NOW, SYDNEY) == sydney(30)


def test_who_is_back_on_a_holiday_is_written_to_after_it() -> None:
    assert back_at(date(2026, 12, 25), NOW, SYDNEY) == sydney(29, month=12)


@pytest.mark.parametrize("back_on", [None, date(2026, 11, 23), date(2026, 11, 2)])
def test_an_absence_without_a_date_to_come_lasts_five_business_days(back_on: date | None) -> None:
    assert ABSENCE_DAYS == 5
    assert back_at(back_on, NOW, SYDNEY) == sydney(30)


# company


def test_a_company_is_left_alone_for_five_business_days() -> None:
    assert COMPANY_HOLD_DAYS == 5
    assert company_hold_until(NOW, SYDNEY) == sydney(30, hour=0)


def test_a_companys_days_leave_out_holidays() -> None:
    christmas = datetime(2026, 12, 21, 0, 0, tzinfo=UTC)  # 25 and 28 are holidays, then New Year
    assert company_hold_until(christmas, SYDNEY) == sydney(30, hour=0, month=12)
