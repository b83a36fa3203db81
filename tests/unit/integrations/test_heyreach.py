"""HeyReach's client over a scripted transport: what leaves, what is repeated, and what is refused before it leaves."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from agency_os.exceptions import (
    InvalidInputError,
    Outcome,
    ProviderAnswerError,
    ProviderError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
)
from agency_os.integrations.heyreach import HeyReachClient
from agency_os.integrations.heyreach_types import (
    LONGEST_TEXT,
    PERSONAL_TEXT,
    LinkedInAction,
    NewCampaign,
    NewLead,
    Schedule,
    one_step,
)
from agency_os.integrations.provider_api import Connection
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import HttpResponse, NoAnswerError
from agency_os.kit.retry import RateLimit
from tests.support.wire import Script, answer

KEY = "heyreach-key-0123456789"
EMPTY = answer(200, b"")
COUNTS = {"addedLeadsCount": 1, "updatedLeadsCount": 1, "failedLeadsCount": 0}
LEAD = NewLead("https://www.linkedin.com/in/jo", 1001, "Jo", fields={"touch": "t-1", "agency_text": "Hello."})
END = {"nodeType": "END", "actionDelay": 3, "actionDelayUnit": "HOUR"}
WHEN = datetime(2026, 5, 4, 9, 12, 33, tzinfo=UTC)


class Both:
    """A client, what answers it and the wall clock of both."""

    def __init__(self, *answers: HttpResponse | Exception) -> None:
        self.wall = FakeWallClock()
        self.script = Script(*answers)
        connection = Connection(
            self.script,
            "https://h.example/api/public",
            KEY,
            RateLimit(1000, self.wall),
            self.wall,
            Random(1),  # noqa: S311
        )
        self.client = HeyReachClient(connection)

    def sent(self, n: int = 0) -> Any:
        """The JSON of a request."""
        return json.loads(self.script.requests[n].body)

    async def error(self, call: Callable[[HeyReachClient], Awaitable[object]]) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            await call(self.client)
        return caught.value


def page(*items: object, total: int | None = None) -> HttpResponse:
    return answer(200, {"totalCount": len(items) if total is None else total, "items": list(items)})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"errorMessage": "Campaign not found."}, "Campaign not found."),
        (
            {"errors": {"name": ["is required", "is short"], "limit": ["is high"]}},
            "name: is required is short; limit: is high",
        ),
        ({"errors": {"name": "is required"}, "title": "One or more"}, "name: is required"),
        ({"title": "Bad Request", "status": 400, "errors": None}, "Bad Request"),
        ({"message": "No."}, "No."),
        ({"errors": {}, "title": "Bad Request"}, "Bad Request"),
        (b"<html>", "no JSON"),
    ],
)
async def test_the_words_of_every_shape_of_an_error_are_found(body: object, words: str) -> None:
    error = await Both(answer(400, body)).error(lambda client: client.campaign(1))
    assert isinstance(error, ProviderRefusedError)
    assert words in str(error)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_or_subscription_that_fails_is_the_operators_affair_and_not_the_leads(status: int) -> None:
    both = Both(answer(status, {"title": f"no {KEY}"}))
    error = await both.error(lambda client: client.add_leads(1, [LEAD]))
    assert (type(error), error.outcome, len(both.script.requests)) == (ProviderLimitError, Outcome.NOT_ACCEPTED, 1)
    assert KEY not in f"{error} {both.client!r} {both.client.__dict__}"


async def test_a_hand_over_is_repeated_after_429_alone() -> None:
    both = Both(answer(429, {"errorMessage": "slow down"}), answer(200, COUNTS))
    added = await both.client.add_leads(1, [LEAD])
    assert (added.added, added.updated, added.units) == (1, 1, Decimal(1))
    assert both.script.requests[0].body == both.script.requests[1].body


@pytest.mark.parametrize("failure", [answer(500, {"title": "broke"}), NoAnswerError("cut off")])
async def test_a_hand_over_whose_answer_is_lost_is_never_repeated(failure: HttpResponse | Exception) -> None:
    both = Both(failure)
    error = await both.error(lambda client: client.add_leads(1, [LEAD]))
    assert (type(error), len(both.script.requests)) == (ProviderUnknownError, 1)


async def test_a_look_up_by_post_is_repeated_after_a_500() -> None:
    both = Both(answer(500, {}), page({"campaignId": 7, "leadStatus": "InSequence"}, {"campaignId": None}))
    found = await both.client.campaigns_of_lead(LEAD.profile_url)
    assert [(each.campaign_id, each.lead_status) for each in found.items] == [(7, "InSequence")]
    assert len(both.script.requests) == 2


async def test_what_is_handed_over_is_what_was_given_and_no_more() -> None:
    both = Both(answer(200, COUNTS))
    await both.client.add_leads(9, [LEAD], resume_paused=True)
    assert both.sent() == {
        "campaignId": 9,
        "resumeFinishedCampaign": True,
        "resumePausedCampaign": True,
        "accountLeadPairs": [
            {
                "linkedInAccountId": 1001,
                "lead": {
                    "profileUrl": "https://www.linkedin.com/in/jo",
                    "firstName": "Jo",
                    "customUserFields": [{"name": "agency_text", "value": "Hello."}, {"name": "touch", "value": "t-1"}],
                },
            }
        ],
    }


@pytest.mark.parametrize(
    "leads", [[], [LEAD, replace(LEAD, first_name="Jon")], [replace(LEAD, profile_url=str(n)) for n in range(101)]]
)
async def test_too_few_too_many_or_the_same_leads_never_leave(leads: list[NewLead]) -> None:
    both = Both(EMPTY)
    with pytest.raises(InvalidInputError):
        await both.client.add_leads(1, leads)
    assert both.script.requests == []


async def test_an_answer_without_counts_says_that_all_may_have_been_handed_over() -> None:
    error = await Both(answer(200, {"addedLeadsCount": 1})).error(lambda client: client.add_leads(1, [LEAD]))
    assert (type(error), error.outcome, error.cost_units) == (ProviderAnswerError, Outcome.ACCEPTED, Decimal(1))


@pytest.mark.parametrize("body", [b"", b"  ", b"{}", b"1", b"true", b'{"success": true}'])
async def test_a_success_may_say_nothing_or_anything(body: bytes) -> None:
    assert (await Both(answer(200, body)).client.check_key()).units == 0
    assert (await Both(answer(200, body)).client.send_message(1001, "2-a", "Hello.")).units == 1


async def test_a_page_of_html_is_no_success() -> None:
    error = await Both(answer(200, b"<html>")).error(lambda client: client.send_message(1001, "2-a", "Hello."))
    assert (error.outcome, error.cost_units) == (Outcome.ACCEPTED, Decimal(1))


@pytest.mark.parametrize(
    ("listed", "total", "offset", "following"),
    [(2, 5, 0, 2), (2, 4, 2, None), (0, 5, 5, None), (1, 1, 0, None), (2, 9, 3, 5)],
)
async def test_the_next_page_begins_behind_what_came(
    listed: int, total: int, offset: int, following: int | None
) -> None:
    both = Both(page(*[{"id": n} for n in range(listed)], total=total))
    found = await both.client.accounts(offset=offset, limit=2)
    assert (found.total, found.next_offset, len(found.items)) == (total, following, listed)
    assert both.sent() == {"offset": offset, "limit": 2}


async def test_an_item_that_is_unreadable_is_left_out_and_not_asked_for_again() -> None:
    found = await Both(page({"id": "x"}, "text", {"id": 3}, total=4)).client.accounts()
    assert ([each.id for each in found.items], found.next_offset) == ([3], 3)


@pytest.mark.parametrize(("asked", "limit", "offset"), [((1000, -5), 100, 0), ((0, 3), 1, 3)])
async def test_paging_stays_within_what_heyreach_takes(asked: tuple[int, int], limit: int, offset: int) -> None:
    both = Both(page())
    await both.client.campaigns(limit=asked[0], offset=asked[1])
    assert both.sent() == {"offset": offset, "limit": limit}


async def test_only_the_filters_that_were_given_are_sent() -> None:
    both = Both(page())
    await both.client.conversations(account_ids=[1001], unread_only=True)
    await both.client.conversations(campaign_ids=[3], profile_url="https://www.linkedin.com/in/jo")
    assert both.sent()["filters"] == {"linkedInAccountIds": [1001], "seen": False}
    assert both.sent(1)["filters"] == {"campaignIds": [3], "leadProfileUrl": "https://www.linkedin.com/in/jo"}


async def test_leads_since_a_time_are_asked_for_in_utc() -> None:
    both = Both(page())
    await both.client.leads(3, acted_since=WHEN.astimezone(timezone(timedelta(hours=10))))
    assert (both.sent()["timeFrom"], both.sent()["timeFilter"]) == (
        "2026-05-04T09:12:33Z",
        "LastActionTakenOrFailedTime",
    )


async def test_a_conversation_is_read_by_either_name_of_the_other_side_and_with_times_without_a_zone() -> None:
    shown = {
        "id": "2-a/b==",
        "linkedInAccountId": 1001,
        "lastMessageSender": "THEM",
        "lastMessageAt": "2026-05-04T09:12:33",
        "correspondentProfile": {"profileUrl": "https://www.linkedin.com/in/jo", "firstName": "Jo", "lastName": None},
        "messages": [
            {"createdAt": "2026-05-04T19:12:33+10:00", "body": " Hi ", "sender": "ME"},
            {"createdAt": None, "body": None, "sender": "CORRESPONDENT"},
        ],
    }
    both = Both(answer(200, shown))
    found = await both.client.conversation(1001, "2-a/b==")
    assert both.script.requests[0].url.endswith("/inbox/GetChatroom/1001/2-a%2Fb%3D%3D")
    assert (found.name, found.last_is_theirs, found.last_message_at) == ("Jo", True, WHEN)
    assert [(each.text, each.at, each.is_theirs) for each in found.messages] == [
        (" Hi ", WHEN, False),
        ("", None, True),
    ]
    assert "Hi" not in repr(found)


async def test_a_leads_state_full_of_nulls_is_still_a_state() -> None:
    full = {
        "id": 5, "linkedInUserProfile": {"profileUrl": "https://www.linkedin.com/in/jo"}, "linkedInSenderId": 1001,
        "leadStatus": "Failed", "leadConnectionStatus": "None", "leadMessageStatus": "None", "errorCode": 17,
        "failedTime": "2026-05-04T09:12:33Z",
    }  # fmt: skip
    found = (await Both(page(full, dict.fromkeys(full))).client.leads(3)).items
    assert (found[0].status, found[0].error, found[0].failed_at, found[0].account_id) == ("Failed", "17", WHEN, 1001)
    assert (found[1].id, found[1].profile_url, found[1].status) == (None, None, None)


@pytest.mark.parametrize(
    ("active", "signed_in", "can"), [(True, True, True), (None, None, True), (False, True, False), (True, False, False)]
)
async def test_a_seat_can_send_unless_something_says_that_it_cannot(
    active: bool | None, signed_in: bool | None, can: bool
) -> None:
    account = await Both(answer(200, {"id": 1001, "isActive": active, "authIsValid": signed_in})).client.account(1001)
    assert account.can_send is can


@pytest.mark.parametrize("call", [lambda c: c.account(1), lambda c: c.campaign(1), lambda c: c.create_list("People")])
async def test_an_answer_without_its_number_is_no_result(call: Callable[[HeyReachClient], Awaitable[object]]) -> None:
    error = await Both(answer(200, {"id": None, "status": "DRAFT"})).error(call)
    assert (type(error), error.outcome) == (ProviderAnswerError, Outcome.ACCEPTED)


@pytest.mark.parametrize("call", [lambda c: c.create_list(""), lambda c: c.send_message(1, "2-a", " \n")])
async def test_what_has_no_words_never_leaves(call: Callable[[HeyReachClient], Awaitable[object]]) -> None:
    both = Both(EMPTY)
    with pytest.raises(InvalidInputError):
        await call(both.client)
    assert both.script.requests == []


async def test_an_inmail_has_a_subject() -> None:
    both = Both(EMPTY)
    await both.client.send_message(1001, "2-a", "Hello.", subject="A question")
    assert both.sent() == {
        "message": "Hello.", "conversationId": "2-a", "linkedInAccountId": 1001, "subject": "A question",
    }  # fmt: skip


def test_an_invitation_has_both_branches_and_the_delays_that_the_validator_wants() -> None:
    assert one_step(LinkedInAction.INVITE, fallback="Hello.") == {
        "nodeType": "CONNECTION_REQUEST",
        "actionDelay": 3,
        "actionDelayUnit": "HOUR",
        "payload": {"messages": [PERSONAL_TEXT], "fallbackMessage": "Hello."},
        "conditionalNode": END,
        "unconditionalNode": END,
    }
    assert one_step(LinkedInAction.INVITE, text="")["payload"] == {"messages": []}


def test_every_other_action_is_one_node_that_ends() -> None:
    assert one_step(LinkedInAction.VIEW) == {"nodeType": "VIEW_PROFILE", "unconditionalNode": END}
    assert one_step(LinkedInAction.LIKE)["payload"] == {"reactionType": "LIKE"}
    assert "payload" not in one_step(LinkedInAction.FOLLOW)
    inmail = one_step(LinkedInAction.INMAIL, text="Hello.", subject="A question")
    assert inmail["payload"] == {"messages": [{"subject": "A question", "message": "Hello."}]}
    assert inmail["conditionalNode"] == END


@pytest.mark.parametrize(
    "arguments",
    [
        {"action": LinkedInAction.MESSAGE, "text": ""},
        {"action": LinkedInAction.MESSAGE},
        {"action": LinkedInAction.INVITE},
        {"action": LinkedInAction.INVITE, "fallback": PERSONAL_TEXT},
        {"action": LinkedInAction.INMAIL, "text": "Hello.", "subject": ""},
        {"action": LinkedInAction.INMAIL, "text": "Hello.", "subject": "x" * 201},
        *({"action": action, "text": "x" * (most + 1)} for action, most in LONGEST_TEXT.items()),
        *({"action": action, "text": "x", "fallback": "x" * (most + 1)} for action, most in LONGEST_TEXT.items()),
    ],
)
def test_a_step_that_heyreach_would_refuse_is_not_made(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        one_step(**arguments)


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "x" * 51},
        {"account_ids": ()},
        {"account_ids": tuple(range(101))},
        {"schedule": Schedule(time(17), time(9), "Australia/Sydney")},
        {"schedule": Schedule(time(9), time(17), "Australia/Sydney", frozenset())},
        {"schedule": Schedule(time(9), time(17), "Australia/Sydney", frozenset({7}))},
    ],
)
async def test_a_campaign_that_heyreach_would_refuse_never_leaves(change: dict[str, Any]) -> None:
    both = Both(EMPTY)
    good = NewCampaign("Invitations", 1, (1001,), one_step(LinkedInAction.VIEW))
    with pytest.raises(InvalidInputError):
        await both.client.create_campaign(replace(good, **change))
    assert both.script.requests == []


async def test_the_longest_name_and_the_most_seats_are_taken() -> None:
    both = Both(answer(200, {"campaignId": 7}))
    made = NewCampaign("x" * 50, 1, tuple(range(100)), one_step(LinkedInAction.VIEW))
    assert (await both.client.create_campaign(made)).id == 7
    assert "schedule" not in both.sent()
