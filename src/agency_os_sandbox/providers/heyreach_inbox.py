"""HeyReach's inbox: the conversations of the seats with the leads they hold, and what is typed into one.

Input: what was said by campaigns, by people and here. Promises: nothing shows before its time; a seat sees its own
conversations alone; a message has no key, so the same text again is said again.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from agency_os_sandbox.gateway import Answer, Call
from agency_os_sandbox.oracle import OracleRow
from agency_os_sandbox.providers import heyreach_checks as checks
from agency_os_sandbox.providers import heyreach_life as life
from agency_os_sandbox.providers import heyreach_payloads as payloads
from agency_os_sandbox.store import Store


class HeyReachInbox:
    """Three endpoints."""

    def __init__(self, store: Store, seed: int, lived: life.HeyReachLife) -> None:
        self._store = store
        self._seed = seed
        self._life = lived

    def list(self, call: Call) -> Answer:
        """``GetConversationsV2``: the latest first."""
        data = checks.read_body(call)
        filters = data.get("filters")
        if not isinstance(filters, dict):
            checks.invalid("filters", "The filters field is required.")
        accounts, campaigns = checks.numbers(filters, "linkedInAccountIds"), checks.numbers(filters, "campaignIds")
        profile, seen = checks.profile_of({"profileUrl": filters.get("leadProfileUrl")}), filters.get("seen")
        people = self._store.all("SELECT DISTINCT account, profile FROM heyreach_leads ORDER BY account, profile")
        shown = [self._conversation(row["account"], row["profile"], call.now) for row in people]
        kept = [
            each for each in shown
            if each is not None
            and (not accounts or each["linkedInAccountId"] in accounts)
            and (not campaigns or each["campaignId"] in campaigns)
            and (profile is None or each["correspondentProfile"]["profileUrl"] == profile)
            and (seen is None or each["read"] is seen)
        ]  # fmt: skip
        return checks.page(data, sorted(kept, key=lambda each: each["lastMessageAt"], reverse=True))

    def _conversation(self, account: int, profile: str, now: datetime) -> dict[str, Any] | None:
        """None before anything was said."""
        said = self._life.messages(account, profile, now)
        if not said:
            return None
        held = self._store.one(
            "SELECT lead FROM heyreach_leads WHERE account = ? AND profile = ? ORDER BY id DESC", (account, profile)
        )
        seat, last = payloads.seat(self._seed, account) or {}, said[-1]
        messages = [payloads.message(each, theirs=each["kind"] in life.THEIRS) for each in said]
        campaign = next((each["campaign"] for each in reversed(said) if each["campaign"] is not None), None)
        return {
            "id": life.conversation_id(account, profile), "read": last["kind"] not in life.THEIRS, "groupChat": False,
            "blockedByMe": False, "blockedByParticipant": False, "lastMessageAt": messages[-1]["createdAt"],
            "lastMessageText": messages[-1]["body"], "lastMessageType": "TEXT",
            "lastMessageSender": messages[-1]["sender"], "totalMessages": len(messages), "campaignId": campaign,
            "linkedInAccountId": account,
            "linkedInAccount": {"id": account, "firstName": seat.get("firstName"), "lastName": seat.get("lastName")},
            "correspondentProfile": payloads.profile(profile, {} if held is None else json.loads(held["lead"])),
            "messages": messages,
        }  # fmt: skip

    def get(self, call: Call) -> Answer:
        """``GetChatroom``."""
        account = call.path_params["account_id"]
        number = int(account) if account.isascii() and account.isdecimal() and len(account) <= 18 else 0
        profile = self._talks_to(number, call.path_params["conversation_id"])
        return Answer(200, self._conversation(number, profile, call.now))

    def send(self, call: Call) -> Answer:
        """``SendMessage``."""
        data = checks.read_body(call)
        account, text = checks.whole(data, "linkedInAccountId"), checks.text(data, "message", 8000)
        profile = self._talks_to(account, checks.text(data, "conversationId"))
        self._life.say(account, profile, text, call.now)
        return replace(checks.DONE, rows=(OracleRow(profile, None, Decimal(1), accepted=True),))

    def _talks_to(self, account: int, conversation: str) -> str:
        """The person in a conversation of this seat; 404 where there is none."""
        people = self._store.all("SELECT DISTINCT profile FROM heyreach_leads WHERE account = ?", (account,))
        for row in people:
            if life.conversation_id(account, row["profile"]) == conversation:
                return str(row["profile"])
        raise checks.Refusal(checks.told(404, "The conversation was not found."))
