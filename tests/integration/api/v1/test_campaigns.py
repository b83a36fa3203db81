"""Campaigns over the API: made, read, changed, started, paused, deleted, as a person with a token."""

from __future__ import annotations

import asyncpg
import pytest

from agency_os.wiring.web import Web
from tests.factories.identity import AuthStandIn, problem_of
from tests.integration.api.v1.conftest import Session, colleague

STEP = {
    "step": 1,
    "channel": "email",
    "day_offset": 0,
    "subject_template": "Hello {{ company | default('there') }}",
    "body_template": "Hi {{ first_name | default('there') }}",
}
CAMPAIGN = {"name": "Dentists", "permission_mode": "autopilot", "steps": [STEP]}


async def made(owner: Session, **changes: object) -> dict[str, object]:
    response = await owner.call("POST", "/campaigns", CAMPAIGN | changes)
    assert response.status_code == 201, response.text
    return dict(response.json())


async def add_sender(owner: Session, owner_db: asyncpg.Connection) -> None:
    await owner_db.execute(
        "INSERT INTO resources (client_id, kind, channel, address, sender_email, provider, daily_limit) "
        "VALUES ($1, 'domain', 'email', 'harbour.example', 'ann@harbour.example', 'resend', 50)",
        owner.client_id,
    )


async def test_a_campaign_is_made_as_a_draft_and_read_back(owner: Session) -> None:
    response = await owner.call("POST", "/campaigns", CAMPAIGN)
    read = await owner.http.get(response.headers["location"], headers=owner.headers)
    assert (read.json(), read.headers["etag"]) == (response.json(), response.headers["etag"])
    assert (read.json()["status"], read.json()["steps"]) == ("draft", [STEP])


async def test_pages_follow_one_another_newest_first(owner: Session) -> None:
    names = [(await made(owner, name=f"Campaign {n}"))["name"] for n in range(5)]
    found, cursor = [], ""
    for _ in range(3):
        page = (await owner.call("GET", f"/campaigns?limit=2{cursor}")).json()
        found += [each["name"] for each in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert (found, page["next_cursor"]) == (names[::-1], None)


async def test_a_repeat_with_the_same_idempotency_key_makes_nothing_new(owner: Session) -> None:
    key = {"Idempotency-Key": "one"}
    first = await owner.call("POST", "/campaigns", CAMPAIGN, headers=key)
    second = await owner.call("POST", "/campaigns", CAMPAIGN, headers=key)
    assert (second.status_code, second.content) == (201, first.content)
    assert len((await owner.call("GET", "/campaigns")).json()["items"]) == 1


async def test_the_same_idempotency_key_with_another_body_is_refused(owner: Session) -> None:
    key = {"Idempotency-Key": "one"}
    await owner.call("POST", "/campaigns", CAMPAIGN, headers=key)
    second = await owner.call("POST", "/campaigns", CAMPAIGN | {"name": "Other"}, headers=key)
    assert problem_of(second) == (422, "invalid_input", "Idempotency-Key")


async def test_a_change_names_only_what_changes(owner: Session) -> None:
    campaign = await made(owner)
    changed = await owner.call("PATCH", f"/campaigns/{campaign['id']}", {"description": "For Sydney"})
    assert changed.json() == campaign | {"description": "For Sydney", "updated_at": changed.json()["updated_at"]}


async def test_a_change_of_another_state_than_the_one_that_was_read_is_refused(owner: Session) -> None:
    response = await owner.call("POST", "/campaigns", CAMPAIGN)
    path, seen = f"/campaigns/{response.json()['id']}", {"If-Match": response.headers["etag"]}
    assert (await owner.call("PATCH", path, {"name": "First"}, headers=seen)).status_code == 200
    refused = await owner.call("PATCH", path, {"name": "Second"}, headers=seen)
    assert problem_of(refused) == (412, "precondition_failed", None)


async def test_whoever_holds_the_state_gets_304(owner: Session) -> None:
    response = await owner.call("POST", "/campaigns", CAMPAIGN)
    seen = {"If-None-Match": response.headers["etag"]}
    assert (await owner.call("GET", f"/campaigns/{response.json()['id']}", headers=seen)).status_code == 304


async def test_steps_are_replaced_as_a_whole(owner: Session) -> None:
    campaign = await made(owner)
    steps = [STEP | {"body_template": "New words"}, STEP | {"step": 2, "day_offset": 3, "subject_template": None}]
    changed = await owner.call("PATCH", f"/campaigns/{campaign['id']}", {"steps": steps})
    assert changed.json()["steps"] == steps


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "body.name"),
        ({"name": "a\x00b"}, "body.name"),
        ({"name": "a" * 201}, "body.name"),
        ({"name": 3}, "body.name"),
        ({"allocation_email": 90}, "body"),
        ({"allocation_email": 10**30}, "body.allocation_email"),
        ({"status": "active"}, "body.status"),
        ({"steps": [STEP | {"body_template": "{{ salary }}"}]}, "body.steps.0.body_template"),
        ({"steps": [STEP | {"body_template": "{% for %}"}]}, "body.steps.0.body_template"),
        ({"steps": [STEP, STEP]}, "body"),
        ({"steps": [STEP | {"subject_template": None}]}, "body"),
        ({"permission_mode": "auto"}, "body.permission_mode"),
    ],
)
async def test_a_wrong_field_is_named(owner: Session, change: dict[str, object], field: str) -> None:
    response = await owner.call("POST", "/campaigns", CAMPAIGN | change)
    assert problem_of(response) == (422, "invalid_input", field)


