"""Twilio as published: what our client sends strictly, and what the sandbox answers.

The description declares no errors; twilio.com/docs/usage/twilios-response shows their shape.
"""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from agency_os.exceptions import Outcome, ProviderError, ProviderLimitError
from agency_os.integrations.twilio import OPTED_OUT, OutgoingSms, SmsStatus, TwilioClient
from tests.contract.conftest import Wire
from tests.contract.twilio_messages import ACCOUNT, BASE, CALLBACK, OURS, QUIET, SERVICE, later, sms, someone
from tests.factories.sandbox import SECRETS
from tests.support.published import ContractError, Published, published, read_spec
from tests.support.wire import Script, answer

pytestmark = pytest.mark.needs("specs")

ROOT = f"{BASE}/2010-04-01/Accounts/{ACCOUNT}"
FORM_MEDIA = "application/x-www-form-urlencoded"
_PAIR = base64.b64encode(f"{ACCOUNT}:{SECRETS.twilio_auth_token}".encode()).decode()
WIRE_HEADERS = {"authorization": f"Basic {_PAIR}", "content_type": FORM_MEDIA}
ERROR_SCHEMA = json.dumps(
    {
        "type": "object",
        "required": ["code", "message", "more_info", "status"],
        "properties": {
            "code": {"type": "integer", "minimum": 20000, "maximum": 65000},
            "message": {"type": "string"},
            "more_info": {"type": "string", "pattern": "^https://www.twilio.com/docs/errors/[0-9]{5}$"},
            "status": {"type": "integer"},
        },
        "additionalProperties": False,
    }
)


@pytest.fixture
def judge() -> Published:
    return published("twilio/api_v2010.json", BASE, ERROR_SCHEMA)


@pytest.fixture
def client(wire: Wire) -> TwilioClient:
    return TwilioClient(wire.connection(BASE, SECRETS.twilio_auth_token), ACCOUNT)


@pytest.mark.parametrize(
    ("message", "units"),
    [
        (sms(), 1),
        (sms(body="x" * 161, callback=CALLBACK), 2),
        (sms(body="ż" * 71, sender=SERVICE), 2),
        (sms(body="x" * 1600, sender="Agency"), 11),
    ],
    ids=["number", "callback", "service", "name"],
)
async def test_a_message_is_as_published(
    wire: Wire, client: TwilioClient, judge: Published, message: OutgoingSms, units: int
) -> None:
    sent = await client.send_sms(message)
    assert (sent.status, sent.to, sent.units) == (SmsStatus.QUEUED, message.to, Decimal(units))
    rows = wire.sandbox.store.all("SELECT * FROM oracle WHERE provider = 'twilio'")
    expected = "t-1" if message.status_callback else None
    assert [(row["recipient"], row["touch"], Decimal(row["units"])) for row in rows] == [
        (message.to, expected, Decimal(units))
    ]
    assert wire.check(judge) == [201]


async def test_look_ups_are_as_published(wire: Wire, client: TwilioClient, judge: Published) -> None:
    first = await client.send_sms(sms(body="one"))
    noon = later(wire, minutes=1)
    second = await client.send_sms(sms(body="two"))
    await client.send_sms(sms(to=someone(stops=False)))
    assert (await client.read_message(first.sid)) is not None
    assert await client.read_message("SM" + "1" * 32) is None
    assert [each.body for each in await client.find_messages(to=QUIET, sender=OURS)] == ["two", "one"]
    assert [each.sid for each in await client.find_messages(to=QUIET, sent_since=noon)] == [second.sid]
    assert wire.check(judge) == [201, 201, 201, 200, 404, 200, 200]


async def test_a_list_is_followed_to_its_end(wire: Wire, client: TwilioClient, judge: Published) -> None:
    for number in range(101):
        await client.send_sms(sms(body=f"number {number}"))
    found = await client.find_messages(to=QUIET)
    assert [each.body for each in found] == [f"number {number}" for number in reversed(range(101))]
    assert wire.check(judge)[101:] == [200, 200]


async def test_a_numbers_webhook_is_set_as_published(wire: Wire, client: TwilioClient, judge: Published) -> None:
    number = await client.find_number(OURS)
    assert number is not None
    changed = await client.set_sms_webhook(number.sid, "https://hooks.example.com/webhooks/twilio")
    again = await client.find_number(OURS)
    assert changed == again
    assert (number.sms_url, changed.sms_url) == (None, "https://hooks.example.com/webhooks/twilio")
    assert wire.check(judge) == [200, 200, 200]


async def test_whoever_said_stop_is_refused_by_its_own_code(wire: Wire, client: TwilioClient, judge: Published) -> None:
    person = someone(stops=True)
    await client.send_sms(sms(person))
    later(wire, hours=3)
    inbound = await client.find_messages(to=OURS)
    assert [(each.sender, each.is_inbound, each.status) for each in inbound] == [(person, True, SmsStatus.RECEIVED)]
    with pytest.raises(ProviderError) as caught:
        await client.send_sms(sms(person))
    assert (caught.value.provider_code, caught.value.outcome) == (OPTED_OUT, Outcome.NOT_ACCEPTED)
    await client.send_sms(sms(person, sender="Agency"))  # an opt-out is between two numbers
    assert wire.check(judge) == [201, 200, 400, 201]


