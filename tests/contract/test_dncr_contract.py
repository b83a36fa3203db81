"""The Do Not Call Register as far as it is public: what our client sends, what the sandbox answers, by our description.

There is no published schema of the answers, so the description is ours (descriptions/dncr.json, with the source of each
fact) and the judge is written for it; the collected samples must agree with both.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from xml.etree.ElementTree import Element

import pytest
from defusedxml import ElementTree

from agency_os.exceptions import Outcome, ProviderError, ProviderLimitError, ProviderRefusedError, ProviderUnknownError
from agency_os.integrations.dncr import DncrClient
from agency_os.integrations.dncr_wash import RESULTS, WashResult, WashState, register_form
from agency_os_sandbox.providers.dncr import PASSWORD, TELEMARKETER_ID, Dncr
from tests.contract.conftest import HOST, Wire
from tests.factories.sandbox import SEED
from tests.support.published import ContractError
from tests.support.soap import SoapJudge

ADDRESS = f"{HOST}/dncr/dncrtelem/rtw/washing.cfc"
NUMBERS = [f"+612555{n:05}" for n in range(40)] + ["+61491570156", "+611300975707"]
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"


@pytest.fixture
def judge() -> SoapJudge:
    return SoapJudge.of("dncr")


@pytest.fixture
def client(wire: Wire) -> DncrClient:
    return DncrClient(wire.connection(ADDRESS, PASSWORD), TELEMARKETER_ID)


@pytest.fixture
def register(wire: Wire) -> Dncr:
    return Dncr(wire.sandbox.store, SEED)


def checked(wire: Wire, judge: SoapJudge) -> list[tuple[str, int | None]]:
    """Operation and system code (None for a fault) of all that went over the wire; all of it is as described."""
    return [
        (judge.check_request(request), judge.check_answer(request, response))
        for request, response in wire.recorder.exchanges
    ]


def charged(wire: Wire) -> list[tuple[str, str, Decimal]]:
    """Number, reference and units of what the register accepted."""
    rows = wire.sandbox.store.all("SELECT * FROM oracle WHERE provider = 'dncr' AND accepted ORDER BY seq")
    return [(row["recipient"], row["key"], Decimal(row["units"])) for row in rows]


async def fail_next(wire: Wire, operation: str, kind: str) -> None:
    rule = {"provider": "dncr", "operation": operation, "kind": kind, "nth": 1, "seconds": 0.05}
    assert (await wire.raw("PUT", f"{HOST}/control/faults", [rule])).status == 200


async def failure(call: Callable[[], Awaitable[object]]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await call()
    return caught.value


async def test_a_wash_is_as_described_and_tells_both_kinds_apart(
    wire: Wire, client: DncrClient, judge: SoapJudge, register: Dncr
) -> None:
    report = await client.wash("wash-1", NUMBERS)
    assert checked(wire, judge) == [("WashNumbers", 0)]
    assert (report.state, report.units, report.unclear) == (WashState.DONE, Decimal(42), ())
    assert report.results == {number: RESULTS[register.letter(register_form(number))] for number in NUMBERS}
    assert set(report.results.values()) == {WashResult.REGISTERED, WashResult.NOT_REGISTERED}
    assert charged(wire) == [(register_form(number), "wash-1", Decimal(1)) for number in NUMBERS]


async def test_a_wash_is_found_again_by_its_reference_and_costs_nothing_more(
    wire: Wire, client: DncrClient, judge: SoapJudge
) -> None:
    washed = await client.wash("wash-1", NUMBERS)
    assert await client.result_of("wash-1") == washed
    assert (await client.account_balance()).credits == 1_000_000 - 42
    assert checked(wire, judge) == [("WashNumbers", 0), ("GetWashResult", 0), ("GetAccountBalance", 0)]
    assert len(charged(wire)) == 42


@pytest.mark.parametrize("kind", ["accepted_then_timeout", "accepted_then_500"])
async def test_after_an_unknown_outcome_the_wash_is_looked_up_and_charged_once(
    wire: Wire, client: DncrClient, kind: str
) -> None:
    await fail_next(wire, "wash_numbers", kind)
    error = await failure(lambda: client.wash("wash-1", NUMBERS[:3]))
    assert (type(error), error.outcome) == (ProviderUnknownError, Outcome.UNKNOWN)
    found = await client.result_of("wash-1")
    assert (found.state, found.units, set(found.results)) == (WashState.DONE, Decimal(3), set(NUMBERS[:3]))
    assert len(charged(wire)) == 3


async def test_numbers_handed_in_twice_are_charged_twice_as_acma_warns(wire: Wire, client: DncrClient) -> None:
    for _ in range(2):
        await client.wash("wash-1", NUMBERS[:2])
    assert len(charged(wire)) == 4


async def test_a_wash_that_runs_and_one_that_nobody_knows_are_told_apart(
    wire: Wire, client: DncrClient, judge: SoapJudge
) -> None:
    await client.wash("wash-1", NUMBERS[:1])
    await fail_next(wire, "get_wash_result", "pending")
    running, unknown = await client.result_of("wash-1"), await client.result_of("wash-2")
    assert [each.state for each in (running, unknown)] == [WashState.RUNNING, WashState.UNKNOWN]
    assert not running.permits_call(NUMBERS[0])
    assert checked(wire, judge) == [("WashNumbers", 0), ("GetWashResult", 4), ("GetWashResult", 2)]


@pytest.mark.parametrize(
    ("credits", "subscribed", "code", "word"), [(1, True, 5, "no_credits"), (9, False, 4, "no_subscription")]
)
async def test_an_account_that_may_not_wash_is_told_by_its_code(
    wire: Wire, client: DncrClient, judge: SoapJudge, register: Dncr,
    credits: int, subscribed: bool, code: int, word: str,
) -> None:  # fmt: skip
    register.set_account(credits=credits, subscribed=subscribed)
    error = await failure(lambda: client.wash("wash-1", NUMBERS[:2]))
    assert (type(error), error.outcome, error.provider_code) == (ProviderLimitError, Outcome.NOT_ACCEPTED, word)
    assert checked(wire, judge) == [("WashNumbers", code)]
    assert charged(wire) == []


@pytest.mark.parametrize(
    ("account", "password", "user"),
    [("10001", PASSWORD, ""), (TELEMARKETER_ID, "wrong", ""), (TELEMARKETER_ID, PASSWORD, "nobody")],
)
async def test_a_wrong_account_is_refused_in_every_operation(
    wire: Wire, judge: SoapJudge, account: str, password: str, user: str
) -> None:
    client = DncrClient(wire.connection(ADDRESS, password), account, wash_only_user_id=user)
    calls: list[Callable[[], Awaitable[object]]] = [
        client.account_balance, lambda: client.wash("w", NUMBERS[:1]), lambda: client.result_of("w"),
    ]  # fmt: skip
    errors = [await failure(call) for call in calls]
    assert {(type(each), each.provider_code) for each in errors} == {(ProviderLimitError, "no_account")}
    assert [code for _, code in checked(wire, judge)] == [3, 3, 3]


async def test_a_wash_only_user_washes(wire: Wire, judge: SoapJudge) -> None:
    client = DncrClient(wire.connection(ADDRESS, PASSWORD), TELEMARKETER_ID, wash_only_user_id="20000")
    assert (await client.wash("w", NUMBERS[:1])).state is WashState.DONE
    assert checked(wire, judge) == [("WashNumbers", 0)]


@pytest.mark.parametrize("kind", ["429", "500"])
async def test_faults_are_as_described_leave_a_wash_unknown_and_are_not_asked_again(
    wire: Wire, client: DncrClient, judge: SoapJudge, kind: str
) -> None:
    await wire.fault("dncr", kind)
    error = await failure(lambda: client.wash("w", NUMBERS[:1]))
    assert (type(error), error.http_status) == (ProviderUnknownError, 500)
    assert error.provider_code == "soapenv:Server.userException"
    assert checked(wire, judge) == [("WashNumbers", None)]


async def test_a_refusal_on_demand_is_as_described(wire: Wire, client: DncrClient, judge: SoapJudge) -> None:
    await wire.fault("dncr", "refused")
    assert (await failure(lambda: client.wash("w", NUMBERS[:1]))).outcome is Outcome.NOT_ACCEPTED
    assert checked(wire, judge) == [("WashNumbers", 3)]


async def test_a_missing_passphrase_is_a_request_of_the_wrong_form(wire: Wire) -> None:
    client = DncrClient(wire.connection(ADDRESS, ""), TELEMARKETER_ID)
    error = await failure(client.account_balance)
    assert (type(error), error.provider_code) == (ProviderRefusedError, "bad_request")


async def test_a_passphrase_with_marks_of_xml_arrives_whole(wire: Wire, judge: SoapJudge) -> None:
    client = DncrClient(wire.connection(ADDRESS, "<a&b>'\"]]>"), TELEMARKETER_ID)
    assert (await failure(client.account_balance)).provider_code == "no_account"
    request, _ = wire.recorder.exchanges[0]
    root: Element = ElementTree.fromstring(request.body)
    assert [each.text for each in root.iter("TelemarketerPassword")] == ["<a&b>'\"]]>"]
    assert checked(wire, judge) == [("GetAccountBalance", 3)]


@pytest.mark.parametrize(
    ("change", "headers"),
    [
        (lambda body: body[:0], {}),
        (lambda body: b"{" + body[:0] + b"}", {}),
        (lambda body: body.replace(b"WashNumbers", b"CheckNumbers"), {}),
        (lambda body: body.replace(b"ClientReferenceId", b"Reference"), {}),
        (lambda body: body.replace(b">w<", b"><"), {}),
        (lambda body: b'<!DOCTYPE a [<!ENTITY b "c">]>' + body.partition(b"\n")[2], {}),
        (lambda body: body, {"content_type": "application/json"}),
        (lambda body: body, {"soapaction": None}),
    ],
)
async def test_what_is_no_request_of_the_service_is_answered_by_a_fault(
    wire: Wire, client: DncrClient, judge: SoapJudge, change: Callable[[bytes], bytes], headers: dict[str, str | None]
) -> None:
    await client.wash("w", NUMBERS[:1])
    good, _ = wire.recorder.exchanges[0]
    given = {"content_type": "text/xml; charset=utf-8", "soapaction": '""', **headers}
    named = {name: value for name, value in given.items() if value is not None}
    response = await wire.raw("POST", ADDRESS, change(good.body), **named)
    assert judge.check_answer(good, response) is None
    assert len(charged(wire)) == 1


async def test_more_than_500_numbers_are_no_wash(wire: Wire, client: DncrClient, judge: SoapJudge) -> None:
    await client.wash("w", NUMBERS[:1])
    good, _ = wire.recorder.exchanges[0]
    number = b'<Number xsi:type="xsd:string">0255500000</Number>'
    many = good.body.replace(number, number * 501).replace(b"anyType[1]", b"anyType[501]")
    response = await wire.raw("POST", ADDRESS, many, content_type="text/xml", soapaction='""')
    assert judge.check_answer(good, response) is None
    with pytest.raises(ContractError):
        judge.check_envelope(many)


async def test_invalid_numbers_are_marked_and_charged(wire: Wire, client: DncrClient, judge: SoapJudge) -> None:
    await client.wash("w", NUMBERS[:1])
    good, _ = wire.recorder.exchanges[0]
    for number in (b"02,55500000", b"255500000", b"5255500000", b"12"):
        body = good.body.replace(b"0255500000", number)
        response = await wire.raw("POST", ADDRESS, body, content_type="text/xml", soapaction='""')
        assert b'<Number Result="I"' in response.body
    assert len(charged(wire)) == 5


async def test_the_description_that_the_sandbox_serves_is_the_described_one(wire: Wire, judge: SoapJudge) -> None:
    response = await wire.raw("GET", f"{ADDRESS}?wsdl")
    root: Element = ElementTree.fromstring(response.body)
    served = {each.get("name"): str(each.get("parameterOrder")).split() for each in root.iter(f"{WSDL}operation")
              if each.get("parameterOrder")}  # fmt: skip
    described = judge.described["operations"]
    assert served == {name: [each["name"] for each in said["parameters"]] for name, said in described.items()}
    returned = [each.get("name") for each in root.iter(f"{WSDL}part") if str(each.get("name")).endswith("Return")]
    assert sorted(map(str, returned)) == sorted(said["returns"]["element"] for said in described.values())
    assert [each.get("location") for each in root.iter() if each.get("location")] == [ADDRESS]
    assert (await wire.raw("GET", ADDRESS)).status == 404