async def test_what_is_missing_for_a_start_is_told_all_at_once(owner: Session) -> None:
    campaign = await made(owner, steps=[])
    refused = await owner.call("POST", f"/campaigns/{campaign['id']}/activate")
    assert problem_of(refused) == (409, "conflict", None)
    assert "it has no steps" in refused.json()["detail"]


async def test_a_campaign_starts_and_the_work_is_nudged(
    owner: Session, owner_db: asyncpg.Connection, prefect: AuthStandIn, web: Web
) -> None:
    await add_sender(owner, owner_db)
    campaign = await made(owner)
    started = await owner.call("POST", f"/campaigns/{campaign['id']}/activate")
    assert (started.status_code, started.json()["status"]) == (200, "active")
    await web.infra.prefect.aclose()  # the nudge has left
    assert any("enrichment" in path for path in prefect.paths)


async def test_a_pause_is_repeatable_and_undone_by_a_start(owner: Session, owner_db: asyncpg.Connection) -> None:
    await add_sender(owner, owner_db)
    path = f"/campaigns/{(await made(owner))['id']}"
    verbs = ["activate", "pause", "pause", "activate"]
    assert [(await owner.call("POST", f"{path}/{verb}")).json()["status"] for verb in verbs] == [
        "active",
        "paused",
        "paused",
        "active",
    ]


async def test_a_deleted_campaign_is_gone_from_every_answer_and_stays_in_the_database(
    owner: Session, owner_db: asyncpg.Connection
) -> None:
    campaign = await made(owner)
    assert (await owner.call("DELETE", f"/campaigns/{campaign['id']}")).status_code == 204
    assert (await owner.call("GET", f"/campaigns/{campaign['id']}")).status_code == 404
    assert (await owner.call("GET", "/campaigns")).json()["items"] == []
    assert await owner_db.fetchval("SELECT deleted_at IS NOT NULL FROM campaigns")


async def test_a_viewer_reads_and_changes_nothing(
    owner: Session, owner_db: asyncpg.Connection, prefect: AuthStandIn
) -> None:
    campaign = await made(owner)
    viewer = await colleague(owner, owner_db, prefect, "viewer")
    assert (await viewer.call("GET", f"/campaigns/{campaign['id']}")).status_code == 200
    refused = await viewer.call("PATCH", f"/campaigns/{campaign['id']}", {"name": "Mine"})
    assert problem_of(refused) == (403, "forbidden", None)


async def test_the_trail_names_who_started_it(owner: Session, owner_db: asyncpg.Connection) -> None:
    await add_sender(owner, owner_db)
    await owner.call("POST", f"/campaigns/{(await made(owner))['id']}/activate")
    actors = await owner_db.fetch("SELECT DISTINCT actor FROM audit_logs WHERE table_name = 'campaigns'")
    assert [row["actor"] for row in actors] == [str(owner.user_id)]
