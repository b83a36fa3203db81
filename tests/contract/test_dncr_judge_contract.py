"""The judge of the Do Not Call Register: it refuses what is not as described, and agrees with the collected samples."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import pytest
from defusedxml import ElementTree

from agency_os.integrations.dncr import DncrClient
from agency_os.integrations.dncr_wash import RESULTS, WashResult
from agency_os.kit.http import HttpRequest, HttpResponse
from agency_os_sandbox.providers.dncr import PASSWORD, TELEMARKETER_ID
from tests.contract.conftest import Wire
from tests.contract.test_dncr_contract import ADDRESS, NUMBERS, failure
from tests.support.published import ContractError, read_spec
from tests.support.soap import SoapJudge
from tests.support.wire import Script, answer


@pytest.fixture
def judge() -> SoapJudge:
    return SoapJudge.of("dncr")


@pytest.fixture
def client(wire: Wire) -> DncrClient:
    return DncrClient(wire.connection(ADDRESS, PASSWORD), TELEMARKETER_ID)


BREAKS: dict[str, tuple[bytes, bytes]] = {
    "another operation": (b"rtw:WashNumbers", b"rtw:WashAll"),
    "another namespace": (b"http://rtw.dncrtelem", b"http://rtw.example"),
    "SOAP 1.2": (b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope"),
    "not encoded": (b"soapenv:encodingStyle", b"soapenv:style"),
    "a parameter by another name": (b"TelemarketerPassword", b"Password"),
    "an id that is no number": (b">10000<", b">ten<"),
    "no reference": (b">w<", b"><"),
    "another type": (b'<ClientReferenceId xsi:type="xsd:string"', b'<ClientReferenceId xsi:type="xsd:int"'),
    "no type": (b'<ClientReferenceId xsi:type="xsd:string"', b"<ClientReferenceId"),
    "a prefix that is not declared": (b'xsi:type="rtw:ArrayOf', b'xsi:type="impl:ArrayOf'),
    "a wrong length": (b"anyType[2]", b"anyType[3]"),
    "no length": (b"anyType[2]", b"anyType[]"),
    "a comma in a number": (b"0255500000", b"02,55500000"),
    "a number without area code": (b"0255500000", b"255500000"),
    "a number of another name": (b'<Number xsi:type="xsd:string">0255500000</Number>', b"<n>0255500000</n>"),
    "cut short": (b"</soapenv:Envelope>", b""),
    "a second body": (b"</soapenv:Body>", b"</soapenv:Body><soapenv:Body/>"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
async def test_a_broken_request_fails_the_judge(wire: Wire, client: DncrClient, judge: SoapJudge, name: str) -> None:
    await client.wash("w", NUMBERS[:2])
    good, _ = wire.recorder.exchanges[0]
    old, new = BREAKS[name]
    assert old in good.body
    judge.check_request(good)
    with pytest.raises(ContractError):
        judge.check_envelope(good.body.replace(old, new))


async def test_parameters_in_another_order_fail_the_judge(wire: Wire, client: DncrClient, judge: SoapJudge) -> None:
    await client.account_balance()
    good, _ = wire.recorder.exchanges[0]
    user = b'<WashOnlyUserId xsi:type="xsd:string"></WashOnlyUserId>'
    moved = good.body.replace(user, b"").replace(b"</rtw:GetAccountBalance>", user + b"</rtw:GetAccountBalance>")
    assert len(moved) == len(good.body)
    with pytest.raises(ContractError):
        judge.check_envelope(moved)


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {}),
        ("POST", {"Content-Type": "application/json"}),
        ("POST", {"Content-Type": "text/xml"}),
        ("POST", {"SOAPAction": "WashNumbers"}),
    ],
)
async def test_broken_headers_fail_the_judge(
    wire: Wire, client: DncrClient, judge: SoapJudge, method: str, headers: dict[str, str]
) -> None:
    await client.account_balance()
    good, _ = wire.recorder.exchanges[0]
    with pytest.raises(ContractError):
        judge.check_request(HttpRequest(method, good.url, {**good.headers, **headers}, good.body))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"WashNumbersResponse", b"GetWashResultResponse"),
        (b"WashNumbersReturn", b"return"),
        (b"<SystemCode>0<", b"<SystemCode>2<"),
        (b"<SystemCode>0</SystemCode>", b""),
        (b"NumbersSubmitted", b"Numbers"),
        (b'ErrorCode="0"', b'ErrorCode="none"'),
        (b'ErrorCode="0"', b""),
        (b' Result="', b' Result="X'),
        (b">0255500000<", b">0255500009<"),
    ],
)
async def test_a_broken_answer_fails_the_judge(
    wire: Wire, client: DncrClient, judge: SoapJudge, old: bytes, new: bytes
) -> None:
    await client.wash("w", NUMBERS[:2])
    request, response = wire.recorder.exchanges[0]
    assert old in response.body
    with pytest.raises(ContractError):
        judge.check_answer(request, HttpResponse(200, response.headers, response.body.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"faultcode", b"code"), (b"CFCInvocationException", b"Exception"), (b"soapenv:Fault", b"soapenv:Error")],
)
async def test_a_broken_fault_fails_the_judge(
    wire: Wire, client: DncrClient, judge: SoapJudge, old: bytes, new: bytes
) -> None:
    await wire.fault("dncr", "500")
    await failure(client.account_balance)
    request, response = wire.recorder.exchanges[0]
    judge.check_answer(request, response)
    with pytest.raises(ContractError):
        judge.check_answer(request, HttpResponse(500, response.headers, response.body.replace(old, new)))


@pytest.mark.needs("specs")
@pytest.mark.parametrize("operation", ["GetAccountBalance", "WashNumbers", "GetWashResult"])
def test_the_collected_samples_pass_the_judge(judge: SoapJudge, operation: str) -> None:
    sample: str = read_spec("dncr/washing-soap.json")["sample_requests"][operation]
    assert judge.check_envelope(_without_white_space(sample)) == operation


@pytest.mark.needs("specs")
async def test_our_requests_are_the_collected_samples(wire: Wire) -> None:
    samples = read_spec("dncr/washing-soap.json")["sample_requests"]
    client = DncrClient(wire.connection(ADDRESS, "PASSPHRASE"), "00000")
    reference = "wash-20261123-0001"
    await failure(client.account_balance)
    await failure(lambda: client.wash(reference, ["+61255500001", "+61491570156"]))
    await failure(lambda: client.result_of(reference))
    sent = [_tree(request.body) for request, _ in wire.recorder.exchanges]
    names = ("GetAccountBalance", "WashNumbers", "GetWashResult")
    assert sent == [_tree(_without_white_space(samples[name])) for name in names]


@pytest.mark.needs("specs")
def test_the_description_says_what_was_collected(judge: SoapJudge) -> None:
    collected = read_spec("dncr/washing-soap.json")
    assert set(judge.described["operations"]) == set(collected["operations"])
    for name, said in judge.described["operations"].items():
        there = collected["operations"][name]
        assert [each["name"] for each in said["parameters"]] == [each["name"] for each in there["parameters_in_order"]]
        assert {str(code) for code in said["system_codes"]["values"]} == set(there["system_codes"])
        assert said["returns"]["element"] == there["returns"]["part"]
    limits = collected["limits"]
    assert judge.described["numbers"]["most_in_a_call"]["value"] == limits["numbers_per_call_maximum"]
    assert judge.described["numbers"]["advised_in_a_call"]["value"] == limits["numbers_per_call_recommended"]
    assert judge.described["marks"]["result"]["values"] == list(collected["result_values"]) == list(RESULTS)
    assert judge.described["endpoint"]["value"] == collected["endpoint"]


def test_every_fact_of_the_description_names_a_known_source(judge: SoapJudge) -> None:
    named = list(_sources(judge.described))
    assert len(named) > 30
    assert {each for each in named if each not in judge.described["sources"]} == set()


@pytest.mark.needs("specs")
async def test_our_client_reads_the_observed_answer(wire: Wire) -> None:
    observed: str = read_spec("dncr/washing-soap.json")["sample_response_observed_shape"]["WashNumbers"]
    script = Script(answer(200, observed.encode(), content_type="text/xml"))
    client = DncrClient(wire.connection(ADDRESS, PASSWORD, script), TELEMARKETER_ID)
    report = await client.wash("w", ["+61255500001", "+61491570156"])
    assert report.results == {
        "+61255500001": WashResult.NOT_REGISTERED,
        "+61491570156": WashResult.REGISTERED,
    }


def _without_white_space(sample: str) -> bytes:
    """The sample without the lines' indentation, which is nobody's data."""
    return "".join(line.strip() for line in sample.splitlines()).encode()


def _tree(body: bytes) -> object:
    def node(element: Element) -> object:
        return element.tag, sorted(element.attrib.items()), element.text or "", [node(each) for each in element]

    return node(ElementTree.fromstring(body))


def _sources(value: object) -> list[str]:
    if isinstance(value, list):
        return [name for each in value for name in _sources(each)]
    if not isinstance(value, dict):
        return []
    own = [str(value[key]) for key in ("source", "values_source", "position", "inside") if key in value]
    return own + [name for key, each in value.items() if key != "sources" for name in _sources(each)]
