"""HeyReach: seats, lists, campaigns, leads handed over, the inbox; 300 requests a minute and key, no idempotency keys.

Follows what was observed of its API and its page on campaigns. Seats come from the seed; any key that is not empty is
the account. Successes without a result have no body. A campaign without leads goes back to PAUSED without a word, one
whose leads are done is FINISHED, and the same profile again is updated and causes nothing more.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from agency_os_sandbox.clock import ClockError, parse, stamp
from agency_os_sandbox.faults import FaultKind
from agency_os_sandbox.gateway import Answer, Call, Operation
from agency_os_sandbox.limits import Window
from agency_os_sandbox.oracle import OracleRow
from agency_os_sandbox.outbox import Outbox
from agency_os_sandbox.providers import heyreach_checks as checks
from agency_os_sandbox.providers import heyreach_life as life
from agency_os_sandbox.providers import heyreach_payloads as payloads
from agency_os_sandbox.providers.heyreach_inbox import HeyReachInbox
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.chance import pick

PER_MINUTE = 300
ONE = Decimal(1)
_ACTIVE, _PAUSED, _DRAFT, _FINISHED, _FAILED = "IN_PROGRESS", "PAUSED", "DRAFT", "FINISHED", "FAILED"
_TIMES = {
    "CreationTime": ("creationTime",), "LastActionTakenTime": ("lastActionTime",), "FailedTime": ("failedTime",),
    "LastActionTakenOrFailedTime": ("lastActionTime", "failedTime"),
    "Everywhere": ("creationTime", "lastActionTime", "failedTime"),
}  # fmt: skip


class HeyReach:
    """The protocol. ``secret`` ends the address of its webhooks; ``monotonic`` is wall time, for the limit."""

    name = "heyreach"

    def __init__(
        self, store: Store, outbox: Outbox, seed: int, secret: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._seed = seed
        self._life = life.HeyReachLife(store, outbox, seed, secret)
        self._inbox = HeyReachInbox(store, seed, self._life)
        self._monotonic = monotonic
        self._recent: dict[str, deque[float]] = {}

    def operations(self) -> tuple[Operation, ...]:
        """The endpoints."""
        table: tuple[tuple[str, str, str, Callable[[Call], Answer]], ...] = (
            ("auth.check", "GET", "/auth/CheckApiKey", lambda _: checks.DONE),
            ("accounts.list", "POST", "/li_account/GetAll", self._accounts),
            ("accounts.get", "GET", "/li_account/GetById", self._account),
            ("lists.create", "POST", "/list/CreateEmptyList", self._create_list),
            ("campaigns.list", "POST", "/campaign/GetAll", self._campaigns),
            ("campaigns.get", "GET", "/campaign/GetById", self._campaign),
            ("campaigns.create", "POST", "/campaign/Create", self._create_campaign),
            ("campaigns.start", "POST", "/campaign/StartCampaign", self._start),
            ("campaigns.pause", "POST", "/campaign/Pause", self._pause),
            ("campaigns.resume", "POST", "/campaign/Resume", self._resume),
            ("campaigns.leads", "POST", "/campaign/GetLeadsFromCampaign", self._leads),
            ("campaigns.of_lead", "POST", "/campaign/GetCampaignsForLead", self._campaigns_of_lead),
            ("campaigns.stop_lead", "POST", "/campaign/StopLeadInCampaign", self._stop_lead),
            ("inbox.list", "POST", "/inbox/GetConversationsV2", self._inbox.list),
            ("inbox.get", "GET", "/inbox/GetChatroom/{account_id}/{conversation_id}", self._inbox.get),
        )
        acting = (
            Operation(
                "campaigns.add_leads", "POST", "/campaign/AddLeadsToCampaignV2", self._guarded(self._add_leads), _asked
            ),
            Operation("inbox.send", "POST", "/inbox/SendMessage", self._guarded(self._inbox.send)),
        )
        return (*(Operation(name, method, path, self._guarded(do)) for name, method, path, do in table), *acting)

    def refusal(self, kind: FaultKind, retry_after: int) -> Answer:  # noqa: ARG002 - HeyReach tells no time to wait
        """The observed shapes of an error."""
        if kind is FaultKind.LIMITED:
            return checks.told(429, "Too many requests. The limit is 300 requests per minute.")
        if kind is FaultKind.REFUSED:
            return checks.told(400, "The request was refused.")
        return checks.titled(500, "An error occurred while processing your request.")

    def concurrent(self) -> Answer | None:
        """HeyReach knows no keys."""
        return None

    def limit_headers(self, window: Window) -> Mapping[str, str]:  # noqa: ARG002 - see below
        """None were observed."""
        return {}

    def _guarded(self, handle: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        def guarded(call: Call) -> Answer:
            key = call.headers.get("x-api-key", "").strip()
            if not key:
                return checks.titled(401, "Unauthorized")
            if self._is_too_many(key):
                return self.refusal(FaultKind.LIMITED, 1)
            try:
                return handle(call)
            except checks.Refusal as refusal:
                return refusal.answer

        return guarded

    def _is_too_many(self, key: str) -> bool:
        now, recent = self._monotonic(), self._recent.setdefault(key, deque())
        while recent and recent[0] <= now - 60.0:
            recent.popleft()
        if len(recent) >= PER_MINUTE:
            return True
        recent.append(now)
        return False

    def _accounts(self, call: Call) -> Answer:
        data = checks.read_body(call)
        keyword = str(data.get("keyword") or "").lower()
        seats = [self._seat(payloads.FIRST_SEAT + number) for number in range(payloads.SEATS)]
        return checks.page(
            data, [each for each in seats if keyword in f"{each['firstName']} {each['lastName']}".lower()]
        )

    def _account(self, call: Call) -> Answer:
        return Answer(200, self._seat(checks.query_number(call, "accountId")))

    def _seat(self, account: int) -> dict[str, Any]:
        seat = payloads.seat(self._seed, account)
        if seat is None:
            checks.refuse(404, "LinkedIn account not found.")
        running = self._store.all("SELECT accounts FROM heyreach_campaigns WHERE status = ?", (_ACTIVE,))
        return {**seat, "activeCampaigns": sum(account in json.loads(row["accounts"]) for row in running)}

    def _create_list(self, call: Call) -> Answer:
        data = checks.read_body(call)
        name, kind = checks.text(data, "name"), data.get("type", "USER_LIST")
        if kind not in ("USER_LIST", "COMPANY_LIST"):
            checks.invalid("type", "The JSON value could not be converted.")
        cursor = self._store.execute(
            "INSERT INTO heyreach_lists (name, created_at) VALUES (?, ?)", (name, stamp(call.now))
        )
        shown = {
            "id": cursor.lastrowid, "name": name, "count": 0, "listType": kind,
            "creationTime": payloads.instant(call.now), "isLinkedInAccountsList": None, "campaigns": None,
            "search": None, "status": None,
        }  # fmt: skip
        return Answer(200, shown)

    def _create_campaign(self, call: Call) -> Answer:
        data = checks.read_body(call)
        name, list_id = checks.text(data, "name", 50), checks.whole(data, "linkedInUserListId")
        accounts = checks.numbers(data, "linkedInAccountIds")
        if not 1 <= len(accounts) <= 100:
            checks.invalid("linkedInAccountIds", "The field linkedInAccountIds must have 1 to 100 items.")
        if self._store.one("SELECT 1 FROM heyreach_lists WHERE id = ?", (list_id,)) is None:
            checks.refuse(400, "Lead list not found.")
        for account in accounts:
            seat = payloads.seat(self._seed, account)
            if seat is None or not seat["authIsValid"]:
                checks.refuse(400, f"LinkedIn account {account} was not found or has invalid auth.")
        if data.get("sequence") is not None:
            checks.check_sequence(data["sequence"])
        cursor = self._store.execute(
            "INSERT INTO heyreach_campaigns (name, list, accounts, sequence, status, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (name, list_id, json.dumps(accounts), json.dumps(data.get("sequence")), _DRAFT, stamp(call.now)),
        )
        return Answer(200, {"campaignId": cursor.lastrowid})

    def _campaigns(self, call: Call) -> Answer:
        data = checks.read_body(call)
        wanted, accounts = data.get("statuses") or [], checks.numbers(data, "accountIds")
        keyword = str(data.get("keyword") or "").lower()
        rows = [dict(row) for row in self._store.all("SELECT * FROM heyreach_campaigns ORDER BY id DESC")]
        shown = [payloads.campaign(row, self._status(row, call.now)) for row in rows if keyword in row["name"].lower()]
        kept = [
            each for each in shown
            if (not wanted or each["status"] in wanted)
            and (not accounts or set(accounts) & set(each["campaignAccountIds"]))
        ]  # fmt: skip
        return checks.page(data, kept)

    def _campaign(self, call: Call) -> Answer:
        row = self._find(checks.query_number(call, "campaignId"))
        return Answer(200, payloads.campaign(row, self._status(row, call.now)))

    def _start(self, call: Call) -> Answer:
        row = self._find(checks.query_number(call, "campaignId"))
        if row["status"] not in (_DRAFT, _PAUSED):
            checks.refuse(400, "The campaign you are trying to start is not a draft.")
        if json.loads(row["sequence"]) is None:
            checks.refuse(400, "The campaign has no sequence.")
        return self._run(row, call.now)

    def _resume(self, call: Call) -> Answer:
        row = self._find(checks.query_number(call, "campaignId"))
        if self._status(row, call.now) not in (_PAUSED, _FINISHED, _FAILED):
            checks.refuse(400, "The campaign you are trying to resume is not paused, finished or failed.")
        return self._run(row, call.now)

    def _run(self, row: dict[str, Any], now: datetime) -> Answer:
        held = self._store.one("SELECT 1 FROM heyreach_leads WHERE campaign = ?", (row["id"],))
        self._set_status(row["id"], _PAUSED if held is None else _ACTIVE)
        if held is not None:
            self._life.release(row["id"], now)
        return checks.DONE

    def _pause(self, call: Call) -> Answer:
        row = self._find(checks.query_number(call, "campaignId"))
        if self._status(row, call.now) != _ACTIVE:
            checks.refuse(400, "The campaign you are trying to pause is not in progress.")
        self._set_status(row["id"], _PAUSED)
        self._life.hold(row["id"], call.now)
        return checks.DONE

    def _add_leads(self, call: Call) -> Answer:
        data = checks.read_body(call)
        row, pairs = self._find(checks.whole(data, "campaignId")), data.get("accountLeadPairs")
        if not isinstance(pairs, list) or not 1 <= len(pairs) <= checks.MOST_LEADS:
            checks.invalid("accountLeadPairs", f"The field accountLeadPairs must have 1 to {checks.MOST_LEADS} items.")
        if json.loads(row["sequence"]) is None:
            checks.refuse(400, "The campaign has no sequence.")
        status = self._status(row, call.now)
        rows = [self._add_lead(row, pair, call.now) for pair in pairs]
        added = sum(each.accepted for each in rows)
        updated = sum(each.replay for each in rows)
        flag = {_FINISHED: "resumeFinishedCampaign", _PAUSED: "resumePausedCampaign"}.get(status)
        if status == _ACTIVE or (flag is not None and data.get(flag) is True):
            self._run(row, call.now)
        else:
            self._set_status(row["id"], status)
        counts = {
            "addedLeadsCount": added,
            "updatedLeadsCount": updated,
            "failedLeadsCount": len(rows) - added - updated,
        }
        return Answer(200, counts, rows=tuple(rows))

    def _add_lead(self, row: dict[str, Any], pair: Any, now: datetime) -> OracleRow:
        asked = _row(pair)
        lead = pair.get("lead") if isinstance(pair, dict) else None
        profile, accounts = checks.profile_of(lead), json.loads(row["accounts"])
        account = pair.get("linkedInAccountId") if isinstance(pair, dict) else None
        if account is None:
            account = pick(accounts, self._seed, profile)
        if profile is None or account not in accounts:
            return asked
        held = self._store.one("SELECT id FROM heyreach_leads WHERE campaign = ? AND profile = ?", (row["id"], profile))
        if held is not None:
            self._store.execute("UPDATE heyreach_leads SET lead = ? WHERE id = ?", (json.dumps(lead), held["id"]))
            return OracleRow(asked.recipient, asked.touch, replay=True)
        cursor = self._store.execute(
            "INSERT INTO heyreach_leads (campaign, account, profile, lead, stopped, created_at)"
            " VALUES (?, ?, ?, ?, 0, ?)",
            (row["id"], account, profile, json.dumps(lead), stamp(now)),
        )
        person = life.Person(account, profile, dict(lead or {}), self._life.connected(account, profile, now))
        self._life.plan(row["id"], json.loads(row["sequence"]), int(cursor.lastrowid or 0), person)
        return OracleRow(asked.recipient, asked.touch, ONE, accepted=True)

    def _leads(self, call: Call) -> Answer:
        data = checks.read_body(call)
        row = self._find(checks.whole(data, "campaignId"))
        fields = _TIMES.get(str(data.get("timeFilter") or "Everywhere"))
        if fields is None:
            checks.invalid("timeFilter", "The JSON value could not be converted.")
        since, until = _instant(data, "timeFrom"), _instant(data, "timeTo")
        status = self._status(row, call.now)
        held = self._store.all("SELECT * FROM heyreach_leads WHERE campaign = ? ORDER BY id", (row["id"],))
        shown = [self._lead(dict(each), status, call.now) for each in held]
        return checks.page(data, [each for each in shown if _is_within(each, fields, since, until)])

    def _lead(self, row: dict[str, Any], campaign_status: str, now: datetime) -> dict[str, Any]:
        steps = self._life.happened("lead = ?", (row["id"],), now)
        kinds = {step["kind"] for step in steps}
        acted = [step["at"] for step in steps if step["kind"] not in (life.FINISHED, life.FAILED)]
        failed = next((step["at"] for step in steps if step["kind"] == life.FAILED), None)
        messages = (("MessageReply", life.THEIRS), ("MessageSent", {life.MESSAGED, life.MAILED}))
        connections = (("ConnectionAccepted", {life.CONNECTED}), ("ConnectionSent", {life.INVITED}))
        given = json.loads(row["lead"])
        return {
            "id": row["id"], "linkedInUserProfileId": payloads.member_id(row["profile"]),
            "linkedInUserProfile": payloads.profile(row["profile"], given), "linkedInSenderId": row["account"],
            "leadStatus": _lead_status(row, kinds, campaign_status),
            "leadConnectionStatus": next((name for name, any_of in connections if kinds & any_of), "None"),
            "leadMessageStatus": next((name for name, any_of in messages if kinds & any_of), "None"),
            "lastActionTime": _shown(max(acted, default=None)), "failedTime": _shown(failed),
            "creationTime": _shown(row["created_at"]), "errorCode": None if failed is None else "NotConnected",
        }  # fmt: skip

    def _campaigns_of_lead(self, call: Call) -> Answer:
        data = checks.read_body(call)
        profile = checks.profile_of(data)
        if profile is None:
            checks.invalid("profileUrl", "One of email, linkedinId and profileUrl is required.")
        held = self._store.all("SELECT * FROM heyreach_leads WHERE profile = ? ORDER BY id", (profile,))
        shown = []
        for each in held:
            row = self._find(each["campaign"])
            status = self._status(row, call.now)
            lead_status = self._lead(dict(each), status, call.now)["leadStatus"]
            of_campaign = {"campaignId": row["id"], "campaignName": row["name"], "campaignStatus": status}
            shown.append({**of_campaign, "leadStatus": lead_status})
        return checks.page(data, shown)

    def _stop_lead(self, call: Call) -> Answer:
        data = checks.read_body(call)
        row = self._find(checks.whole(data, "campaignId"))
        member, profile = data.get("leadMemberId"), checks.profile_of({"profileUrl": data.get("leadUrl")})
        held = self._store.all("SELECT id, profile FROM heyreach_leads WHERE campaign = ?", (row["id"],))
        found = next((each for each in held if each["profile"] == profile), None) or next(
            (each for each in held if member is not None and payloads.member_id(each["profile"]) == member), None
        )
        if found is None:
            checks.refuse(404, "The lead was not found in the campaign.")
        self._life.stop(found["id"], row["id"], call.now, runs=row["status"] == _ACTIVE)
        return checks.DONE

    def _find(self, campaign: int) -> dict[str, Any]:
        row = self._store.one("SELECT * FROM heyreach_campaigns WHERE id = ?", (campaign,))
        if row is None:
            checks.refuse(404, "Campaign not found.")
        return dict(row)

    def _set_status(self, campaign: int, status: str) -> None:
        self._store.execute("UPDATE heyreach_campaigns SET status = ? WHERE id = ?", (status, campaign))

    def _status(self, row: dict[str, Any], now: datetime) -> str:
        """The campaign's status; one in progress is finished when the last of its leads is."""
        if row["status"] != _ACTIVE:
            return str(row["status"])
        open_lead = self._store.one(
            "SELECT 1 FROM heyreach_leads l WHERE l.campaign = ? AND l.stopped = 0 AND NOT EXISTS (SELECT 1"
            " FROM heyreach_events e WHERE e.campaign = l.campaign AND e.lead = l.id AND e.kind IN (?, ?)"
            " AND e.at <= ?)",
            (row["id"], life.FINISHED, life.FAILED, stamp(now)),
        )
        return _ACTIVE if open_lead is not None else _FINISHED


