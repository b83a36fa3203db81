"""Who a recipient is: from the directory, or made up from a hash for an address that it does not know.

Promises: the same (seed, address) is always the same person with the same hidden tastes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from agency_os_sandbox.world.chance import pick, unit, weighted
from agency_os_sandbox.world.directory import Contact, Directory
from agency_os_sandbox.world.names import FIRST_NAMES, LAST_NAMES
from agency_os_sandbox.world.places import STATE_ZONES

PAIN_POINTS: dict[str, tuple[str, ...]] = {
    "enquiries": ("enquir", "leads", "pipeline", "new customers", "new patients", "new clients"),
    "visibility": ("google", "search", "seo", "ranking", "found online"),
    "reviews": ("review", "reputation", "word of mouth", "referral"),
    "website": ("website", "landing page", "conversion", "site visitors"),
    "time": ("time", "hours", "admin", "busy", "follow up", "follow-up"),
    "cost": ("cost", "budget", "ad spend", "wasted", "per lead", "return on"),
}
HOURS = ("early", "midday", "late")
MAIL_CLIENTS = (("gmail", 0.32), ("outlook", 0.36), ("apple", 0.12), ("iphone", 0.12), ("android", 0.08))
_WORDS = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Person:
    """A recipient. ``interest`` scales the wish to meet around 1; ``hour`` and ``pain`` are the hidden tastes."""

    address: str
    first_name: str
    last_name: str
    title: str
    company: str
    city: str
    phone: str
    zone: ZoneInfo
    mail_client: str
    mailbox_quality: str
    interest: float
    hour: str
    pain: str


class People:
    """Looks people up, or makes them up."""

    def __init__(self, seed: int, directory: Directory) -> None:
        self._seed = seed
        self._directory = directory

    def find(self, address: str) -> Person:
        """The person behind a bare lower-case address."""
        contact = self._directory.by_email(address) or self._stranger(address)
        company = contact.company
        segment = (company.industry, company.size_band, contact.seniority)
        return Person(
            address=address,
            first_name=contact.first_name,
            last_name=contact.last_name,
            title=contact.title,
            company=company.name,
            city=company.city,
            phone=contact.mobile or company.phone,
            zone=ZoneInfo(STATE_ZONES[company.state]),
            mail_client=weighted(MAIL_CLIENTS, self._seed, address, "client"),
            mailbox_quality=contact.mailbox_quality,
            interest=0.45 + 1.1 * unit(self._seed, "segment", *segment),
            hour=pick(HOURS, self._seed, address, "hour"),
            pain=pick(tuple(PAIN_POINTS), self._seed, "pain", company.industry, int(unit(address, "pain") * 2)),
        )

    def _stranger(self, address: str) -> Contact:
        local, _, domain = address.partition("@")
        words = _WORDS.findall(local)
        first = words[0].title() if words and len(words[0]) > 2 else pick(FIRST_NAMES, address, "first")
        last = words[1].title() if len(words) > 1 and len(words[1]) > 2 else pick(LAST_NAMES, address, "last")
        return self._directory.stranger(address, first, last, domain)
