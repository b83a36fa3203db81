"""Resend as published: what our client sends strictly, what the sandbox answers so that nulls pass.

The description declares no errors; resend.com/docs/api-reference/errors names them with their statuses.
"""

from __future__ import annotations

import json

import pytest

from agency_os.exceptions import ProviderError
from agency_os.integrations.mail_transport import OutgoingEmail
from agency_os.integrations.resend import ResendClient
from tests.contract.conftest import HOST, Wire
from tests.factories.sandbox import message
from tests.support.published import Published, published

pytestmark = pytest.mark.needs("specs")

BASE = f"{HOST}/resend"
ERRORS = {
    400: ["validation_error", "invalid_idempotency_key"],
    401: ["missing_api_key", "restricted_api_key"],
    403: ["invalid_api_key", "validation_error"],
    404: ["not_found"],
    405: ["method_not_allowed"],
    409: ["invalid_idempotent_request", "concurrent_idempotent_requests"],
    422: [
        "missing_required_field", "invalid_attachment", "invalid_from_address", "invalid_access", "invalid_parameter",
        "invalid_region",
    ],
    429: ["rate_limit_exceeded", "daily_quota_exceeded", "monthly_quota_exceeded"],
    451: ["security_error"],
    500: ["application_error", "internal_server_error"],
}  # fmt: skip
ERROR_SCHEMA = json.dumps(
    {
        "type": "object",
        "required": ["statusCode", "name", "message"],
        "properties": {"message": {"type": "string"}},
        "anyOf": [
            {"properties": {"statusCode": {"const": status}, "name": {"enum": names}}}
            for status, names in ERRORS.items()
        ],
    }
)
EMAIL = OutgoingEmail(
    sender="Ada Agency <ada@agency.example>",
    to="jo@company.example",
    subject="Enquiries \u2013 für Jo",
    text="Hello",
    html="<p>Hello</p>",
    reply_to="reply+abc@in.agency.example",
    headers={"In-Reply-To": "<a@b.example>", "References": "<a@b.example>"},
    tags={"touch": "t-1", "client": "c_2"},
)
BARE = OutgoingEmail("ada@agency.example", "jo@company.example", "Hi", "Hello")


@pytest.fixture
def judge() -> Published:
    return published("resend/openapi.json", BASE, ERROR_SCHEMA)


@pytest.fixture
def client(wire: Wire) -> ResendClient:
    return ResendClient(wire.connection(BASE, "re_test"))


@pytest.mark.parametrize("email", [EMAIL, BARE], ids=["full", "bare"])
async def test_a_single_send_is_as_published(
    wire: Wire, client: ResendClient, judge: Published, email: OutgoingEmail
) -> None:
    result = await client.send(email, key="touch:1:0")
    assert (len(result.ids), wire.check(judge)) == (1, [200])


async def test_a_full_batch_is_as_published(wire: Wire, client: ResendClient, judge: Published) -> None:
    result = await client.send_batch([EMAIL] * 100, key="batch:1")
    assert (len(result.ids), wire.check(judge)) == (100, [200])


async def test_the_longest_key_is_as_published(wire: Wire, client: ResendClient, judge: Published) -> None:
    await client.send(BARE, key="k" * 256)
    assert wire.check(judge) == [200]


async def test_reading_back_is_as_published(wire: Wire, client: ResendClient, judge: Published) -> None:
    ids = (await client.send_batch([EMAIL, BARE], key="batch:1")).ids
    message_id = await client.message_id(ids[0])
    newest = await client.list_recent(limit=1)
    older = await client.list_recent(after=newest[0].id)
    assert message_id is not None
    assert {newest[0].id, older[0].id} == set(ids)
    assert wire.check(judge) == [200] * 4


async def test_an_email_that_is_not_known_is_as_published(wire: Wire, client: ResendClient, judge: Published) -> None:
    assert await client.message_id("4ef9a417-02e9-4d39-ad75-9611e0fcc33c") is None
    assert wire.check(judge) == [404]


async def test_the_same_key_with_other_bytes_is_as_published(
    wire: Wire, client: ResendClient, judge: Published
) -> None:
    await client.send(EMAIL, key="touch:1:0")
    with pytest.raises(ProviderError):
        await client.send(BARE, key="touch:1:0")
    assert wire.check(judge) == [200, 409]


@pytest.mark.parametrize(("kind", "statuses"), [("429", [429, 200]), ("500", [500]), ("accepted_then_500", [500])])
async def test_a_fault_speaks_as_published(
    wire: Wire, client: ResendClient, judge: Published, kind: str, statuses: list[int]
) -> None:
    await wire.fault("resend", kind)
    if statuses[-1] == 200:
        await client.send(EMAIL, key="touch:1:0")
    else:
        with pytest.raises(ProviderError):
            await client.send(EMAIL, key="touch:1:0")
    assert wire.check(judge) == statuses


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (401, {}, message("a@b.example")),
        (403, {"authorization": "Bearer wrong"}, message("a@b.example")),
        (400, {"authorization": "Bearer re_x"}, b"{"),
        (400, {"authorization": "Bearer re_x", "idempotency_key": "k" * 257}, message("a@b.example")),
        (422, {"authorization": "Bearer re_x"}, {"from": "a@b.example"}),
        (422, {"authorization": "Bearer re_x"}, {**message("a@b.example"), "from": "nobody"}),
    ],
    ids=["no key", "wrong key", "no JSON", "long key", "field missing", "bad sender"],
)
async def test_a_refusal_is_as_published(
    wire: Wire, judge: Published, status: int, headers: dict[str, str], body: object
) -> None:
    headers = {"user_agent": "test", **headers}
    assert await wire.check_raw(judge, "POST", f"{BASE}/emails", body, **headers) == status


async def test_a_request_without_an_agents_name_is_shut_out(wire: Wire) -> None:
    response = await wire.raw("POST", f"{BASE}/emails", message("a@b.example"), authorization="Bearer re_x")
    assert (response.status, response.body) == (403, b"error code: 1010")
