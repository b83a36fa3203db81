"""New leads to enrich, and the providers as a transport that knows some people and counts what it charges."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from sqlalchemy import insert, text

from agency_os.config import CostSettings
from agency_os.db import AsyncSession, Database
from agency_os.engines.scorer import ScorerEngine
from agency_os.engines.scout import ScoutEngine
from agency_os.integrations.apollo import ApolloClient
from agency_os.integrations.apollo_facts import ApolloSource
from agency_os.integrations.clay import ClayClient
from agency_os.integrations.clay_facts import ClaySource
from agency_os.integrations.fact_source import FactSource
from agency_os.integrations.hunter import HunterClient
from agency_os.integrations.hunter_facts import HunterSource
from agency_os.integrations.provider_api import Connection
from agency_os.integrations.redis import Cache
from agency_os.kit.clock import FakeWallClock, WallClock
from agency_os.kit.http import Headers, HttpRequest, HttpResponse, NoAnswerError
from agency_os.kit.ids import new_ids
from agency_os.kit.retry import RateLimit
from agency_os.kit.tokens import PersonHash
from agency_os.kit.transaction import refuse_if_open
from agency_os.models import Lead
from agency_os.wiring.services import Services
from tests.factories.outreach import BEFORE, PERSON_KEY

HASHES = PersonHash(PERSON_KEY)
COSTS = CostSettings()


class KilledError(BaseException):
    """Stands for a worker that dies in the middle: nothing of ours handles it."""


@dataclass
class Person:
    """What the providers know of one person. ``email_status`` is Apollo's word, ``hunter`` the verifier's."""

    first: str
    last: str
    domain: str
    email: str | None = None
    email_status: str = "verified"
    hunter: str | int = "valid"
    title: str = "Owner"
    in_apollo: bool = True
    linkedin: str | None = None


@dataclass
class Providers:
    """The providers behind one transport. ``charged`` are units by provider; ``asked`` every person asked about;
    ``rows`` what a Clay table was handed.

    ``answer`` may be set to something that is called before each answer, with the request's path.
    """

    people: list[Person] = field(default_factory=list)
    charged: dict[str, Decimal] = field(default_factory=lambda: {"apollo": Decimal(0), "hunter": Decimal(0)})
    asked: dict[str, list[str]] = field(default_factory=lambda: {"apollo": [], "hunter": []})
    answer: Callable[[str], Awaitable[HttpResponse | None]] | None = None
    after: Callable[[str], Awaitable[None]] | None = None
    rows: list[dict[str, str]] = field(default_factory=list)
    _counted: set[str] = field(default_factory=set)

    async def send(self, request: HttpRequest) -> HttpResponse:
        refuse_if_open()
        await asyncio.sleep(0)
        path = urlsplit(request.url).path
        given = await self.answer(path) if self.answer is not None else None
        if given is not None:
            return given
        answered = self._served(path)(request)
        if self.after is not None:
            await self.after(path)
        return answered

    def _served(self, path: str) -> Callable[[HttpRequest], HttpResponse]:
        if "clay" in path:
            return self._clay
        return self._apollo if "apollo" in path else self._hunter

    def _clay(self, request: HttpRequest) -> HttpResponse:
        self.rows.append(json.loads(request.body))
        return json_response(200, {"success": True})

    async def aclose(self) -> None:
        return None

    @property
    def aud(self) -> Decimal:
        """A$ charged."""
        return self.charged["apollo"] * COSTS.apollo + self.charged["hunter"] * COSTS.hunter

    def _apollo(self, request: HttpRequest) -> HttpResponse:
        found = [self._known(each) for each in json.loads(request.body)["details"]]
        for each in json.loads(request.body)["details"]:
            self.asked["apollo"].append(each.get("email") or each.get("last_name"))
        units = sum(person is not None for person in found)
        self.charged["apollo"] += units
        return json_response(200, {"credits_consumed": units, "matches": [_match(person) for person in found]})

    def _known(self, asked: dict[str, Any]) -> Person | None:
        known = [person for person in self.people if person.in_apollo]
        by_email = (person for person in known if person.email and person.email == asked.get("email"))
        by_name = (
            person
            for person in known
            if (person.first, person.last) == (asked.get("first_name"), asked.get("last_name"))
            and asked.get("domain") in (None, person.domain)
        )
        return next(by_email, None) or next(by_name, None)

    def _hunter(self, request: HttpRequest) -> HttpResponse:
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
        self.asked["hunter"].append(query.get("email") or query["last_name"])
        if "email" in query:
            person = next((each for each in self.people if each.email == query["email"]), None)
            units = Decimal("0.5")
        else:
            person = next((each for each in self.people if each.last == query["last_name"]), None)
            units = Decimal(1 if person is not None and person.email else 0)
        verdict = person.hunter if person is not None else "unknown"
        if isinstance(verdict, int):
            return json_response(verdict, {"errors": []})
        if request.url not in self._counted:
            self.charged["hunter"] += units
            self._counted.add(request.url)
        email = query.get("email") or (person.email if person is not None else None)
        score = {"valid": 97, "invalid": 0}.get(verdict, 60)
        data = {"email": email, "score": score, "status": verdict, "verification": {"status": verdict}}
        return json_response(200, {"data": data})


def json_response(status: int, body: Any) -> HttpResponse:
    """An answer."""
    return HttpResponse(status, Headers({"content-type": "application/json"}), json.dumps(body).encode())


async def no_answer(path: str) -> HttpResponse | None:
    """Apollo takes the request and never answers."""
    if "apollo" in path:
        raise NoAnswerError("the connection broke")
    return None


def clay_source(providers: Providers, wall: WallClock) -> ClaySource:
    """A Clay table whose rows cost four credits."""
    connection = Connection(providers, "http://127.0.0.1/clay/table", "token", RateLimit(1_000_000, wall), wall)
    return ClaySource(ClayClient(connection, Decimal(4)), COSTS.clay)


def services(
    database: Database,
    cache: Cache,
    providers: Providers,
    *,
    wall: WallClock | None = None,
    clay: FactSource | None = None,
) -> Services:
    """A worker's parts as enrichment and scoring use them."""
    wall = wall or FakeWallClock()
    rate = RateLimit(1_000_000, wall)
    apollo = ApolloClient(Connection(providers, "http://127.0.0.1/apollo/api/v1", "key", rate, wall))
    hunter = HunterClient(Connection(providers, "http://127.0.0.1/hunter/v2", "key", rate, wall))
    sources: list[FactSource] = [ApolloSource(apollo, COSTS.apollo), HunterSource(hunter, COSTS.hunter)]
    scout = ScoutEngine(cache, [*sources, clay] if clay is not None else sources, HASHES, wall)
    infra = SimpleNamespace(database=database, cache=cache, hashes=HASHES, wall=wall)
    return cast("Services", SimpleNamespace(infra=infra, scout=scout, scorer=ScorerEngine()))


