"""The washing service's client over a scripted transport: whatever is not clearly "not registered" permits no call."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.exceptions import (
    InvalidInputError,
    Outcome,
    ProviderAnswerError,
    ProviderError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
)
from agency_os.integrations.dncr import DncrClient
from agency_os.integrations.dncr_soap import envelope, read_reply
from agency_os.integrations.dncr_wash import WashReport, WashResult, WashState, e164_of, register_form
from agency_os.integrations.provider_api import Connection
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import HttpResponse, NoAnswerError, NotSentError
from agency_os.kit.retry import RateLimit
from tests.support.wire import Script, answer

KEY = "passphrase-0123456789"
A, B, C = "+61255500001", "+61255500002", "+61491570156"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"


def enveloped(content: str) -> HttpResponse:
    body = f'<e:Envelope xmlns:e="{SOAP}"><e:Body>{content}</e:Body></e:Envelope>'
    return answer(200, body.encode(), content_type="text/xml", x_request_id="r-1")


def replied(inner: str, operation: str = "WashNumbers", attributes: str = "") -> HttpResponse:
    document = f"<{operation}Return {attributes}>{inner}</{operation}Return>"
    return enveloped(f'<n:{operation}Response xmlns:n="http://rtw.dncrtelem">{document}</n:{operation}Response>')


def marks(*numbers: str) -> str:
    return f"<NumbersSubmitted>{''.join(numbers)}</NumbersSubmitted>"


def mark(text: str, result: str, error: str | None = "0") -> str:
    code = "" if error is None else f' ErrorCode="{error}"'
    return f'<Number Result="{result}"{code}>{text}</Number>'


def fault(words: str, code: str = "soapenv:Server") -> bytes:
    inner = f"<e:Fault><faultcode>{code}</faultcode><faultstring>{words}</faultstring></e:Fault>"
    return f'<e:Envelope xmlns:e="{SOAP}"><e:Body>{inner}</e:Body></e:Envelope>'.encode()


class Both:
    """A client and what answers it."""

    def __init__(self, *answers: HttpResponse | Exception) -> None:
        wall = FakeWallClock()
        self.script = Script(*answers)
        self.client = DncrClient(
            Connection(self.script, "https://r.example/washing.cfc", KEY, RateLimit(1000, wall), wall, Random(1)),  # noqa: S311
            "10000",
        )

    async def wash(self, *numbers: str) -> WashReport:
        return await self.client.wash("wash-1", numbers or (A,))

    async def refused(self) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            await self.wash()
        return caught.value

    async def not_found(self) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            await self.client.result_of("wash-1")
        return caught.value


async def test_y_means_do_not_call_and_only_n_permits() -> None:
    inner = marks(mark("0255500001", "N"), mark("0255500002", "Y"), mark("0491570156", "I"))
    report = await Both(replied(inner)).wash(A, B, C)
    assert report.results == {A: WashResult.NOT_REGISTERED, B: WashResult.REGISTERED, C: WashResult.INVALID}
    assert [report.permits_call(each) for each in (A, B, C, "+61255500009")] == [True, False, False, False]
    assert report.units == Decimal(3)
    assert "555" not in repr(report)


@pytest.mark.parametrize(
    "number",
    [
        mark("0255500001", "N", "7"),
        mark("0255500001", "n"),
        mark("0255500001", ""),
        mark("0255500001", "YN"),
        mark("02,55500001", "N"),
        mark("0255500009", "N"),
        "<Number>0255500001</Number>",
        mark("0255500001", "N") + mark("0255500001", "I"),
        mark("0255500001", "N") + mark("(02) 5550-0001", "N", "3"),
    ],
)
async def test_a_number_without_a_clear_mark_is_not_washed(number: str) -> None:
    report = await Both(replied(marks(number, mark("0255500002", "N")))).wash(A, B)
    assert (report.results, report.unclear) == ({B: WashResult.NOT_REGISTERED}, (A,))
    assert not report.permits_call(A)
    assert report.units == Decimal(2)


async def test_a_number_that_is_marked_registered_once_is_registered() -> None:
    inner = marks(mark("0255500001", "N"), mark("61255500001", "Y", "9"))
    assert (await Both(replied(inner)).wash(A)).results == {A: WashResult.REGISTERED}


@pytest.mark.parametrize("text", ["0255500001", " 0255500001 ", "61255500001", "+61255500001", "(02) 5550-0001"])
async def test_a_number_is_known_again_in_each_form_that_the_register_takes(text: str) -> None:
    assert (await Both(replied(marks(mark(text, "N", None)))).wash(A)).permits_call(A)


@pytest.mark.parametrize(
    ("inner", "attributes"),
    [
        ("<SystemCode>5</SystemCode>", ""),
        ("", 'SystemCode="5"'),
        ("", 'errorcode="5"'),
        ('<Status ErrorCode="5"/>', ""),
        ("<a><b><errorCode>5</errorCode></b></a>" + marks(mark("0255500001", "N")), ""),
        ("<SystemCode>0</SystemCode><ErrorCode>5</ErrorCode>" + marks(mark("0255500001", "N")), ""),
        (marks(mark("0255500001", "N")), 'ErrorCode=" 05 "'),
    ],
)
async def test_a_system_code_counts_wherever_it_stands(inner: str, attributes: str) -> None:
    error = await Both(replied(inner, attributes=attributes)).refused()
    assert (type(error), error.provider_code, error.request_id) == (ProviderLimitError, "no_credits", "r-1")


@pytest.mark.parametrize(
    ("code", "kind", "word", "outcome"),
    [
        (1, ProviderRefusedError, "bad_request", Outcome.NOT_ACCEPTED),
        (3, ProviderLimitError, "no_account", Outcome.NOT_ACCEPTED),
        (4, ProviderLimitError, "no_subscription", Outcome.NOT_ACCEPTED),
        (5, ProviderLimitError, "no_credits", Outcome.NOT_ACCEPTED),
        (2, ProviderUnknownError, "system_code_2", Outcome.UNKNOWN),
        (-1, ProviderUnknownError, "system_code_-1", Outcome.UNKNOWN),
        (99, ProviderUnknownError, "system_code_99", Outcome.UNKNOWN),
    ],
)
async def test_a_washs_codes_mean_what_they_mean_there(
    code: int, kind: type[ProviderError], word: str, outcome: Outcome
) -> None:
    inner = f"<SystemCode>{code}</SystemCode>{marks(mark('0255500001', 'N'))}"
    error = await Both(replied(inner)).refused()
    assert (type(error), error.provider_code, error.outcome) == (kind, word, outcome)


@pytest.mark.parametrize(("code", "state"), [(2, WashState.UNKNOWN), (4, WashState.RUNNING)])
async def test_a_look_ups_codes_mean_what_they_mean_there(code: int, state: WashState) -> None:
    both = Both(replied(f"<SystemCode>{code}</SystemCode>", "GetWashResult"))
    assert await both.client.result_of("wash-1") == WashReport("wash-1", state)


@pytest.mark.parametrize(
    ("code", "kind"), [(1, ProviderUnknownError), (3, ProviderLimitError), (5, ProviderUnknownError)]
)
async def test_a_look_up_that_fails_says_nothing_of_the_wash(code: int, kind: type[ProviderError]) -> None:
    error = await Both(replied(f"<SystemCode>{code}</SystemCode>", "GetWashResult")).not_found()
    assert (type(error), error.operation) == (kind, "get_wash_result")


async def test_a_look_up_counts_every_number_that_was_charged() -> None:
    inner = marks(mark("0255500001", "N"), mark("5", "I"), mark("0255500002", "?"))
    report = await Both(replied(inner, "GetWashResult")).client.result_of("wash-1")
    assert (report.results, report.unclear, report.units) == ({A: WashResult.NOT_REGISTERED}, (B,), Decimal(3))


@pytest.mark.parametrize(
    "response",
    [
        replied(""),
        replied(marks()),
        replied(marks(mark("0255500009", "N"))),
        replied(marks(mark("0255500001", "N")), "GetWashResult"),
        replied("<SystemCode/>" + marks(mark("0255500001", "N"))),
        replied("<SystemCode>OK</SystemCode>" + marks(mark("0255500001", "N"))),
        replied("<SystemCode>3</SystemCode><ErrorCode>5</ErrorCode>"),
        answer(200, b"<Envelope/>", x_request_id="r-1"),
        answer(200, f'<e:Envelope xmlns:e="{SOAP}"/>'.encode(), x_request_id="r-1"),
        answer(200, b'<?xml version="1.0" encoding="no-such"?><a/>', x_request_id="r-1"),
        answer(200, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', x_request_id="r-1"),
    ],
)
async def test_an_unreadable_answer_to_a_wash_is_accepted_and_charged(response: HttpResponse) -> None:
    error = await Both(response).refused()
    assert (type(error), error.outcome, error.cost_units) == (ProviderAnswerError, Outcome.ACCEPTED, Decimal(1))
    assert error.request_id == "r-1"


@pytest.mark.parametrize("status", [200, 500])
async def test_a_fault_leaves_the_wash_unknown_and_shows_no_secret_or_number(status: int) -> None:
    both = Both(answer(status, fault(f"{KEY} failed for 0255500001 and (02) 5550-0001")))
    error = await both.refused()
    assert (type(error), error.outcome, len(both.script.requests)) == (ProviderUnknownError, Outcome.UNKNOWN, 1)
    assert not any(hidden in str(error) for hidden in (KEY, "0255500001", "5550"))


@pytest.mark.parametrize("failure", [NoAnswerError("time-out"), answer(502, b"<html>"), answer(429, b"")])
async def test_a_wash_is_never_handed_in_again(failure: HttpResponse | Exception) -> None:
    both = Both(failure, replied(marks(mark("0255500001", "N"))))
    await both.refused()
    assert len(both.script.requests) == 1


async def test_a_look_up_is_not_repeated_within_seconds() -> None:
    both = Both(NoAnswerError("time-out"), replied(marks(mark("0255500001", "N")), "GetWashResult"))
    await both.not_found()
    assert len(both.script.requests) == 1


async def test_what_never_left_may_leave_again() -> None:
    both = Both(NotSentError("refused"), replied(marks(mark("0255500001", "N"))))
    assert (await both.wash()).permits_call(A)
    assert len(both.script.requests) == 2


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_closed_door_can_heal_and_says_nothing_of_the_numbers(status: int) -> None:
    assert type(await Both(answer(status, b"<html>")).refused()) is ProviderLimitError


@pytest.mark.parametrize(
    ("inner", "attributes", "credits"),
    [
        ("<SystemCode>0</SystemCode><AccountBalance>120</AccountBalance>", "", 120),
        ('<Account Balance="7"/>', "", 7),
        ("<RemainingCredits>0</RemainingCredits>", "", 0),
        ("42", "", 42),
    ],
)
async def test_a_balance_is_found_wherever_it_stands(inner: str, attributes: str, credits: int) -> None:
    balance = await Both(replied(inner, "GetAccountBalance", attributes)).client.account_balance()
    assert (balance.credits, balance.units) == (credits, Decimal(0))


@pytest.mark.parametrize("inner", ["", "<Balance>many</Balance>", "<Balance>1</Balance><Credits>2</Credits>"])
async def test_a_balance_that_can_be_read_in_two_ways_or_none_is_none(inner: str) -> None:
    with pytest.raises(ProviderAnswerError):
        await Both(replied(inner, "GetAccountBalance")).client.account_balance()


@pytest.mark.parametrize(
    "number",
    [
        "0255500001",
        "61255500001",
        "+61 255500001",
        "+61255500001,",
        "+6125550000",
        "+12125550100",
        "+61",
        "",
        "+61٢55500001",
    ],
)
async def test_a_number_in_another_form_is_refused_before_it_is_charged(number: str) -> None:
    both = Both(replied(""))
    with pytest.raises(InvalidInputError) as caught:
        await both.wash(A, number)
    assert both.script.requests == []
    assert "555" not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "form"),
    [(A, "0255500001"), (C, "0491570156"), ("+611300975707", "1300975707"), ("+61131234", "131234")],
)
def test_a_number_has_one_form_at_the_register_and_comes_back_from_it(number: str, form: str) -> None:
    assert register_form(number) == form
    assert e164_of(form) == number


async def test_a_number_named_twice_is_washed_once() -> None:
    both = Both(replied(marks(mark("0255500001", "N"))))
    assert (await both.wash(A, A)).units == Decimal(1)
    assert both.script.requests[0].body.count(b"<Number ") == 1


@pytest.mark.parametrize("reference", ["", "a b", "a/b", "é", "x" * 65, "a\n"])
async def test_a_reference_of_another_form_is_refused(reference: str) -> None:
    both = Both(replied(""))
    with pytest.raises(InvalidInputError):
        await both.client.wash(reference, [A])
    with pytest.raises(InvalidInputError):
        await both.client.result_of(reference)
    assert both.script.requests == []


async def test_200_numbers_go_in_one_call_and_500_at_most() -> None:
    numbers = [f"+612555{n:05}" for n in range(201)]
    both = Both(replied(marks(mark("0255500001", "N"))))
    assert (await both.wash(*numbers[:200])).units == Decimal(200)
    for wrong in (numbers, []):
        with pytest.raises(InvalidInputError):
            await both.client.wash("w", wrong)
    for wrong_size in (0, 501):
        with pytest.raises(InvalidInputError):
            DncrClient(both.client._api._connection, "10000", numbers_per_wash=wrong_size)


def test_characters_that_xml_cannot_carry_are_refused_and_not_shown() -> None:
    with pytest.raises(InvalidInputError) as caught:
        envelope("GetAccountBalance", {"TelemarketerPassword": "secret\x00"})
    assert "secret" not in str(caught.value)


@given(st.binary(max_size=80) | st.text(max_size=60).map(lambda text: replied(text).body))
def test_whatever_comes_back_is_a_reply_or_a_value_error(body: bytes) -> None:
    try:
        reply = read_reply(body, "WashNumbers")
    except ValueError:
        return
    assert reply.numbers == () or reply.fault is None
