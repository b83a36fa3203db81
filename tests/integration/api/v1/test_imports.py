"""Imports over the API: uploaded, looked at, named, run by a worker, and taken over when it was cut off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from agency_os.orchestration.tasks import import_tasks
from agency_os.repositories.import_file import ImportFileRepository
from agency_os.wiring.importing import store_batch
from agency_os.wiring.services import Services, build_services
from agency_os.wiring.web import Web
from tests.factories.identity import AuthStandIn, problem_of
from tests.factories.outreach import MONDAY_NOON
from tests.integration.api.v1.conftest import Session

LIST = (
    "Mail,Name,Company,Phone\n"
    "ann@acme.example,Ann Smith,Acme,0412 345 678\n"
    "bob@dunes.example,Bob Jones,Dunes,\n"
    "nobody,,,\n"
    "ann@acme.example,Ann Smith,Acme,\n"
)
CONSENT = {"basis": "express", "source": "https://form.example", "declared_by": "Ann Carter"}


@pytest.fixture
async def services(web: Web) -> AsyncIterator[Services]:
    yield build_services(web.infra)  # noqa: PT022  # closed with the application


async def upload(owner: Session, content: str | bytes = LIST, **params: str) -> httpx.Response:
    url = f"/api/v1/clients/{owner.client_id}/imports"
    return await owner.http.post(
        url,
        content=content.encode() if isinstance(content, str) else content,
        params={"file_name": "leads.csv", **params},
        headers={**owner.headers, "Content-Type": "text/csv"},
    )


async def uploaded(owner: Session, content: str = LIST) -> str:
    response = await upload(owner, content)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def work(services: Services) -> list[dict[str, int]]:
    waiting = await import_tasks.imports_waiting(services, MONDAY_NOON)
    return [await import_tasks.run_import(services, each, MONDAY_NOON) for each in waiting]


async def test_a_list_is_uploaded_and_nothing_is_imported_yet(owner: Session, owner_db: asyncpg.Connection) -> None:
    made = (await upload(owner)).json()
    assert (made["state"], made["byte_size"]) == ("uploaded", len(LIST))
    assert made["mapping"] == {"Mail": "email", "Name": "full_name", "Company": "company", "Phone": "phone"}
    assert await owner_db.fetchval("SELECT count(*) FROM leads") == 0


async def test_a_preview_tells_what_the_list_would_come_to(owner: Session) -> None:
    preview = (await owner.call("GET", f"/imports/{await uploaded(owner)}/preview")).json()
    assert [preview[name] for name in ("rows_read", "accepted", "without_consent", "is_whole")] == [4, 2, 2, True]
    assert preview["leads"][0]["values"]["email"] == "ann@acme.example"
    assert [each["reason"] for each in preview["left_out"]][1] == "the same person as in row 2"


async def test_columns_and_consent_are_named_by_a_person(owner: Session) -> None:
    path = f"/imports/{await uploaded(owner)}"
    body = {"overrides": {"Phone": "ignore"}, "consent": CONSENT}
    changed = (await owner.call("PUT", f"{path}/mapping", body)).json()
    preview = (await owner.call("GET", f"{path}/preview")).json()
    assert ("Phone" in changed["mapping"], changed["consent"]["basis"]) == (False, "express")
    assert preview["without_consent"] == 0


async def test_a_worker_runs_it_and_every_row_has_its_reason_or_its_lead(
    owner: Session, services: Services, prefect: AuthStandIn, web: Web
) -> None:
    import_id = await uploaded(owner)
    queued = await owner.call("POST", f"/imports/{import_id}/run")
    assert (queued.status_code, queued.json()["state"]) == (202, "queued")
    assert await work(services) == [{"rows imported": 2, "rows left out": 2, "imports finished": 1}]
    done = (await owner.call("GET", f"/imports/{import_id}")).json()
    rows = (await owner.call("GET", f"/imports/{import_id}/rows?only=left_out")).json()["items"]
    assert [done[name] for name in ("state", "rows_read", "rows_accepted", "rows_left_out")] == ["finished", 4, 2, 2]
    assert [(each["row_number"], each["lead_id"]) for each in rows] == [(4, None), (5, None)]
    await web.infra.prefect.aclose()
    assert any("enrichment" in path for path in prefect.paths)


async def test_rows_come_page_by_page(owner: Session, services: Services) -> None:
    import_id = await uploaded(owner)
    await owner.call("POST", f"/imports/{import_id}/run")
    await work(services)
    first = (await owner.call("GET", f"/imports/{import_id}/rows?limit=3")).json()
    second = (await owner.call("GET", f"/imports/{import_id}/rows?limit=3&cursor={first['next_cursor']}")).json()
    assert [each["row_number"] for page in (first, second) for each in page["items"]] == [2, 3, 4, 5]


async def test_a_run_that_is_asked_for_twice_is_one(owner: Session, services: Services) -> None:
    import_id = await uploaded(owner)
    answers = [await owner.call("POST", f"/imports/{import_id}/run") for _ in range(2)]
    assert [each.status_code for each in answers] == [202, 202]
    assert len(await work(services)) == 1
    assert problem_of(await owner.call("POST", f"/imports/{import_id}/run")) == (409, "conflict", None)


class KilledError(Exception):
    """Stands for the end of a worker."""


async def test_a_run_that_was_cut_off_is_taken_over_and_nobody_is_twice(
    owner: Session, services: Services, owner_db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = "".join(f"p{n}@acme.example,P {n},Acme,\n" for n in range(1200))
    import_id = await uploaded(owner, "Mail,Name,Company,Phone\n" + people)
    await owner.call("POST", f"/imports/{import_id}/run")
    real, stored = store_batch, 0

    async def killed(*arguments: Any) -> None:
        nonlocal stored
        stored += 1
        if stored == 2:
            raise KilledError
        await real(*arguments)

    monkeypatch.setattr(import_tasks, "store_batch", killed)
    with pytest.raises(KilledError):
        await work(services)
    monkeypatch.setattr(import_tasks, "store_batch", real)
    assert (await owner.call("GET", f"/imports/{import_id}")).json()["rows_read"] == 500
    assert await work(services) == []  # its lease has not run out
    await owner_db.execute("UPDATE import_files SET lease_until = now() - interval '1 s'")
    assert await work(services) == [{"rows imported": 700, "rows left out": 0, "imports finished": 1}]
    assert await owner_db.fetchval("SELECT count(DISTINCT email) FROM leads") == 1200
    assert (await owner.call("GET", f"/imports/{import_id}")).json()["rows_accepted"] == 1200


async def test_a_worker_that_was_overtaken_stores_nothing_more(
    owner: Session, services: Services, owner_db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = await uploaded(owner)
    await owner.call("POST", f"/imports/{import_id}/run")
    prolong = ImportFileRepository.prolong

    async def overtaken(self: Any, *arguments: Any, **named: Any) -> bool:
        await owner_db.execute("UPDATE import_files SET lease_until = now() + $1", timedelta(hours=1))
        return await prolong(self, *arguments, **named)

    monkeypatch.setattr(ImportFileRepository, "prolong", overtaken)
    counts = await import_tasks.run_import(services, UUID(import_id), MONDAY_NOON)
    assert (counts, await owner_db.fetchval("SELECT count(*) FROM leads")) == (
        {"rows imported": 0, "rows left out": 0},
        0,
    )


async def test_the_file_is_forgotten_when_it_has_been_run(
    owner: Session, services: Services, owner_db: asyncpg.Connection
) -> None:
    import_id = await uploaded(owner)
    await owner.call("POST", f"/imports/{import_id}/run")
    await work(services)
    assert await owner_db.fetchval("SELECT content FROM import_files") is None
    assert problem_of(await owner.call("GET", f"/imports/{import_id}/preview")) == (409, "conflict", None)


@pytest.mark.parametrize(("content", "field"), [(b"", "file"), (b"PK\x03\x04" + bytes(200), "file")])
async def test_what_is_no_list_is_refused(owner: Session, content: bytes, field: str) -> None:
    assert problem_of(await upload(owner, content)) == (422, "invalid_input", field)


async def test_a_list_that_names_nobody_waits_for_its_columns_to_be_named(owner: Session) -> None:
    import_id = await uploaded(owner, "A,B\nann@acme.example,Ann\n")
    path = f"/imports/{import_id}"
    assert problem_of(await owner.call("POST", f"{path}/run")) == (409, "conflict", None)
    assert (await owner.call("PUT", f"{path}/mapping", {"overrides": {"A": "email"}})).status_code == 200
    assert (await owner.call("POST", f"{path}/run")).status_code == 202


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"overrides": {"Nothing": "email"}}, "body.overrides"),
        ({"overrides": {"Mail": "salary"}}, "body.overrides"),
        ({"consent": CONSENT | {"basis": "inferred"}}, "body.consent"),
        ({"consent": CONSENT | {"obtained_on": "2999-01-01"}}, "body.consent"),
    ],
)
async def test_a_wrong_mapping_is_named(owner: Session, body: dict[str, Any], field: str) -> None:
    refused = await owner.call("PUT", f"/imports/{await uploaded(owner)}/mapping", body)
    assert problem_of(refused) == (422, "invalid_input", field)


async def test_a_campaign_of_another_client_is_not_known(owner: Session, owner_db: asyncpg.Connection) -> None:
    other = await owner_db.fetchval(
        "WITH c AS (INSERT INTO clients (name) VALUES ('Other') RETURNING id) "
        "INSERT INTO campaigns (client_id, name) SELECT id, 'Theirs' FROM c RETURNING id"
    )
    assert problem_of(await upload(owner, campaign_id=str(other))) == (422, "invalid_input", "query.campaign_id")