async def add_new_leads(db: AsyncSession, client_id: UUID, people: list[Person], **lead: Any) -> list[UUID]:
    """Leads with a name, a company and its domain and, where ``with_email``, the address."""
    with_email = lead.pop("with_email", False)
    ids = new_ids(len(people))
    rows = [
        {
            "id": i,
            "client_id": client_id,
            "first_name": person.first,
            "last_name": person.last,
            "company": f"The {person.domain.partition('.')[0]}",
            "domain": person.domain,
            "created_at": BEFORE,
            "updated_at": BEFORE,
            **({"email": person.email, "email_status": "unverified"} if with_email else {}),
            **lead,
        }
        for i, person in zip(ids, people, strict=True)
    ]
    if rows:
        await db.execute(insert(Lead), rows)
    return ids


def people(count: int, **changes: Any) -> list[Person]:
    """``count`` owners, each of an own company, known to both providers."""
    return [
        Person("Pat", f"Number{n}", f"company{n}.example", **{"email": f"pat{n}@company{n}.example", **changes})
        for n in range(count)
    ]


async def ledger(db: AsyncSession) -> dict[str, Decimal]:
    """Units settled by provider, as the report sums them."""
    query = "SELECT provider, sum(units) FROM cost_entries WHERE settled_at IS NOT NULL GROUP BY 1"
    found = {str(row[0]): Decimal(row[1]) for row in await db.execute(text(query))}
    return {"apollo": Decimal(0), "hunter": Decimal(0), **found}


def _match(person: Person | None) -> dict[str, Any] | None:
    if person is None:
        return None
    return {
        "id": person.last,
        "first_name": person.first,
        "last_name": person.last,
        "title": person.title,
        "email": person.email,
        "email_status": person.email_status,
        "linkedin_url": person.linkedin or f"http://www.linkedin.com/in/{person.first}-{person.last}/",
        "country": "Australia",
        "state": "Victoria",
        "organization": {
            "name": f"The {person.domain.partition('.')[0]}",
            "primary_domain": person.domain,
            "industry": "dental",
            "estimated_num_employees": 20,
            "country": "Australia",
        },
    }
