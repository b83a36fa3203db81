"""A disk that is full, a lost cache, a lost Prefect server: said plainly, nothing lost, and work goes on after it."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from agency_os.exceptions import UnavailableError
from agency_os.kit.http import HttpRequest, HttpResponse
from agency_os.wiring.web import Web
from tests.conftest import DatabaseUrls
from tests.factories.api import api_settings, make_web, serving
from tests.factories.identity import AuthStandIn, problem_of
from tests.integration.api.v1.conftest import Session

CAMPAIGN = {"name": "Dentists"}
_FULL = """
    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '{code}'; END $$;
    CREATE TRIGGER full_disk BEFORE INSERT ON campaigns FOR EACH ROW EXECUTE FUNCTION full_disk();
"""


@pytest.mark.parametrize("code", ["53100", "53200", "25006"])
async def test_a_database_without_room_is_said_and_the_repeat_with_the_same_key_works_when_there_is(
    owner: Session, owner_db: asyncpg.Connection, code: str
) -> None:
    key = {"Idempotency-Key": "k"}
    await owner_db.execute(_FULL.format(code=code))
    refused = await owner.call("POST", "/campaigns", CAMPAIGN, headers=key)
    assert problem_of(refused) == (503, "unavailable", None)
    assert (refused.headers["retry-after"], "nothing was kept" in refused.json()["detail"]) == ("5", True)
    await owner_db.execute("DROP TRIGGER full_disk ON campaigns")
    assert (await owner.call("POST", "/campaigns", CAMPAIGN, headers=key)).status_code == 201
    assert await owner_db.fetchval("SELECT count(*) FROM campaigns") == 1


class WithoutPrefect(AuthStandIn):
    """Publishes keys; Prefect is away."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        if request.url.endswith("jwks.json"):
            return await super().send(request)
        raise UnavailableError("connection refused")


@pytest.fixture
def prefect() -> Any:
    return WithoutPrefect()


async def test_without_prefect_the_api_takes_everything_in(owner: Session) -> None:
    lead = {"email": "jo@firm.example", "first_name": "Jo"}
    assert (await owner.call("POST", "/leads", lead)).status_code == 201
    ready = await owner.http.get("/health/ready")
    assert (ready.status_code, ready.json()["degraded"]) == (200, ["prefect"])


async def test_without_the_cache_every_answer_is_the_same(
    owner: Session, database_urls: DatabaseUrls, prefect: WithoutPrefect, web: Web
) -> None:
    with_cache = await owner.call("GET", "/campaigns")
    async with serving(make_web(api_settings(DATABASE_URL=database_urls.app_dsn), prefect=prefect)) as http:
        without = await http.get(f"/api/v1/clients/{owner.client_id}/campaigns", headers=owner.headers)
    assert (without.status_code, without.json()) == (200, with_cache.json())
