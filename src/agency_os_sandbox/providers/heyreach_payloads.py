"""How HeyReach shows its things: webhooks in snake case, answers in camel case, times without fractions.

Input: rows of the sandbox's tables. Promise: the shapes that were observed (see docs/providers/heyreach.md), no more.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from agency_os_sandbox.clock import parse
from agency_os_sandbox.world.chance import digest, pick
from agency_os_sandbox.world.names import FIRST_NAMES, LAST_NAMES

FIRST_SEAT, SEATS = 1001, 6


def instant(moment: datetime) -> str:
    """``2026-05-04T09:12:33Z``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def seat(seed: int, account: int) -> dict[str, Any] | None:
    """A connected account of this world, None where there is none; the last one's session has run out."""
    if not FIRST_SEAT <= account < FIRST_SEAT + SEATS:
        return None
    first, last = pick(FIRST_NAMES, seed, "seat", account), pick(LAST_NAMES, seed, "seat's name", account)
    signed_in = account != FIRST_SEAT + SEATS - 1
    return {
        "id": account, "emailAddress": f"{first}.{last}@agency.example".lower().replace(" ", ""), "firstName": first,
        "lastName": last, "isActive": signed_in, "authIsValid": signed_in, "isValidNavigator": False,
        "isValidRecruiter": False,
    }  # fmt: skip


def member_id(profile: str) -> str:
    """LinkedIn's own id of a person."""
    return "ACoAA" + digest("member", profile).hex()


def event(name: str, at: datetime, campaign: dict[str, Any] | None) -> dict[str, Any]:
    """What every webhook has."""
    shown = None if campaign is None else {"name": campaign["name"], "id": campaign["id"]}
    return {"event_type": name, "timestamp": instant(at), "campaign": shown}


def sender(seed: int, account: int) -> dict[str, Any]:
    """The seat in a webhook."""
    known = seat(seed, account) or {}
    first, last = known.get("firstName"), known.get("lastName")
    return {
        "id": account, "first_name": first, "last_name": last, "full_name": f"{first} {last}",
        "email_address": known.get("emailAddress"), "profile_url": None,
    }  # fmt: skip


def lead(profile: str, given: dict[str, Any]) -> dict[str, Any]:
    """The lead in a webhook."""
    names = [name for name in (given.get("firstName"), given.get("lastName")) if isinstance(name, str)]
    return {
        "id": member_id(profile), "profile_url": profile, "first_name": given.get("firstName"),
        "last_name": given.get("lastName"), "full_name": " ".join(names) or None, "location": given.get("location"),
        "company_name": given.get("companyName"), "position": given.get("position"),
        "email_address": given.get("emailAddress"), "tags": [],
    }  # fmt: skip


def recent(message: dict[str, Any], *, theirs: bool) -> dict[str, Any]:
    """One of a webhook's ``recent_messages``."""
    return {"creation_time": instant(parse(message["at"])), "message": message["text"], "is_reply": theirs}


def campaign(row: dict[str, Any], status: str) -> dict[str, Any]:
    """A campaign in an answer."""
    return {
        "id": row["id"], "name": row["name"], "creationTime": instant(parse(row["created_at"])),
        "linkedInUserListName": None, "linkedInUserListId": row["list"],
        "campaignAccountIds": json.loads(row["accounts"]), "status": status, "progressStats": None,
        "excludeInOtherCampaigns": False, "excludeHasOtherAccConversations": False,
        "excludeContactedFromSenderInOtherCampaign": False, "excludeListId": None, "organizationUnitId": 1,
    }  # fmt: skip


def profile(url: str, given: dict[str, Any]) -> dict[str, Any]:
    """A person in an answer."""
    return {
        "profileUrl": url, "firstName": given.get("firstName"), "lastName": given.get("lastName"),
        "headline": given.get("position"), "companyName": given.get("companyName"),
        "emailAddress": given.get("emailAddress"), "customEmailAddress": None, "tags": [],
    }  # fmt: skip


def message(row: dict[str, Any], *, theirs: bool) -> dict[str, Any]:
    """One message of a chatroom."""
    sender_is = "CORRESPONDENT" if theirs else "ME"
    return {"createdAt": instant(parse(row["at"])), "body": row["text"], "subject": None, "sender": sender_is}
