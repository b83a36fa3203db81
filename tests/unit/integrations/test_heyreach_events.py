"""HeyReach's webhooks: who is let in, what an event is known by, and what is read from it."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.exceptions import InvalidInputError, SignatureError
from agency_os.integrations.heyreach_events import LinkedInEvent, LinkedInEventKind, parse_event, webhooks
from agency_os.integrations.webhook import Webhook

NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)
SECRET = "path-secret-0123456789"
OURS = {"creation_time": "2026-05-04T08:00:00Z", "message": "Hello Jo.", "is_reply": False}
THEIRS = {"creation_time": "2026-05-04T09:12:33Z", "message": "Tell me more.", "is_reply": True}
BASE: dict[str, Any] = {
    "campaign": {"id": 12, "name": "Invitations"},
    "sender": {"id": 678, "full_name": "Sam Sender"},
    "lead": {"id": "ACoAA1", "profile_url": "https://www.linkedin.com/in/jo", "full_name": "Jo Citizen"},
    "timestamp": "2026-05-04T09:12:35Z",
}


def event(name: str, **changes: Any) -> LinkedInEvent:
    return parse_event(json.dumps({**BASE, "event_type": name, **changes}).encode())


def reply(name: str = "every_message_reply_received", **changes: Any) -> LinkedInEvent:
    return event(name, **{"conversation_id": "2-a", "recent_messages": [OURS, THEIRS], **changes})


def test_the_secret_at_the_end_of_the_address_admits() -> None:
    source = webhooks(SECRET)
    source.admit({}, SECRET)
    for wrong in ("", SECRET[:-1], SECRET + "0", SECRET.upper(), "\udc80"):
        with pytest.raises(SignatureError):
            source.admit({}, wrong)
    with pytest.raises(SignatureError):
        webhooks("").admit({}, "")
    assert SECRET not in repr(source)


def test_an_event_is_named_for_storing() -> None:
    body = json.dumps({**BASE, "event_type": "CONNECTION_REQUEST_SENT"}).encode()
    name = webhooks(SECRET).name_event(Webhook(body, {}, ""), NOW)
    assert (name.kind, name.occurred_at) == ("connection_request_sent", datetime(2026, 5, 4, 9, 12, 35, tzinfo=UTC))
    assert name.event_id == parse_event(body).event_id


@pytest.mark.parametrize("name", ["connection_request_sent", "connection_request_accepted"])
def test_what_happens_once_is_the_same_event_whenever_it_is_told(name: str) -> None:
    first, again = event(name), event(name, timestamp="2026-05-05T00:00:00Z", campaign={"id": 12, "name": "Renamed"})
    assert first.event_id == again.event_id
    for change in ({"campaign": {"id": 13}}, {"sender": {"id": 679}}, {"lead": {"profile_url": "https://x/in/pat"}}):
        assert event(name, **change).event_id != first.event_id


def test_an_invitation_and_its_acceptance_are_two_events() -> None:
    assert event("connection_request_sent").event_id != event("connection_request_accepted").event_id


@pytest.mark.parametrize("other", ["message_reply_received", "inmail_reply_received"])
def test_a_reply_told_by_two_webhooks_is_one_event(other: str) -> None:
    told_again = reply(other, timestamp="2026-05-04T09:14:00Z", campaign=None)
    assert reply().event_id == told_again.event_id


def test_a_repeat_whose_snapshot_was_taken_later_in_another_order_is_the_same_reply() -> None:
    later = {**OURS, "creation_time": "2026-05-04T09:30:00Z", "message": "Thursday?"}
    assert reply(recent_messages=[later, THEIRS, OURS]).event_id == reply().event_id


@pytest.mark.parametrize(
    "change", [{"message": "No."}, {"creation_time": "2026-05-04T09:12:34Z"}, {"creation_time": None}]
)
def test_another_reply_is_another_event(change: dict[str, Any]) -> None:
    assert reply(recent_messages=[OURS, {**THEIRS, **change}]).event_id != reply().event_id


def test_the_same_words_twice_without_times_are_told_apart_by_the_event() -> None:
    timeless = {**THEIRS, "creation_time": None}
    first = reply(recent_messages=[timeless])
    assert first.event_id == reply(recent_messages=[timeless]).event_id
    assert first.event_id != reply(recent_messages=[timeless], timestamp="2026-05-04T11:00:00Z").event_id


def test_two_messages_to_one_lead_are_two_events() -> None:
    second = {**OURS, "creation_time": "2026-05-07T08:00:00Z", "message": "Still there?"}
    first, then = (reply("message_sent", recent_messages=messages) for messages in ([OURS], [OURS, second]))
    assert first.event_id != then.event_id


def test_what_can_happen_again_is_known_by_its_time_too() -> None:
    for name in ("viewed_profile", "campaign_completed", "lead_tag_updated", "something_new"):
        assert event(name).event_id == event(name).event_id
        assert event(name).event_id != event(name, timestamp="2026-05-04T09:12:36Z").event_id


def test_tags_changed_within_a_second_are_two_events() -> None:
    hot, cold = (event("lead_tag_updated", lead={**BASE["lead"], "tags": [tag]}) for tag in ("hot", "cold"))
    assert hot.event_id != cold.event_id


def test_an_event_that_names_nothing_is_known_by_its_bytes() -> None:
    bare, other = (parse_event(json.dumps({"event_type": "viewed_profile", "n": n}).encode()) for n in (1, 2))
    assert bare.event_id != other.event_id
    assert bare.event_id == parse_event(b'{"event_type": "viewed_profile", "n": 1}').event_id


def test_nothing_of_a_person_stands_in_an_id() -> None:
    for found in (reply(), event("viewed_profile"), event("connection_request_sent")):
        assert not any(word in found.event_id for word in ("jo", "ACoAA1", "Tell", "2-a"))
        assert len(found.event_id) < 140


def test_a_reply_is_read_with_its_messages_oldest_first() -> None:
    found = reply(recent_messages=[THEIRS, OURS], is_inmail=True)
    assert [message.text for message in found.messages] == ["Hello Jo.", "Tell me more."]
    assert [message.text for message in found.replies] == ["Tell me more."]
    assert (found.kind, found.is_inmail, found.conversation_id) == (LinkedInEventKind.REPLIED, True, "2-a")
    assert (found.campaign_id, found.account_id, found.lead_id) == (12, 678, "ACoAA1")
    assert "Tell me more" not in repr(found)


@pytest.mark.parametrize("name", ["LEAD_AUTO_TAGGED_NOT_INTERESTED", "something_new"])
def test_an_unknown_event_is_named_and_kept(name: str) -> None:
    found = event(name)
    assert (found.kind, found.name) == (LinkedInEventKind.OTHER, name.lower())


def test_the_name_is_found_in_camel_case_too() -> None:
    found = parse_event(json.dumps({**BASE, "eventType": "MESSAGE_SENT"}).encode())
    assert (found.kind, found.name) == (LinkedInEventKind.SENT, "message_sent")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"{}", b'{"event_type": null}', b'{"event_type": {}}'])
def test_a_body_that_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInputError):
        parse_event(body)


def test_an_event_full_of_nulls_is_still_an_event() -> None:
    names = ("campaign", "sender", "lead", "timestamp", "conversation_id", "recent_messages", "is_inmail")
    found = event("message_reply_received", **dict.fromkeys(names))
    assert (found.kind, found.profile_url, found.messages, found.occurred_at) == (
        LinkedInEventKind.REPLIED,
        None,
        (),
        None,
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*THEIRS, *BASE, "id"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*BASE, "recent_messages", "conversation_id", "event_type"]), VALUES))
def test_whatever_comes_is_an_event_or_is_refused_by_name(body: dict[str, Any]) -> None:
    with suppress(InvalidInputError):
        raw = json.dumps(body).encode()
        assert parse_event(raw).event_id == parse_event(raw).event_id
