"""Clay's rows, callbacks and facts: what a table is handed, what is made of what comes back."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from agency_os.domain.facts import Fact, LeadFacts
from agency_os.exceptions import InvalidInputError
from agency_os.integrations.clay import ClayClient, ClayRow, parse_answer
from agency_os.integrations.clay_facts import ClaySource, facts_of
from agency_os.integrations.fact_source import Awaited, NotNow, Refused, Unclear
from agency_os.integrations.provider_api import Connection
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import HttpResponse, NoAnswerError
from agency_os.kit.retry import RateLimit
from tests.support.wire import Script, answer

TODAY = date(2026, 11, 25)
REFERENCE = "a" * 64 + ".1"


def client_of(*answers: HttpResponse | Exception) -> tuple[ClayClient, Script]:
    wall, script = FakeWallClock(), Script(*answers)
    connection = Connection(script, "https://c.example/hook", "token", RateLimit(1000, wall), wall, Random(1))  # noqa: S311
    return ClayClient(connection, Decimal(4)), script


def fact(value: str) -> Fact[str]:
    return Fact(value, "import", TODAY)


async def test_a_row_holds_what_is_known_and_nothing_else() -> None:
    client, script = client_of(answer(200, {}))
    await client.hand_over(ClayRow("1", first_name="Jo", domain="acme.example"))
    (request,) = script.requests
    assert json.loads(request.body) == {"id": "1", "first_name": "Jo", "domain": "acme.example"}
    assert (request.url, request.headers["x-clay-webhook-auth"]) == ("https://c.example/hook", "token")


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (answer(200, b""), Awaited),
        (answer(402, {"message": "no credits"}), NotNow),
        (answer(401, {"message": "Unauthorized"}), NotNow),
        (answer(400, {"message": "bad"}), Refused),
        (answer(500, {}), Unclear),
        (NoAnswerError("cut off"), Unclear),
    ],
)
async def test_what_becomes_of_a_row_that_is_handed_over(given: HttpResponse | Exception, kind: type) -> None:
    client, script = client_of(given)
    source = ClaySource(client, Decimal("0.077"))
    (got,) = await source.ask([LeadFacts(email=fact("jo@acme.example"))], [REFERENCE], TODAY)
    assert isinstance(got, kind)
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    ("facts", "identity"),
    [
        (LeadFacts(linkedin_url=fact("https://www.linkedin.com/in/Jo"), email=fact("j@a.example")), "https://www.linkedin.com/in/jo"),
        (LeadFacts(email=fact("Jo@A.example")), "jo@a.example"),
        (LeadFacts(first_name=fact("Jo"), last_name=fact("Lee "), company=fact("Acme")), "jo|lee|acme"),
    ],
)  # fmt: skip
def test_two_look_ups_are_one_by_profile_then_email_then_name(facts: LeadFacts, identity: str) -> None:
    assert ClaySource(client_of(answer(200))[0], Decimal(1)).identity(facts) == identity


def parsed(**row: Any) -> LeadFacts:
    return facts_of(parse_answer(json.dumps({"id": REFERENCE, **row}).encode()), TODAY)


def test_a_verified_address_is_trusted_and_a_dead_one_is_not_taken() -> None:
    good, dead = (
        parsed(email="Jo@Acme.example", email_status="valid"),
        parsed(email="x@y.example", email_status="invalid"),
    )
    assert good.email == Fact("jo@acme.example", "clay", TODAY, 0.95)
    assert good.email_verified == Fact(True, "clay", TODAY, 0.95)
    assert dead.email is None


@pytest.mark.parametrize(
    ("row", "field", "value"),
    [
        ({"phone": "0412 345 678"}, "phone", "+61412345678"),
        ({"phone": "not a number"}, "phone", None),
        ({"linkedin_url": "linkedin.com/in/Jo-Lee/?x=1"}, "linkedin_url", "https://www.linkedin.com/in/jo-lee"),
        ({"state": "New South Wales"}, "state", "NSW"),
        ({"employee_count": "12"}, "organization_employee_count", 12),
        ({"employee_count": 0}, "organization_employee_count", None),
        ({"founded_year": 12}, "organization_founded_year", None),
        ({"is_hiring": "true"}, "organization_is_hiring", True),
        ({"is_hiring": False}, "organization_is_hiring", False),
        ({"is_hiring": "perhaps"}, "organization_is_hiring", None),
        ({"domain": "www.acme.com.au"}, "domain", "acme.com.au"),
        ({"title": ""}, "title", None),
    ],
)
def test_each_column_is_read_in_its_own_form(row: dict[str, Any], field: str, value: object) -> None:
    found = parsed(**row).get(field)
    assert (found.value if found is not None else None) == value


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"email": "jo@a.example"}', b'{"id": null}'])
def test_a_callback_without_our_id_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(InvalidInputError):
        parse_answer(body)
