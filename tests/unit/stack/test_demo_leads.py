"""The sample list is what its script draws: people of the simulated world, as messy as real lists are."""

from __future__ import annotations

from collections import Counter
from datetime import date
from functools import lru_cache
from pathlib import Path

from scripts import make_demo_leads

import agency_os.stack
from agency_os.domain.lead_import import ImportedLead, ImportOptions, LeadList, LeftOut
from agency_os_sandbox.world.directory import build_directory

DEMO = Path(agency_os.stack.__file__).parent / "data" / "demo_leads.csv"


@lru_cache(maxsize=1)
def demo() -> tuple[list[ImportedLead], list[LeftOut]]:
    with DEMO.open("rb") as stream:
        batches = list(LeadList(stream, ImportOptions(), date(2026, 3, 2)).batches())
    return [lead for batch in batches for lead in batch.accepted], [row for batch in batches for row in batch.left_out]


def test_every_row_of_the_sample_is_accounted_for_and_most_are_leads() -> None:
    accepted, left_out = demo()
    assert len(accepted) + len(left_out) == 500
    assert len(accepted) >= 465


def test_the_sample_holds_every_kind_of_row_that_is_left_out() -> None:
    reasons = Counter(row.reason.partition(" in ")[0].rpartition("; ")[2] for row in demo()[1])
    assert 10 <= reasons["the same person as"] <= 20
    assert reasons["opted out"] >= 2
    assert sum(reasons.values()) - reasons["the same person as"] - reasons["opted out"] == 10


def test_about_a_quarter_of_the_sample_has_no_address_and_most_have_consent() -> None:
    accepted, _ = demo()
    assert 0.2 <= sum(lead.text("email") is None for lead in accepted) / len(accepted) <= 0.3
    assert sum(lead.consent is not None for lead in accepted) / len(accepted) >= 0.9


def test_the_people_of_the_sample_live_in_the_simulated_world() -> None:
    world = {(each.first_name, each.last_name, each.company.domain) for each in build_directory().contacts}
    accepted, _ = demo()
    known = sum((lead.text("first_name"), lead.text("last_name"), lead.text("domain")) in world for lead in accepted)
    assert known / len(accepted) >= 0.9


def test_the_script_draws_the_very_list_that_is_kept(tmp_path: Path) -> None:
    make_demo_leads.main(tmp_path / "leads.csv")
    assert (tmp_path / "leads.csv").read_bytes() == DEMO.read_bytes()
