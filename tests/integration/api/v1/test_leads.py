"""Leads over the API: lists that page at any depth, a score that is explained, and changes that reach messages."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from agency_os.kit.ids import new_id
from agency_os.kit.tokens import PersonHash
from agency_os.wiring.web import Web
from tests.factories.identity import AuthStandIn, problem_of
from tests.factories.tenant_rows import make_rows
from tests.integration.api.v1.conftest import Session, colleague

CONSENT = {"basis": "express", "source": "https://firm.example/contact", "declared_by": "Ann Carter"}
LEAD = {"email": "Jo@Firm.example", "first_name": "Jo", "last_name": "PARK", "title": "Owner", "company": "Firm"}


async def enter(owner: Session, **changes: object) -> dict[str, Any]:
    response = await owner.call("POST", "/leads", LEAD | changes)
    assert response.status_code == 201, response.text
    return dict(response.json())


async def fill(db: asyncpg.Connection, owner: Session, count: int) -> None:
    await db.executemany(
        "INSERT INTO leads (client_id, email, als_score, als_tier, status) VALUES ($1, $2, $3, 'cold', $4)",
        [
            (owner.client_id, f"p{n:03}@firm.example", None if n % 5 == 0 else n % 7, ["new", "scored"][n % 2])
            for n in range(count)
        ],
    )


async def all_pages(owner: Session, query: str, limit: int = 7) -> list[dict[str, Any]]:
    found, cursor = [], ""
    while True:
        page = (await owner.call("GET", f"/leads?limit={limit}{query}{cursor}")).json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


async def test_a_lead_is_entered_in_normal_form_with_its_sources(owner: Session) -> None:
    lead = await enter(owner, phone="0412 345 678", consent=CONSENT)
    assert [lead[name] for name in ("email", "first_name", "last_name", "phone", "domain", "status")] == [
        "jo@firm.example", "Jo", "Park", "+61412345678", "firm.example", "new",
    ]  # fmt: skip
    assert lead["field_sources"]["email"]["source"] == "entered"
    assert [each["basis"] for each in lead["consents"]] == ["express"]


@pytest.mark.parametrize(("query", "count"), [("", 30), ("&sort=score", 30), ("&status=scored&sort=score", 15)])
async def test_every_lead_is_on_one_page(owner: Session, owner_db: asyncpg.Connection, query: str, count: int) -> None:
    await fill(owner_db, owner, 30)
    found = await all_pages(owner, query)
    keys = [(-1 if each["als_score"] is None else each["als_score"], each["id"]) for each in found]
    order = keys if "score" in query else [(0, each["id"]) for each in found]
    assert (len({each["id"] for each in found}), order) == (count, sorted(order, reverse=True))


@pytest.mark.parametrize(
    ("query", "emails"),
    [
        ("email=P00", ["p003@firm.example", "p002@firm.example", "p001@firm.example", "p000@firm.example"]),
        ("email=p001@firm.example", ["p001@firm.example"]),
        ("min_score=3", ["p003@firm.example"]),
        ("max_score=1", ["p001@firm.example"]),
        ("tier=hot", []),
    ],
)
async def test_filters(owner: Session, owner_db: asyncpg.Connection, query: str, emails: list[str]) -> None:
    await fill(owner_db, owner, 4)
    assert [each["email"] for each in await all_pages(owner, f"&{query}")] == emails


async def test_a_cursor_of_another_sorting_is_refused(owner: Session, owner_db: asyncpg.Connection) -> None:
    await fill(owner_db, owner, 4)
    cursor = (await owner.call("GET", "/leads?limit=1")).json()["next_cursor"]
    refused = await owner.call("GET", f"/leads?sort=score&cursor={cursor}")
    assert problem_of(refused) == (422, "invalid_input", "query.cursor")


async def test_the_same_person_is_not_entered_twice(owner: Session) -> None:
    await enter(owner)
    assert problem_of(await owner.call("POST", "/leads", LEAD)) == (409, "conflict", None)


async def test_whoever_opted_out_is_not_entered_again(owner: Session, owner_db: asyncpg.Connection, web: Web) -> None:
    digest = web.infra.hashes.of("email", "jo@firm.example")
    await owner_db.execute(
        "INSERT INTO client_suppression (client_id, channel, address_hash, reason) VALUES ($1, 'email', $2, 'wrote')",
        owner.client_id,
        digest,
    )
    refused = await owner.call("POST", "/leads", LEAD)
    assert (refused.status_code, refused.json()["detail"]) == (409, "suppressed")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": None, "company": None}, "body"),
        ({"email": "nobody"}, "body.email"),
        ({"phone": "12"}, "body.phone"),
        ({"linkedin_url": "https://linkedin.com/company/x"}, "body.linkedin_url"),
        ({"state": "Bavaria"}, "body.state"),
        ({"domain": "not a domain"}, "body.domain"),
        ({"consent": CONSENT | {"basis": "inferred"}}, "body.consent"),
        ({"consent": CONSENT | {"obtained_on": "2999-01-01"}}, "body.consent"),
        ({"campaign_id": str(new_id())}, "body.campaign_id"),
        ({"als_score": 99}, "body.als_score"),
    ],
)
async def test_what_is_wrong_is_named(owner: Session, change: dict[str, object], field: str) -> None:
    assert problem_of(await owner.call("POST", "/leads", LEAD | change)) == (422, "invalid_input", field)


async def test_the_score_is_explained_as_it_was_stored(owner: Session, owner_db: asyncpg.Connection) -> None:
    lead = await enter(owner)
    line = (
        '{"component": "authority", "rule": "seniority", "points": 25, "max": 25, "reason": "owner", "field": "title", '
        '"source": "entered", "as_of": "2026-11-23"}'
    )
    await owner_db.execute(
        "UPDATE leads SET als_score = 40, als_tier = 'cool', als_authority = 25, status = 'scored', "
        "als_components = $2::jsonb, als_weights_used = $3::jsonb WHERE id = $1::uuid",
        lead["id"],
        f'{{"explanation": [{line}]}}',
        '{"authority": 25}',
    )
    score = (await owner.call("GET", f"/leads/{lead['id']}")).json()["score"]
    assert (score["score"], score["authority"], score["weights"]) == (40, 25, {"authority": 25.0})
    assert [(each["rule"], each["points"], each["reason"]) for each in score["explanation"]] == [
        ("seniority", 25, "owner")
    ]


async def test_a_changed_address_is_unverified_and_its_written_messages_are_written_anew(
    owner: Session, owner_db: asyncpg.Connection
) -> None:
    rows = await make_rows(owner_db, owner.client_id, owner.user_id)
    await owner_db.execute(
        "UPDATE touches SET state = 'ready', payload = '{}', payload_hash = 'x' WHERE id = $1", rows["touch_id"]
    )
    changed = await owner.call("PATCH", f"/leads/{rows['lead_id']}", {"email": "new@firm.example"})
    touch = await owner_db.fetchrow("SELECT state, payload FROM touches WHERE id = $1", rows["touch_id"])
    assert (changed.json()["email"], changed.json()["email_status"]) == ("new@firm.example", "unverified")
    assert (touch["state"], touch["payload"]) == ("planned", None)


async def test_a_changed_title_makes_a_scored_lead_due_for_another_score(
    owner: Session, owner_db: asyncpg.Connection
) -> None:
    lead = await enter(owner)
    await owner_db.execute("UPDATE leads SET status = 'scored' WHERE id = $1::uuid", lead["id"])
    changed = await owner.call("PATCH", f"/leads/{lead['id']}", {"title": "Director"})
    assert (changed.json()["title"], changed.json()["status"]) == ("Director", "enriched")


async def test_a_change_to_another_leads_address_is_a_conflict(owner: Session) -> None:
    await enter(owner)
    other = await enter(owner, email="sam@firm.example", first_name="Sam")
    refused = await owner.call("PATCH", f"/leads/{other['id']}", {"email": "jo@firm.example"})
    assert problem_of(refused) == (409, "conflict", None)


async def test_a_lead_whose_messages_are_planned_stays_in_its_campaign(
    owner: Session, owner_db: asyncpg.Connection
) -> None:
    rows = await make_rows(owner_db, owner.client_id, owner.user_id)
    other = await make_rows(owner_db, owner.client_id, owner.user_id)
    refused = await owner.call("PATCH", f"/leads/{rows['lead_id']}", {"campaign_id": str(other["campaign_id"])})
    assert problem_of(refused) == (409, "conflict", None)


async def test_a_deleted_lead_is_gone_and_its_plans_are_cancelled(owner: Session, owner_db: asyncpg.Connection) -> None:
    rows = await make_rows(owner_db, owner.client_id, owner.user_id)
    assert (await owner.call("DELETE", f"/leads/{rows['lead_id']}")).status_code == 204
    assert (await owner.call("GET", f"/leads/{rows['lead_id']}")).status_code == 404
    assert await owner_db.fetchval("SELECT state FROM touches WHERE id = $1", rows["touch_id"]) == "cancelled"


async def test_enrich_now_makes_the_lead_due_and_nudges(
    owner: Session, owner_db: asyncpg.Connection, prefect: AuthStandIn, web: Web
) -> None:
    lead = await enter(owner)
    await owner_db.execute("UPDATE leads SET status = 'scored', enriched_at = now() WHERE id = $1::uuid", lead["id"])
    response = await owner.call("POST", f"/leads/{lead['id']}/enrich")
    await web.infra.prefect.aclose()
    assert (response.status_code, response.json()["status"], response.json()["enriched_at"]) == (202, "new", None)
    assert any("enrichment" in path for path in prefect.paths)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE clients SET subscription_status = 'past_due'",
        "UPDATE clients SET credits_remaining = 0",
        "UPDATE leads SET status = 'in_sequence'",
    ],
)
async def test_enrich_now_says_why_not(owner: Session, owner_db: asyncpg.Connection, change: str) -> None:
    lead = await enter(owner)
    await owner_db.execute(change)
    assert problem_of(await owner.call("POST", f"/leads/{lead['id']}/enrich")) == (409, "conflict", None)


async def test_a_suppressed_channel_is_told_and_no_more(owner: Session, owner_db: asyncpg.Connection, web: Web) -> None:
    lead = await enter(owner)
    hashes: PersonHash = web.infra.hashes
    await owner_db.execute(
        "INSERT INTO global_suppression (channel, address_hash, reason) VALUES ('email', $1, 'complained')",
        hashes.of("email", "jo@firm.example"),
    )
    answer = await owner.call("GET", f"/leads/{lead['id']}")
    assert answer.json()["suppressed"] == ["email"]
    assert "complained" not in answer.text


async def test_touches_and_meetings_are_read_with_their_filters(
    owner: Session, owner_db: asyncpg.Connection, prefect: AuthStandIn
) -> None:
    rows = await make_rows(owner_db, owner.client_id, owner.user_id)
    await make_rows(owner_db, owner.client_id, owner.user_id)
    viewer = await colleague(owner, owner_db, prefect, "viewer")
    touches = (await viewer.call("GET", f"/touches?lead_id={rows['lead_id']}&state=planned")).json()["items"]
    meetings = (await viewer.call("GET", f"/meetings?lead_id={rows['lead_id']}&status=booked")).json()["items"]
    assert ([each["id"] for each in touches], [each["id"] for each in meetings]) == (
        [str(rows["touch_id"])],
        [str(rows["meeting_id"])],
    )
    assert (await viewer.call("GET", "/touches?state=sent")).json()["items"] == []


async def test_a_touch_tells_the_words_that_are_sent(owner: Session, owner_db: asyncpg.Connection) -> None:
    rows = await make_rows(owner_db, owner.client_id, owner.user_id)
    payload = '{"to": "jo@firm.example", "sender": "Ann", "subject": "Hello", "text": "Words"}'
    await owner_db.execute("UPDATE touches SET payload = $2::jsonb WHERE id = $1", rows["touch_id"], payload)
    touch = (await owner.call("GET", f"/touches/{rows['touch_id']}")).json()
    assert [touch[name] for name in ("recipient", "sender", "subject", "text")] == [
        "jo@firm.example", "Ann", "Hello", "Words",
    ]  # fmt: skip