@pytest.mark.parametrize(
    ("kind", "statuses", "outcome"),
    [
        ("429", [429, 201], None),
        ("500", [500], Outcome.UNKNOWN),
        ("accepted_then_500", [500], Outcome.UNKNOWN),
        ("refused", [400], Outcome.NOT_ACCEPTED),
    ],
)
async def test_a_fault_speaks_as_published(
    wire: Wire, client: TwilioClient, judge: Published, kind: str, statuses: list[int], outcome: Outcome | None
) -> None:
    await wire.fault("twilio", kind)
    if outcome is None:
        await client.send_sms(sms())
    else:
        with pytest.raises(ProviderError) as caught:
            await client.send_sms(sms())
        assert caught.value.outcome is outcome
        assert (caught.value.request_id or "").startswith("RQ")
    assert wire.check(judge) == statuses
    # What was accepted behind an error is found again, and nothing else is.
    assert len(await client.find_messages(to=QUIET)) == (0 if kind in ("500", "refused") else 1)


async def test_a_wrong_token_is_the_operators_to_mend(wire: Wire, judge: Published) -> None:
    with pytest.raises(ProviderLimitError) as caught:
        await TwilioClient(wire.connection(BASE, "wrong"), ACCOUNT).send_sms(sms())
    assert caught.value.provider_code == "20003"
    assert wire.check(judge) == [401]


REFUSED: dict[str, dict[str, str]] = {
    "21211": {"To": "+6140", "From": OURS, "Body": "x"},
    "21604": {"From": OURS, "Body": "x"},
    "21603": {"To": QUIET, "Body": "x"},
    "21602": {"To": QUIET, "From": OURS},
    "21614": {"To": "+61255501234", "From": OURS, "Body": "x"},
    "21617": {"To": QUIET, "From": OURS, "Body": "x" * 1601},
    "21609": {"To": QUIET, "From": OURS, "Body": "x", "StatusCallback": "not an address"},
}


@pytest.mark.parametrize("code", REFUSED)
async def test_what_twilio_refuses_is_as_published(wire: Wire, judge: Published, code: str) -> None:
    asked = ("POST", f"{ROOT}/Messages.json", urlencode(REFUSED[code]).encode())
    response = await wire.raw(*asked, **WIRE_HEADERS)
    assert (response.status, json.loads(response.body)["code"]) == (400, int(code))
    assert await wire.check_raw(judge, *asked, **WIRE_HEADERS) == 400


@pytest.mark.parametrize(
    "change",
    [
        {"path": "/Messages.xml"},
        {"body": b"Body=x"},
        {"body": b"To=%2B61491570156&Body=x&Colour=red"},
        {"body": b"To=%2B61491570156&MessagingServiceSid=MG1"},
        {"path": "/Messages.json", "account": "AC1"},
        {"authorization": ""},
    ],
    ids=["path", "no recipient", "unknown field", "bad sid", "bad account", "no credentials"],
)
async def test_a_broken_request_is_not_as_published(
    wire: Wire, client: TwilioClient, judge: Published, change: dict[str, Any]
) -> None:
    await client.send_sms(sms())
    request, _ = wire.recorder.exchanges[0]
    judge.check_request(request)
    url = request.url.replace("/Messages.json", change.get("path", "/Messages.json"))
    headers = {**request.headers, "Authorization": change.get("authorization", request.headers["Authorization"])}
    broken = type(request)(
        request.method,
        url.replace(ACCOUNT, change.get("account", ACCOUNT)),
        {name: value for name, value in headers.items() if value},
        change.get("body", request.body),
    )
    with pytest.raises(ContractError):
        judge.check_request(broken)


async def test_our_client_reads_the_published_answers(wire: Wire) -> None:
    document = read_spec("twilio/api_v2010.json")
    path = document["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]
    created = path["post"]["responses"]["201"]["content"]["application/json"]["examples"]
    for name, example in created.items():
        script = Script(answer(201, example["value"]))
        sent = await TwilioClient(wire.connection(BASE, "t", script), ACCOUNT).send_sms(sms())
        assert sent.units == 1, name
        assert sent.status is not SmsStatus.OTHER
    page = path["get"]["responses"]["200"]["content"]["application/json"]["examples"]["readFullPage1"]["value"]
    last = {**page, "next_page_uri": None}
    pages = Script(answer(200, {**page, "next_page_uri": page["next_page_uri"].replace("AC" + "a" * 32, ACCOUNT)}),
                   answer(200, last))  # fmt: skip
    found = await TwilioClient(wire.connection(BASE, "t", pages), ACCOUNT).find_messages()
    codes = [each["error_code"] and str(each["error_code"]) for each in page["messages"]]
    assert [each.error_code for each in found] == codes * 2
    assert [each.is_inbound for each in found] == [False, True, False, True]
