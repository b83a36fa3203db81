"""The Do Not Call Register's Real Time Access (ACMA, donotcall.gov.au, "SOAP"): washes numbers while one waits.

Facts: the published WSDL and ACMA's SOAP fact sheet. System codes mean another thing in each operation. Where the code
stands in an answer is not published, so it is read wherever it stands (see ``dncr_soap``). After a time-out, a fault or
an unreadable answer a wash may have been charged: it is looked up by its reference and never handed in again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from agency_os.exceptions import (
    InvalidInputError,
    ProviderError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
)
from agency_os.integrations.dncr_soap import HEADERS, MarkedNumber, Reply, envelope, read_fault, read_reply
from agency_os.integrations.dncr_wash import (
    RESULTS,
    WashReport,
    WashResult,
    WashState,
    checked_numbers,
    checked_reference,
    e164_of,
    settled,
)
from agency_os.integrations.provider_api import Connection, Dialect, Problem, ProviderApi
from agency_os.kit.http import HttpResponse, Timeouts

NAME = "dncr"
ADVISED_NUMBERS = 200
MOST_NUMBERS = 500
"""Numbers in one call (ACMA's SOAP fact sheet)."""

BAD_REQUEST = "bad_request"
NO_ACCOUNT = "no_account"
NO_SUBSCRIPTION = "no_subscription"
NO_CREDITS = "no_credits"
"""``provider_code`` of the errors that stand for the register's system codes."""

_BALANCE, _WASH, _RESULT = "GetAccountBalance", "WashNumbers", "GetWashResult"
_NAMES: Final = {_BALANCE: "get_account_balance", _WASH: "wash_numbers", _RESULT: "get_wash_result"}

_Meaning = tuple[type[ProviderError], str, str]
_MISSING: Final[_Meaning] = (
    ProviderRefusedError,
    BAD_REQUEST,
    "id, password or numbers are missing, or the id is none",
)
# The operator mends these four, and they say nothing of the numbers: what waits for the wash may wait on.
_NO_ACCOUNT: Final[_Meaning] = (ProviderLimitError, NO_ACCOUNT, "the account does not exist, or is suspended")
_CODES: Final[dict[tuple[str, int], _Meaning]] = {
    (_BALANCE, 1): _MISSING,
    (_BALANCE, 3): _NO_ACCOUNT,
    (_WASH, 1): _MISSING,
    (_WASH, 3): _NO_ACCOUNT,
    (_WASH, 4): (ProviderLimitError, NO_SUBSCRIPTION, "there is no subscription, or it has expired"),
    (_WASH, 5): (ProviderLimitError, NO_CREDITS, "the account has not enough credits for this wash"),
    (_RESULT, 3): _NO_ACCOUNT,
}
_STATES: Final = {2: WashState.UNKNOWN, 4: WashState.RUNNING}
"""GetWashResult's codes that are no failure: the reference does not exist (yet), the wash is not finished."""

_LONG_NUMBER: Final = re.compile(r"\d[\d ()-]{5,}\d")


def _read_problem(response: HttpResponse) -> Problem:
    fault = read_fault(response.body)
    if fault is None:
        return Problem(None, "an answer that is no SOAP fault")
    return Problem(fault.code or None, _LONG_NUMBER.sub("[number]", fault.words))


_DIALECT = Dialect(
    NAME,
    _read_problem,
    # Published are 200 and 500 alone; these three speak of address and access, not of the numbers.
    kinds={401: ProviderLimitError, 403: ProviderLimitError, 404: ProviderLimitError},
)


@dataclass(frozen=True, slots=True)
class DncrBalance:
    """The washes that the account has left. Asking costs nothing."""

    credits: int
    units: Decimal = Decimal(0)


class DncrClient:
    """Washes numbers by SOAP: a ``WashPort``. The connection's ``api_key`` is the account's passphrase.

    ``numbers_per_wash``: 200 as ACMA advises, 500 at most.
    """

    name = NAME

    def __init__(
        self,
        connection: Connection,
        telemarketer_id: str,
        *,
        wash_only_user_id: str = "",
        numbers_per_wash: int = ADVISED_NUMBERS,
    ) -> None:
        if not 1 <= numbers_per_wash <= MOST_NUMBERS:
            raise InvalidInputError(f"numbers_per_wash is 1 to {MOST_NUMBERS}", field="numbers_per_wash")
        self.numbers_per_wash = numbers_per_wash
        self._credentials = {
            "TelemarketerId": telemarketer_id,
            "WashOnlyUserId": wash_only_user_id,
            "TelemarketerPassword": connection.api_key,
        }
        self._api = ProviderApi(connection, _DIALECT, {}, timeouts=Timeouts(read=60.0, total=75.0))

    async def account_balance(self) -> DncrBalance:
        """The credits left. Raises ProviderError."""
        response, reply = await self._ask(_BALANCE, envelope(_BALANCE, self._credentials))
        if reply.balance is None:
            raise self._api.unreadable(_NAMES[_BALANCE], response, "no one balance")
        return DncrBalance(reply.balance)

    async def wash(self, reference: str, numbers: Sequence[str]) -> WashReport:
        """See ``WashPort.wash``; the report is always DONE."""
        forms = checked_numbers(numbers, self.numbers_per_wash)
        units = Decimal(len(forms))
        parameters = {**self._credentials, "ClientReferenceId": checked_reference(reference)}
        response, reply = await self._ask(_WASH, envelope(_WASH, parameters, list(forms.values())), units)
        results, unclear = settled(_answers(reply.numbers), forms)
        if not results:
            raise self._api.unreadable(_NAMES[_WASH], response, "no result for any number", units)
        return WashReport(reference, WashState.DONE, units, results, unclear)

    async def result_of(self, reference: str) -> WashReport:
        """See ``WashPort.result_of``."""
        parameters = {**self._credentials, "ClientReferenceId": checked_reference(reference)}
        response, reply = await self._ask(_RESULT, envelope(_RESULT, parameters))
        if (state := _STATES.get(reply.code or 0)) is not None:
            return WashReport(reference, state)
        results, unclear = settled(_answers(reply.numbers))
        if not results:
            raise self._api.unreadable(_NAMES[_RESULT], response, "no result for any number")
        return WashReport(reference, WashState.DONE, Decimal(len(reply.numbers)), results, unclear)

    async def _ask(self, operation: str, body: bytes, units: Decimal = Decimal(0)) -> tuple[HttpResponse, Reply]:
        """The answer whose system code is success, or none, or stands for a state of the wash.

        A look-up is an action here as well: it must not be repeated within seconds (see LOOK_UP_WAITS).
        """
        name = _NAMES[operation]
        response = await self._api.act(name, "", body, headers=HEADERS)
        try:
            reply = read_reply(response.body, operation)
        except ValueError as error:
            raise self._api.unreadable(name, response, str(error), units) from None
        if reply.fault is not None:
            raise _error(ProviderUnknownError, name, response, "fault", "a fault with a status of success")
        code = reply.code or 0
        if code and not (operation == _RESULT and code in _STATES):
            kind, word, meaning = _CODES.get(
                (operation, code), (ProviderUnknownError, f"system_code_{code}", "a system code that is not published")
            )
            raise _error(kind, name, response, word, f"{code}: {meaning}")
        return response, reply


def _answers(numbers: Sequence[MarkedNumber]) -> list[tuple[str, WashResult | None]]:
    """Each number that can be read, with its result; None where letter or error code make it none."""
    found = [(e164_of(each.text), each) for each in numbers]
    return [(number, _result(each)) for number, each in found if number is not None]


def _result(marked: MarkedNumber) -> WashResult | None:
    result = RESULTS.get(marked.result or "")
    # Third parties read 0 as fine; no other value is published, so none makes a number callable.
    is_fine = marked.error_code in (None, "0") or result is WashResult.REGISTERED
    return result if is_fine else None


def _error(kind: type[ProviderError], operation: str, response: HttpResponse, code: str, words: str) -> ProviderError:
    return kind(
        f"{NAME} answered {operation} with {words}",
        provider=NAME,
        operation=operation,
        http_status=response.status,
        provider_code=code,
        request_id=response.headers.get(_DIALECT.request_id),
    )
