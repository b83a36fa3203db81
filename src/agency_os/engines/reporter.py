"""Reporter: what a campaign came to, from the counts of the database (blueprint engine 12).

Input: counts and costs as the repository gives them. Promise: a plain nested dictionary of numbers, the same for the
same data, money as text in A$ with four decimals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from agency_os.db import AsyncSession
from agency_os.domain.pricing import blended_cost
from agency_os.kit.money import to_cost
from agency_os.repositories.report import ReportRepository

_REPLY = "reply_"
_AUTOMATIC = frozenset({"out_of_office", "auto_reply", "own_mail", "list_mail", "bounce", "complaint"})


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One message that a provider says it accepted."""

    touch: str | None
    key: str | None
    units: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """The ledger beside a provider's own log; ``differences`` are plain sentences, empty when both agree.

    ``unknown`` are touches of which nobody can say whether they were accepted: each stands for one acceptance at most.
    """

    accepted: int
    sent: int
    unknown: tuple[str, ...]
    differences: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether both say the same."""
        return not self.differences


class ReporterEngine:
    """Aggregates; reads only."""

    async def campaign(self, db: AsyncSession, client_id: UUID) -> dict[str, Any]:
        """The summary of a client's work."""
        repository = ReportRepository(db)
        counts = await repository.counts(client_id)
        settled, reserved = await repository.costs(client_id)
        people, meetings = counts["people"], counts["meetings"]
        booked = sum(count for status, count in meetings.items() if status != "rescheduled")
        replies = {
            name.removeprefix(_REPLY): count
            for name, count in sorted(counts["activities"].items())
            if name.startswith(_REPLY)
        }
        return {
            "funnel": {
                **counts["import"],
                "scored": counts["scored"],
                "contacted": counts["contacted"],
                "delivered": people.get("delivered", 0),
                "opened": people.get("opened", 0),
                "replied": sum(count for name, count in replies.items() if name not in _AUTOMATIC),
                "meetings": booked,
            },
            "tiers": counts["tiers"],
            "leads": counts["leads"],
            "not_approached": counts["reasons"],
            "touches": counts["touches"],
            "replies": replies,
            "unsubscribed_by_link": people.get("unsubscribed", 0),
            "bounced": people.get("bounced", 0),
            "complained": people.get("complained", 0),
            "meetings": meetings,
            "waiting_for_a_person": counts["needs_person"],
            "events": counts["events"],
            "cost": {
                **_costs(settled, reserved, booked),
                "per_lead": str(blended_cost(*await repository.enrichment(client_id))),
            },
        }

    async def agreement(
        self, db: AsyncSession, provider: str, accepted: Iterable[Acceptance], lookups: Mapping[str, Decimal]
    ) -> Agreement:
        """The ledger beside what ``provider`` accepted, and look-up units by provider (DESIGN section 7)."""
        repository = ReportRepository(db)
        log: Counter[tuple[str | None, str | None, str | None]] = Counter(
            (each.touch, each.key, _units(each.units)) for each in accepted
        )
        sent = await repository.sent(provider)
        unknown = await repository.unknown(provider)
        differences = [
            f"the provider accepted {_shown(entry)} {count} times more than the ledger says"
            for entry, count in (log - sent).items()
            if not (entry[0] in unknown and count == 1)
        ]
        differences += [f"the ledger has {_shown(entry)}, which was not accepted" for entry in (sent - log)]
        booked = await repository.lookup_units()
        for name in sorted({*lookups, *booked}):
            charged = lookups.get(name, Decimal(0))
            settled, reserved = booked.get(name, (Decimal(0), Decimal(0)))
            # what was cut off without an answer may have been charged or not: it stays reserved
            if not settled <= charged <= settled + reserved:
                differences.append(
                    f"{name}: the provider charged {charged} units, the ledger has {settled} and {reserved} reserved"
                )
        return Agreement(log.total(), sent.total(), tuple(sorted(unknown)), tuple(differences))


def _costs(settled: Mapping[str, Decimal], reserved: Decimal, booked: int) -> dict[str, Any]:
    total = sum(settled.values(), Decimal(0))
    return {
        "total": _aud(total),
        "by_provider": {name: _aud(amount) for name, amount in sorted(settled.items())},
        "reserved": _aud(reserved),
        "per_meeting": _aud(total / booked) if booked else None,
    }


def _shown(entry: tuple[str | None, str | None, str | None]) -> str:
    return f"touch {entry[0]} under key {entry[1]} for {entry[2]} units"


def _units(text: str) -> str:
    return f"{Decimal(text).normalize():f}"


def _aud(amount: Decimal) -> str:
    return str(to_cost(amount))