def _lead_status(row: dict[str, Any], kinds: set[str], campaign_status: str) -> str:
    if life.FAILED in kinds:
        return "Failed"
    if row["stopped"] or life.FINISHED in kinds:
        return "Finished"
    if campaign_status == _PAUSED:
        return "Paused"
    return "InSequence" if kinds else "Pending"


def _shown(at: str | None) -> str | None:
    return None if at is None else payloads.instant(parse(at))


def _instant(data: dict[str, Any], name: str) -> datetime | None:
    if data.get(name) is None:
        return None
    try:
        return parse(str(data[name]))
    except ClockError:
        checks.invalid(name, "The JSON value could not be converted.")


def _is_within(lead: dict[str, Any], fields: tuple[str, ...], since: datetime | None, until: datetime | None) -> bool:
    if since is None and until is None:
        return True
    times = [parse(lead[name]) for name in fields if lead[name] is not None]
    return any((since is None or at >= since) and (until is None or at <= until) for at in times)


def _row(pair: Any) -> OracleRow:
    """Whom a pair names, and our touch where a custom field of that name says it."""
    lead = pair.get("lead") if isinstance(pair, dict) else None
    if not isinstance(lead, dict):
        return OracleRow()
    url = lead.get("profileUrl")
    return OracleRow(url if isinstance(url, str) else None, checks.custom_fields(lead).get("touch"))


def _asked(call: Call) -> tuple[OracleRow, ...]:
    try:
        data = call.json()
    except ValueError:
        return (OracleRow(),)
    pairs = data.get("accountLeadPairs") if isinstance(data, dict) else None
    return tuple(_row(pair) for pair in pairs[: checks.MOST_LEADS]) if isinstance(pairs, list) else (OracleRow(),)
