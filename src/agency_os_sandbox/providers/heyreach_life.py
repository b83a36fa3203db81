"""What follows on LinkedIn when leads are handed over: planned at once, lived by virtual time, told by webhooks.

Input: campaigns with their sequences, leads, the passing of virtual time. Promises: every step is a row with the time
at which it happens, or with what is left to wait while its campaign does not run; a step that is paused or stopped does
not happen, and its webhook is taken back; what a person does is a hash of (seed, seat, profile), not of arrival order.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agency_os_sandbox.clock import parse, stamp
from agency_os_sandbox.outbox import Outbox, Parcel
from agency_os_sandbox.providers import heyreach_payloads as payloads
from agency_os_sandbox.providers.heyreach_checks import hours_of, render
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.chance import digest, pick, unit

HOUR = 3600.0
DAY = 24 * HOUR
INVITED, CONNECTED, FINISHED, FAILED = "connection_request_sent", "connection_request_accepted", "finished", "failed"
MESSAGED, REPLIED = "message_sent", "message_reply_received"
MAILED, MAIL_REPLIED = "inmail_sent", "inmail_reply_received"
ANSWERED, COMPLETED = "every_message_reply_received", "campaign_completed"
THEIRS = frozenset({REPLIED, MAIL_REPLIED, ANSWERED})
_PLAIN = {"VIEW_PROFILE": "viewed_profile", "FOLLOW": "follow_sent", "LIKE_POST": "liked_post"}
_ACCEPT, _REPLY, _MAIL_REPLY = 0.45, 0.35, 0.25
_WORDS = (
    "Thanks, tell me more.", "Happy to have a chat. Does Thursday suit?", "Not for us at the moment, thanks.",
    "Please do not contact me again.", "Who gave you my details?",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens ``wait`` seconds after the lead's campaign begins to run."""

    wait: float
    kind: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """A lead as one campaign holds it."""

    account: int
    profile: str
    lead: dict[str, Any]
    connected: bool


