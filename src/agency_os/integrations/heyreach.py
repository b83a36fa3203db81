"""HeyReach (heyreach.io): LinkedIn by campaigns of one step, to which leads are handed over; the inbox; the seats.

HeyReach publishes no machine-readable description: this follows its page heyreach.io/blog/campaign-api and what tested
clients observed. It has no idempotency keys. The same profile again counts as updated and causes no second action, and
the lead's state can be looked up. Cost is per seat and month: ``units`` are actions handed over, and cost A$0 each.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar
from urllib.parse import quote

from agency_os.exceptions import InvalidInputError, ProviderLimitError
from agency_os.integrations.heyreach_types import (
    Account,
    AddedLeads,
    Campaign,
    CampaignLead,
    Conversation,
    Created,
    Done,
    LeadCampaign,
    NewCampaign,
    NewLead,
    Page,
    read_account,
    read_campaign,
    read_campaign_lead,
    read_conversation,
    read_lead_campaign,
)
from agency_os.integrations.json_fields import Fields
from agency_os.integrations.mail_transport import canonical_json
from agency_os.integrations.provider_api import Connection, Dialect, Problem, ProviderApi, json_problem
from agency_os.kit.http import HttpResponse
from agency_os.kit.retry import RetryPolicy

T = TypeVar("T")

NAME = "heyreach"
MOST_LEADS = 100
"""Leads of one hand-over (V2)."""
PAGE = 100


@json_problem
def _read_problem(body: Fields) -> Problem:
    words = body.text("errorMessage") or body.text("message") or body.text("title") or ""
    faults = body.raw("errors")
    if isinstance(faults, dict):  # ASP.NET's validation: the faults of each field
        words = "; ".join(f"{name}: {' '.join(Fields(faults).texts(name))}" for name in faults) or words
    return Problem(None, words)


_DIALECT = Dialect(
    NAME,
    _read_problem,
    kinds={
        401: ProviderLimitError,  # a wrong key and a lapsed subscription (403) are mended by the operator
        403: ProviderLimitError,
    },
    passing=frozenset({429}),
)


class HeyReachClient:
    """Speaks to one workspace of HeyReach; one per API key. Every call raises ProviderError with its outcome."""

    name = NAME

    def __init__(self, connection: Connection) -> None:
        self._api = ProviderApi(
            connection,
            _DIALECT,
            {"X-API-KEY": connection.api_key},
            policy=RetryPolicy(attempts=4, first_wait=1.0, longest_wait=8.0),
        )

    async def check_key(self) -> Done:
        """Return when the key is valid; a wrong one raises ProviderLimitError with status 401."""
        return self._done("check_key", await self._api.look_up("check_key", "/auth/CheckApiKey"))

    async def accounts(self, *, keyword: str | None = None, offset: int = 0, limit: int = PAGE) -> Page[Account]:
        """The connected LinkedIn accounts."""
        asked = {"keyword": keyword} if keyword else {}
        return await self._page("accounts", "/li_account/GetAll", asked, read_account, offset, limit)

    async def account(self, account_id: int) -> Account:
        """One account. 404 is ProviderRefusedError."""
        response = await self._api.look_up("account", "/li_account/GetById", {"accountId": account_id})
        return self._read("account", response, read_account)

    async def campaigns(
        self,
        *,
        keyword: str | None = None,
        statuses: Sequence[str] = (),
        account_ids: Sequence[int] = (),
        offset: int = 0,
        limit: int = PAGE,
    ) -> Page[Campaign]:
        """The campaigns; ``keyword`` finds one by its name, which is how a creation of unknown outcome is looked up."""
        given = {"keyword": keyword, "statuses": list(statuses), "accountIds": list(account_ids)}
        asked = {name: value for name, value in given.items() if value}
        return await self._page("campaigns", "/campaign/GetAll", asked, read_campaign, offset, limit)

    async def campaign(self, campaign_id: int) -> Campaign:
        """One campaign. 404 is ProviderRefusedError."""
        response = await self._api.look_up("campaign", "/campaign/GetById", {"campaignId": campaign_id})
        return self._read("campaign", response, read_campaign)

    async def create_list(self, name: str) -> Created:
        """An empty list of people, which every campaign needs one of."""
        if not name:
            raise InvalidInputError("a list needs a name", field="name")
        body = canonical_json({"name": name, "type": "USER_LIST"})
        return self._created("create_list", await self._api.act("create_list", "/list/CreateEmptyList", body), "id")

    async def create_campaign(self, campaign: NewCampaign) -> Created:
        """A campaign in DRAFT; it cannot be deleted again. Raises InvalidInputError before anything left."""
        body = canonical_json(campaign.to_wire())
        response = await self._api.act("create_campaign", "/campaign/Create", body)
        return self._created("create_campaign", response, "campaignId")

    async def start_campaign(self, campaign_id: int) -> Done:
        """DRAFT to IN_PROGRESS. Without leads HeyReach says yes and goes back to PAUSED."""
        return await self._switch("start_campaign", "/campaign/StartCampaign", campaign_id)

    async def pause_campaign(self, campaign_id: int) -> Done:
        """IN_PROGRESS to PAUSED: nothing goes out until it is resumed."""
        return await self._switch("pause_campaign", "/campaign/Pause", campaign_id)

    async def resume_campaign(self, campaign_id: int) -> Done:
        """PAUSED, FINISHED or FAILED to IN_PROGRESS; a DRAFT is refused."""
        return await self._switch("resume_campaign", "/campaign/Resume", campaign_id)

    async def add_leads(
        self,
        campaign_id: int,
        leads: Sequence[NewLead],
        *,
        resume_finished: bool = True,
        resume_paused: bool = False,
    ) -> AddedLeads:
        """Hand 1 to 100 different leads over. A campaign of one step is FINISHED when its leads are, hence
        ``resume_finished``; one that was paused stays so. Raises InvalidInputError before anything left.
        """
        profiles = {lead.profile_url for lead in leads}
        if not 1 <= len(leads) <= MOST_LEADS or len(profiles) != len(leads):
            raise InvalidInputError(f"1 to {MOST_LEADS} leads are handed over at once, each of them once")
        asked = {
            "campaignId": campaign_id,
            "accountLeadPairs": [lead.to_wire() for lead in leads],
            "resumeFinishedCampaign": resume_finished,
            "resumePausedCampaign": resume_paused,
        }
        response = await self._api.act("add_leads", "/campaign/AddLeadsToCampaignV2", canonical_json(asked))
        most = Decimal(len(leads))
        answer = self._api.read_answer("add_leads", response, most)
        added, updated, failed = (answer.whole(f"{name}LeadsCount") for name in ("added", "updated", "failed"))
        if added is None or updated is None or failed is None:
            raise self._api.unreadable("add_leads", response, "without its counts", most)
        return AddedLeads(added, updated, failed, Decimal(added))

    async def leads(
        self, campaign_id: int, *, acted_since: datetime | None = None, offset: int = 0, limit: int = PAGE
    ) -> Page[CampaignLead]:
        """The leads of a campaign and how far each is; ``acted_since`` leaves out whom nothing happened to since."""
        asked: dict[str, object] = {"campaignId": campaign_id}
        if acted_since is not None:
            since = acted_since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            asked |= {"timeFrom": since, "timeFilter": "LastActionTakenOrFailedTime"}
        return await self._page("leads", "/campaign/GetLeadsFromCampaign", asked, read_campaign_lead, offset, limit)

    async def campaigns_of_lead(self, profile_url: str, *, offset: int = 0, limit: int = PAGE) -> Page[LeadCampaign]:
        """The campaigns that hold a lead: one request that settles a hand-over of unknown outcome."""
        asked = {"profileUrl": profile_url}
        path = "/campaign/GetCampaignsForLead"
        return await self._page("campaigns_of_lead", path, asked, read_lead_campaign, offset, limit)

    async def stop_lead(self, campaign_id: int, profile_url: str) -> Done:
        """Let nothing more be done to this lead by this campaign."""
        body = canonical_json({"campaignId": campaign_id, "leadUrl": profile_url})
        return self._done("stop_lead", await self._api.act("stop_lead", "/campaign/StopLeadInCampaign", body))

    async def conversations(
        self,
        *,
        account_ids: Sequence[int] = (),
        campaign_ids: Sequence[int] = (),
        profile_url: str | None = None,
        unread_only: bool = False,
        offset: int = 0,
        limit: int = PAGE,
    ) -> Page[Conversation]:
        """The inbox (V2): conversations of these seats and campaigns, of all when none are named."""
        given: dict[str, object] = {
            "linkedInAccountIds": list(account_ids),
            "campaignIds": list(campaign_ids),
            "leadProfileUrl": profile_url,
        }
        filters = {name: value for name, value in given.items() if value}
        if unread_only:
            filters["seen"] = False
        path = "/inbox/GetConversationsV2"
        return await self._page("conversations", path, {"filters": filters}, read_conversation, offset, limit)

    async def conversation(self, account_id: int, conversation_id: str) -> Conversation:
        """One conversation with its messages. 404 is ProviderRefusedError."""
        path = f"/inbox/GetChatroom/{account_id}/{quote(conversation_id, safe='')}"
        return self._read("conversation", await self._api.look_up("conversation", path), read_conversation)

    async def send_message(
        self, account_id: int, conversation_id: str, text: str, *, subject: str | None = None
    ) -> Done:
        """Say something in a conversation that exists. There is no key: after an unknown outcome, look it up by
        ``conversation``. Raises InvalidInputError for an empty text.
        """
        if not text.strip():
            raise InvalidInputError("a message needs a text", field="text")
        asked = {"message": text, "conversationId": conversation_id, "linkedInAccountId": account_id}
        body = canonical_json({**asked, "subject": subject} if subject else asked)
        response = await self._api.act("send_message", "/inbox/SendMessage", body)
        return self._done("send_message", response, Decimal(1))

    async def _switch(self, operation: str, path: str, campaign_id: int) -> Done:
        return self._done(operation, await self._api.act(operation, path, b"", query={"campaignId": campaign_id}))

    async def _page(
        self,
        operation: str,
        path: str,
        asked: Mapping[str, object],
        read: Callable[[Fields], T | None],
        offset: int,
        limit: int,
    ) -> Page[T]:
        paging = {"offset": max(0, offset), "limit": max(1, min(limit, PAGE))}
        response = await self._api.look_up_by(operation, path, canonical_json({**asked, **paging}))
        answer = self._api.read_answer(operation, response)
        total, listed = answer.whole("totalCount"), answer.raw("items")
        if total is None or not isinstance(listed, list):
            raise self._api.unreadable(operation, response, "no page")
        end = paging["offset"] + len(listed)
        found = tuple(item for each in answer.each("items") if (item := read(each)) is not None)
        return Page(total, found, end if listed and end < total else None)

    def _read(self, operation: str, response: HttpResponse, read: Callable[[Fields], T | None]) -> T:
        found = read(self._api.read_answer(operation, response))
        if found is None:
            raise self._api.unreadable(operation, response, "without an id")
        return found

    def _created(self, operation: str, response: HttpResponse, name: str) -> Created:
        number = self._api.read_answer(operation, response).whole(name)
        if number is None:
            raise self._api.unreadable(operation, response, "without an id")
        return Created(number)

    def _done(self, operation: str, response: HttpResponse, units: Decimal = Decimal(0)) -> Done:
        """Successes come without a body; some with a JSON value that says nothing more."""
        if response.body.strip():
            try:
                json.loads(response.body)
            except (ValueError, RecursionError):
                raise self._api.unreadable(operation, response, "no JSON", units) from None
        return Done(units)
