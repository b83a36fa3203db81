"""The demo's summary for people: funnel, answers by kind, meetings, money, the ledger beside the provider's log."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from agency_os.domain.pricing import BLENDED_COST_TARGET
from agency_os.kit.money import format_aud

_FUNNEL: Final = (
    ("read", "Rows read"),
    ("accepted", "Leads accepted"),
    ("scored", "Enriched and scored"),
    ("contacted", "Written to"),
    ("delivered", "Reached"),
    ("opened", "Opened (for what it is worth)"),
    ("replied", "Wrote back"),
    ("meetings", "Booked a meeting"),
)
_BAR: Final = 30


def print_summary(console: Console, summary: Mapping[str, Any], addresses: Mapping[str, str]) -> None:
    """Print the whole summary; ``addresses`` are what is up, by name."""
    console.print()
    console.print(_funnel(summary["funnel"]))
    console.print(_pairs("What people wrote", _sorted(summary["replies"])))
    console.print(_pairs("Meetings", _sorted(summary["meetings"])))
    console.print(_pairs("Stops", _stops(summary)))
    console.print(_pairs("Cost", _money(summary["cost"])))
    console.print(_ledger(summary["ledger"]), style="green" if summary["ledger"]["agrees"] else "bold red")
    for touch in summary["ledger"]["unknown"]:
        console.print(f"  unknown, for a person to look at: touch {touch}")
    for difference in summary["ledger"]["differences"]:
        console.print(f"  {difference}", style="red")
    if addresses:
        console.print(_pairs("What is up", list(addresses.items())))


def _funnel(funnel: Mapping[str, int]) -> Table:
    table = Table(title="From a lead list to meetings", title_justify="left", show_header=False, box=None)
    most = max(funnel.get("read", 0), 1)
    for name, label in _FUNNEL:
        count = funnel.get(name, 0)
        table.add_row(label, f"{count:,}", "█" * max(round(count / most * _BAR), 1 if count else 0))
    return table


def _pairs(title: str, pairs: list[tuple[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False, box=None)
    for name, value in pairs or [("none", "")]:
        table.add_row(f"  {name}", value)
    return table


def _sorted(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return [(name.replace("_", " "), f"{count:,}") for name, count in ranked]


def _stops(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    names = {
        "unsubscribed_by_link": "unsubscribed by link or one click",
        "bounced": "dead addresses",
        "complained": "complaints",
        "waiting_for_a_person": "conversations waiting for a person",
    }
    return [(label, f"{summary[name]:,}") for name, label in names.items()]


def _money(cost: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs = [("in all", format_aud(Decimal(cost["total"])))]
    pairs += [(name, format_aud(Decimal(amount))) for name, amount in cost["by_provider"].items()]
    target = f"target at most {format_aud(BLENDED_COST_TARGET)}"
    pairs.append(("enrichment per lead", f"A${Decimal(cost['per_lead']):.3f} ({target})"))
    if cost["per_meeting"] is not None:
        pairs.append(("per booked meeting", format_aud(Decimal(cost["per_meeting"]))))
    return pairs


def _ledger(ledger: Mapping[str, Any]) -> str:
    sent, accepted = ledger["sent_by_ledger"], ledger["accepted_by_provider"]
    said = f"{sent:,} sent by our ledger, {accepted:,} accepted by the provider"
    verdict = "they agree" if ledger["agrees"] else "THEY DIFFER"
    return f"Ledger against the provider's own log: {said}, {len(ledger['unknown'])} unknown: {verdict}"