class HeyReachLife:
    """Plans, holds and releases what happens to leads. Every method joins the caller's transaction."""

    def __init__(self, store: Store, outbox: Outbox, seed: int, secret: str) -> None:
        self._store = store
        self._outbox = outbox
        self._seed = seed
        self._address = f"/webhooks/heyreach/{secret}"
        self._walks: dict[str, Callable[[Person, dict[str, Any], float], list[Step]]] = {
            "END": lambda _, __, wait: [Step(wait, FINISHED)],
            "CONNECTION_REQUEST": self._invite,
            "MESSAGE": self._message,
            "INMAIL": self._inmail,
            "CHECK_IS_CONNECTION": lambda who, node, wait: self._walk(who, _branch(node, yes=who.connected), wait),
        }

    def plan(self, campaign: int, sequence: dict[str, Any], lead_id: int, person: Person) -> None:
        """Write down what will happen to a lead, waiting until the campaign runs."""
        for step in self._walk(person, sequence, 0.0):
            self._add(campaign, lead_id, person.account, person.profile, step)

    def release(self, campaign: int, now: datetime) -> None:
        """The campaign runs: what waits gets its time, and its webhooks are queued."""
        waiting = self._store.all(
            "SELECT e.id, e.wait FROM heyreach_events e JOIN heyreach_leads l ON l.id = e.lead"
            " WHERE e.campaign = ? AND e.at IS NULL AND l.stopped = 0 ORDER BY e.wait, e.id",
            (campaign,),
        )
        for row in waiting:
            at = stamp(now + timedelta(seconds=row["wait"]))
            self._store.execute("UPDATE heyreach_events SET at = ?, wait = NULL WHERE id = ?", (at, row["id"]))
        for row in waiting:
            self._tell(row["id"])
        self._plan_completion(campaign, now, runs=True)

    def hold(self, campaign: int, now: datetime) -> None:
        """The campaign pauses: what has not happened waits for as long as was left."""
        for row in self._future("campaign = ? AND lead IS NOT NULL", campaign, now):
            left = (parse(row["at"]) - now).total_seconds()
            self._store.execute("UPDATE heyreach_events SET at = NULL, wait = ? WHERE id = ?", (left, row["id"]))
        self._plan_completion(campaign, now, runs=False)

    def stop(self, lead_id: int, campaign: int, now: datetime, *, runs: bool) -> None:
        """Nothing more happens to this lead."""
        for row in self._future("lead = ?", lead_id, now):
            self._store.execute("DELETE FROM heyreach_events WHERE id = ?", (row["id"],))
        self._store.execute("UPDATE heyreach_leads SET stopped = 1 WHERE id = ?", (lead_id,))
        self._plan_completion(campaign, now, runs=runs)

    def say(self, account: int, profile: str, text: str, now: datetime) -> None:
        """A message typed into the inbox; its reader may answer within two days, whatever campaigns do."""
        self._add(None, None, account, profile, Step(0.0, MESSAGED, text), now)
        said = self._store.one(
            "SELECT count(*) AS n FROM heyreach_events WHERE account = ? AND profile = ?", (account, profile)
        )
        chance = (self._seed, "answers", account, profile, said["n"] if said is not None else 0)
        if unit(*chance) < _REPLY:
            later = now + timedelta(seconds=HOUR + unit(*chance, "when") * 2 * DAY)
            self._tell(self._add(None, None, account, profile, Step(0.0, ANSWERED, pick(_WORDS, *chance)), later))

    def connected(self, account: int, profile: str, now: datetime) -> bool:
        """Whether the seat and the person are connected by now."""
        found = self._store.one(
            "SELECT 1 FROM heyreach_events WHERE account = ? AND profile = ? AND kind = ? AND at <= ?",
            (account, profile, CONNECTED, stamp(now)),
        )
        return found is not None

    def happened(self, where: str, values: tuple[object, ...], now: datetime) -> list[dict[str, Any]]:
        """The steps by now, oldest first. ``where`` is a literal condition."""
        sql = f"SELECT * FROM heyreach_events WHERE {where} AND at <= ? ORDER BY at, id"  # noqa: S608 - literals only
        return [dict(row) for row in self._store.all(sql, (*values, stamp(now)))]

    def messages(self, account: int, profile: str, now: datetime) -> list[dict[str, Any]]:
        """The conversation between a seat and a person by now, oldest first."""
        return self.happened(
            "account = ? AND profile = ? AND text != '' AND kind != ?", (account, profile, INVITED), now
        )

    def _walk(self, person: Person, node: dict[str, Any], wait: float) -> list[Step]:
        kind = node["nodeType"]
        spread = 0.0 if kind == "END" else unit(self._seed, "when", person.account, person.profile, kind, wait)
        at = wait + hours_of(node) * HOUR + spread * 6 * HOUR
        walk = self._walks.get(kind)
        if walk is not None:
            return walk(person, node, at)
        done = [Step(at, _PLAIN[kind])] if kind in _PLAIN else []
        return [*done, *self._walk(person, node["unconditionalNode"], at)]

    def _invite(self, person: Person, node: dict[str, Any], at: float) -> list[Step]:
        if person.connected:
            return self._walk(person, node["conditionalNode"], at)
        note = self._words(person, node)
        steps = [Step(at, INVITED, note)]
        if self._draw(person, "accepts") >= _ACCEPT:
            return [*steps, *self._walk(person, node["unconditionalNode"], at + 14 * DAY)]
        accepted = at + HOUR + self._draw(person, "accepts when") * 4 * DAY
        friend = Person(person.account, person.profile, person.lead, connected=True)
        # The note becomes the first message of the conversation.
        return [*steps, Step(accepted, CONNECTED, note), *self._walk(friend, node["conditionalNode"], accepted)]

    def _message(self, person: Person, node: dict[str, Any], at: float) -> list[Step]:
        if not person.connected:
            return [Step(at, FAILED, "")]
        return self._said(person, node, at, (MESSAGED, REPLIED), _REPLY)

    def _inmail(self, person: Person, node: dict[str, Any], at: float) -> list[Step]:
        return self._said(person, node, at, (MAILED, MAIL_REPLIED), _MAIL_REPLY)

    def _said(self, person: Person, node: dict[str, Any], at: float, kinds: tuple[str, str], odds: float) -> list[Step]:
        text = self._words(person, node)
        sent = Step(at, kinds[0], text)
        chance = f"replies {digest(text).hex()}"
        if self._draw(person, chance) >= odds:
            return [sent, *self._walk(person, node["unconditionalNode"], at)]
        reply = at + HOUR + self._draw(person, f"{chance} when") * 3 * DAY
        words = pick(_WORDS, self._seed, person.account, person.profile, chance)
        return [sent, Step(reply, kinds[1], words), Step(reply, FINISHED)]

    def _words(self, person: Person, node: dict[str, Any]) -> str:
        payload: dict[str, Any] = node.get("payload") or {}
        messages: list[Any] = payload.get("messages") or [""]
        fallback: Any = payload.get("fallbackMessage") or ""
        chosen = pick(messages, self._seed, person.profile, "template")
        if isinstance(chosen, dict):
            chosen, fallback = chosen["message"], fallback["message"] if fallback else ""
        return render(chosen, fallback, person.lead)

    def _draw(self, person: Person, what: str) -> float:
        return unit(self._seed, what, person.account, person.profile)

    def _future(self, where: str, value: int, now: datetime) -> list[dict[str, Any]]:
        """Steps that have a time and have not happened; their webhooks are taken back."""
        sql = f"SELECT * FROM heyreach_events WHERE {where} AND at > ? ORDER BY id"  # noqa: S608 - literals only
        rows = [dict(row) for row in self._store.all(sql, (value, stamp(now)))]
        for row in rows:
            for name in _webhooks_of(row["kind"]):
                self._outbox.withdraw("heyreach", f"{row['id']}:{name}", now)
        return rows

    def _plan_completion(self, campaign: int, now: datetime, *, runs: bool) -> None:
        """The campaign is complete when its last lead is, which every change moves."""
        for row in self._future("campaign = ? AND lead IS NULL", campaign, now):
            self._store.execute("DELETE FROM heyreach_events WHERE id = ?", (row["id"],))
        last = self._store.one(
            "SELECT max(e.at) AS at FROM heyreach_events e JOIN heyreach_leads l ON l.id = e.lead"
            " WHERE e.campaign = ? AND e.kind IN (?, ?) AND l.stopped = 0",
            (campaign, FINISHED, FAILED),
        )
        if runs and last is not None and last["at"] is not None and parse(last["at"]) > now:
            self._tell(self._add(campaign, None, 0, "", Step(0.0, COMPLETED), parse(last["at"])))

    def _add(
        self, campaign: int | None, lead: int | None, account: int, profile: str, step: Step, at: datetime | None = None
    ) -> int:
        cursor = self._store.execute(
            "INSERT INTO heyreach_events (campaign, lead, account, profile, kind, text, wait, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (campaign, lead, account, profile, step.kind, step.text, step.wait if at is None else None,
             None if at is None else stamp(at)),
        )  # fmt: skip
        return int(cursor.lastrowid or 0)

    def _tell(self, event_id: int) -> None:
        row = self._store.one("SELECT * FROM heyreach_events WHERE id = ?", (event_id,))
        if row is None:
            return
        at = parse(row["at"])
        for name in _webhooks_of(row["kind"]):
            body = json.dumps(self._body(name, dict(row), at), ensure_ascii=False)
            lane = f"heyreach:{row['account']}:{row['profile'] or row['campaign']}"
            self._outbox.put(Parcel("heyreach", name, f"{event_id}:{name}", lane, self._address, body), at)

    def _body(self, name: str, row: dict[str, Any], at: datetime) -> dict[str, Any]:
        campaign = self._store.one("SELECT * FROM heyreach_campaigns WHERE id = ?", (row["campaign"],))
        body = payloads.event(name, at, None if campaign is None else dict(campaign))
        if not row["profile"]:
            return body
        held = self._store.one(
            "SELECT lead FROM heyreach_leads WHERE account = ? AND profile = ? ORDER BY id DESC",
            (row["account"], row["profile"]),
        )
        lead = {} if held is None else json.loads(held["lead"])
        body["sender"] = payloads.sender(self._seed, row["account"])
        body["lead"] = payloads.lead(row["profile"], lead)
        if row["kind"] in THEIRS | {MESSAGED, MAILED}:
            body["conversation_id"] = conversation_id(row["account"], row["profile"])
            body["is_inmail"] = row["kind"] in (MAILED, MAIL_REPLIED)
            said = self.messages(row["account"], row["profile"], at)
            body["recent_messages"] = [payloads.recent(each, theirs=each["kind"] in THEIRS) for each in said[-10:]]
        return body


def conversation_id(account: int, profile: str) -> str:
    """LinkedIn's way of naming a conversation; one for each seat and person."""
    return "2-" + base64.urlsafe_b64encode(digest("conversation", account, profile)).decode()


def _branch(node: dict[str, Any], *, yes: bool) -> dict[str, Any]:
    found: dict[str, Any] = node["conditionalNode" if yes else "unconditionalNode"]
    return found


def _webhooks_of(kind: str) -> tuple[str, ...]:
    """Which webhooks tell of a step: the account has one for each type, and one of them tells every reply again."""
    if kind in (FINISHED, FAILED):
        return ()
    return (kind, ANSWERED) if kind in (REPLIED, MAIL_REPLIED) else (kind,)
