"""People act by (seed, person, step) and by the bytes they received, and stop when they have finished."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import islice

import pytest

from agency_os_sandbox.booking import Guest
from agency_os_sandbox.outbox import ONE_CLICK
from agency_os_sandbox.world.behaviour import Act, Behaviour
from tests.factories.sandbox import MONDAY_NINE, SEED, World, directory, message, moment_of, people_who

NewWorld = Callable[[int], World]
CROWD = [contact.email for contact in directory().contacts[:600]]


def first(act: Act, *, step: int = 1) -> str:
    return next(people_who(act, step=step))


def crowd_of(act: Act, count: int = 12) -> list[str]:
    return list(islice(people_who(act), count))


def test_the_order_of_arrival_changes_nothing(new_world: NewWorld) -> None:
    straight, shuffled = new_world(SEED), new_world(SEED)
    mixed = sorted(CROWD, key=lambda address: address[::-1])
    for each, order, size in ((straight, CROWD, 100), (shuffled, mixed, 37)):
        for start in range(0, len(order), size):
            each.send([message(address) for address in order[start : start + size]])
        each.live(days=40)
    assert sorted(straight.happenings()) == sorted(shuffled.happenings())
    assert len(straight.happenings()) > 2 * len(CROWD)


def test_another_seed_is_another_life(new_world: NewWorld) -> None:
    one, other = new_world(SEED), new_world(SEED + 1)
    for each in (one, other):
        each.send([message(address) for address in CROWD[:100]])
        each.live(days=40)
    assert one.happenings() != other.happenings()


def test_time_cut_into_pieces_is_the_same_time(new_world: NewWorld) -> None:
    whole, pieces = new_world(SEED), new_world(SEED)
    for each in (whole, pieces):
        each.send([message(address) for address in CROWD[:100]])
        each.send([message(address) for address in crowd_of(Act.BOOKED)])
    whole.live(days=20)
    for _ in range(80):
        pieces.live(hours=6)
    assert whole.happenings() == pieces.happenings()


def test_things_happen_in_the_order_of_their_time(world: World) -> None:
    for start in range(0, 300, 100):
        world.send([message(address) for address in CROWD[start : start + 100]])
    world.live(days=40)
    moments = [at for at, *_ in world.happenings()]
    assert moments == sorted(moments)


def test_with_a_booking_link_people_book(world: World) -> None:
    keen = crowd_of(Act.BOOKED)
    world.send([message(address) for address in keen])
    world.live(days=3)
    assert sum(world.bookings.counts().values()) >= len(keen)


def test_without_a_booking_link_nobody_books(world: World) -> None:
    world.send([message(address, booking=None) for address in crowd_of(Act.BOOKED)])
    world.live(days=40)
    assert world.parcels("cal_com") == []
    assert "booked" not in world.memory.happenings()


def test_the_links_token_comes_back_in_the_booking(world: World) -> None:
    address = first(Act.BOOKED)
    world.send([message(address)])
    world.live(days=3)
    created = world.parcels("cal_com")[0]["body"]
    assert created["triggerEvent"] == "BOOKING_CREATED"
    assert created["payload"]["metadata"] == {"token": "tok-" + address.partition("@")[0]}


def test_a_one_click_header_is_used(world: World) -> None:
    address = first(Act.UNSUBSCRIBED)
    world.send([message(address)])
    world.live(days=3)
    (post,) = world.parcels(ONE_CLICK)
    assert (post["address"], post["body"]) == ("http://127.0.0.1:9/u/abc", "List-Unsubscribe=One-Click")


def test_without_the_header_nobody_unsubscribes_by_it(world: World) -> None:
    world.send([message(address, one_click=None) for address in crowd_of(Act.UNSUBSCRIBED)])
    world.live(days=40)
    assert world.parcels(ONE_CLICK) == []
    assert "unsubscribed" not in world.memory.happenings()


def test_an_unsubscribe_address_beyond_the_loopback_is_never_called(world: World) -> None:
    world.send([message(first(Act.UNSUBSCRIBED), one_click="https://agency.example/u/abc")])
    world.live(days=40)
    assert world.parcels(ONE_CLICK) == []


@pytest.mark.parametrize("act", [Act.BOOKED, Act.UNSUBSCRIBED, Act.OPT_OUT, Act.NOT_INTERESTED, Act.COMPLAINED])
def test_whoever_has_finished_does_no_more(world: World, act: Act) -> None:
    address = first(act)
    world.send([message(address)])
    world.live(days=3)
    before = world.kinds(address)
    for step in range(2, 30):
        world.send([message(address, step=step)])
    later = Counter(world.kinds(address)) - Counter(before)
    assert act.value in before
    assert set(later) == {"sent", "delivered"}


def test_what_was_planned_before_the_end_is_void_after_it(world: World) -> None:
    """Two messages at once, both answered in time: the one that comes first ends it."""
    address = next(
        each
        for each in people_who(Act.OPT_OUT)
        if (moment_of(Act.OPENED, each, step=3) or MONDAY_NINE) > (moment_of(Act.OPT_OUT, each) or MONDAY_NINE)
    )
    world.send([message(address), message(address, step=3)])
    world.live(days=3)
    kinds = world.kinds(address)
    assert (kinds[-1], kinds.count("opened")) == ("opt_out", 1)


def test_a_mailbox_that_is_gone_bounces_every_time(world: World) -> None:
    address = first(Act.BOUNCED)
    world.send([message(address)])
    world.send([message(address, step=2)])
    bounces = [each["body"] for each in world.parcels("resend") if each["event"] == "email.bounced"]
    assert [body["data"]["bounce"]["type"] for body in bounces] == ["Permanent", "Permanent"]
    assert bounces[0]["data"]["bounce"]["subType"] == "General"


def test_a_reply_goes_to_the_reply_to_address(world: World) -> None:
    address = first(Act.INTERESTED)
    world.send([message(address)])
    world.live(days=3)
    letter = world.parcels("postmark")[0]["body"]
    assert letter["MailboxHash"] == "abc234"
    assert letter["ToFull"][0]["Email"] == "reply+abc234@in.agency.example"


def test_a_reply_names_the_message_it_answers(world: World) -> None:
    answer = world.send([message(first(Act.QUESTION))])
    world.live(days=3)
    headers = {each["Name"]: each["Value"] for each in world.parcels("postmark")[0]["body"]["Headers"]}
    assert answer.content["data"][0]["id"] in headers["In-Reply-To"]


def test_without_a_usable_reply_to_nothing_arrives(world: World) -> None:
    too_long = f"reply+{'a' * 70}@in.agency.example"
    world.send([message(address, reply_to=too_long) for address in crowd_of(Act.INTERESTED)])
    world.live(days=40)
    assert world.parcels("postmark") == []
    assert world.memory.happenings()["interested"] >= 1


def test_an_answer_to_ones_own_letter_can_win_a_meeting(world: World) -> None:
    people = crowd_of(Act.INTERESTED)
    world.send([message(address) for address in people])
    world.live(days=3)
    letters = {row["address"]: row["message_id"] for row in world.store.all("SELECT * FROM letters")}
    world.send([message(address, answers=letters[address]) for address in people])
    world.live(days=3)
    booked = sum(world.bookings.counts().values())
    assert len(people) / 2 < booked <= len(people)


def test_an_answer_that_names_no_letter_is_one_more_message(world: World) -> None:
    people = crowd_of(Act.INTERESTED)
    world.send([message(address) for address in people])
    world.live(days=3)
    world.send([message(address, answers="<someone-elses@mail.example>") for address in people])
    world.live(days=3)
    assert sum(world.bookings.counts().values()) < len(people) / 2


def test_an_absence_note_says_that_it_is_automatic(world: World) -> None:
    world.send([message(first(Act.OUT_OF_OFFICE))])
    world.live(hours=1)
    letter = world.parcels("postmark")[0]["body"]
    assert {"Name": "Auto-Submitted", "Value": "auto-replied"} in letter["Headers"]


def guest_who(change: str | None) -> str:
    behaviour = Behaviour(SEED)
    return next(address for address in people_who(Act.BOOKED) if behaviour.later_change(address) == change)


def test_a_cancelled_meeting_does_not_take_place(world: World) -> None:
    world.send([message(guest_who("cancelled"))])
    world.live(days=30)
    assert [each["event"] for each in world.parcels("cal_com")] == ["BOOKING_CREATED", "BOOKING_CANCELLED"]
    assert world.bookings.counts() == {"cancelled": 1}


def test_a_moved_meeting_names_the_one_it_replaces_and_takes_place_once(world: World) -> None:
    world.send([message(guest_who("rescheduled"))])
    world.live(days=30)
    created, moved, ended, *_ = (each["body"] for each in world.parcels("cal_com"))
    assert moved["payload"]["rescheduleUid"] == created["payload"]["uid"]
    assert (ended["triggerEvent"], ended["uid"]) == ("MEETING_ENDED", moved["payload"]["uid"])


def test_a_meeting_ends_when_its_time_is_over(world: World) -> None:
    world.send([message(guest_who(None))])
    world.live(days=3)
    (booking,) = world.bookings.all()
    world.live_until(booking.end)
    ended = next(each for each in world.parcels("cal_com") if each["event"] == "MEETING_ENDED")
    assert (ended["body"]["uid"], "payload" in ended["body"]) == (booking.uid, False)


def test_someone_who_booked_by_hand_is_left_alone(world: World) -> None:
    address = first(Act.OPT_OUT)
    world.send([message(address)])
    with world.store.transaction():
        guest = world.bookings.book("intro", _guest(address), MONDAY_NINE, world.clock.now, {})
        world.life.human_booked(guest)
    world.live(days=10)
    assert "opt_out" not in world.kinds(address)


def _guest(address: str) -> Guest:
    return Guest("Ada", address, "Australia/Sydney")
