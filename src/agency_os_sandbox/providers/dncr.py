"""The Do Not Call Register's washing service: SOAP at one address, credits per number, results kept by reference.

Follows ACMA's WSDL and SOAP fact sheet. A number's letter is a hash of seed and number. The reference only finds a
wash again: numbers handed in twice under one reference are charged twice, as ACMA warns. What is not published (more
than 500 numbers, a reference that is missing, too many requests) is answered by the one fault that the WSDL knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Final

from agency_os_sandbox.faults import FaultKind
from agency_os_sandbox.gateway import Answer, Call, Operation
from agency_os_sandbox.limits import Window
from agency_os_sandbox.oracle import OracleRow
from agency_os_sandbox.providers.dncr_soap import (
    Asked,
    MalformedError,
    fault,
    marked,
    read_request,
    reply,
    wsdl,
)
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.chance import unit

TELEMARKETER_ID, PASSWORD, WASH_ONLY_USER = "10000", "dncr-sandbox", "20000"
PATH: Final = "/dncrtelem/rtw/washing.cfc"
MOST_NUMBERS: Final = 500
REGISTERED_SHARE: Final = 0.2
"""Of the numbers; chosen, so that a list of leads shows both."""

_CREDITS, _SUBSCRIBED, _WASHES = "dncr_credits", "dncr_subscribed", "dncr_wash"
_TYPE_D: Final = 1_000_000
_XML: Final = "text/xml"
_NUMBER: Final = re.compile(r"\+?61\d{9}|[01]\d{9}|\d{3,7}", re.ASCII)
_SEPARATORS: Final = str.maketrans("", "", "()- ")


@dataclass(frozen=True, slots=True)
class _Service:
    name: str
    handle: Callable[[Asked], Answer]


class Dncr:
    """The protocol, for one account with one wash-only user."""

    name = "dncr"

    def __init__(self, store: Store, seed: int) -> None:
        self._store = store
        self._seed = seed
        self._services = {
            "GetAccountBalance": _Service("get_account_balance", self._balance),
            "WashNumbers": _Service("wash_numbers", self._wash),
            "GetWashResult": _Service("get_wash_result", self._result),
        }

    def operations(self) -> tuple[Operation, ...]:
        """One address: GET for the description, POST for the three operations, told apart by the body."""
        return (
            Operation("wsdl", "GET", PATH, self._describe_service),
            Operation("washing", "POST", PATH, self._handle, choose=self._choose),
        )

    def refusal(self, kind: FaultKind, retry_after: int) -> Answer:  # noqa: ARG002 - it tells no time to wait
        """What is no operation of the service can only be a fault."""
        return _fault("The service is busy." if kind is FaultKind.LIMITED else "An unexpected error occurred.")

    def concurrent(self) -> Answer | None:
        """The register holds no request back for another."""
        return None

    def limit_headers(self, window: Window) -> Mapping[str, str]:  # noqa: ARG002 - see below
        """It publishes none."""
        return {}

    def set_account(self, *, credits: int = _TYPE_D, subscribed: bool = True) -> None:
        """Let the account have so many credits, and a subscription or none."""
        self._store.set_json(_CREDITS, credits)
        self._store.set_json(_SUBSCRIBED, subscribed)

    def letter(self, number: str) -> str:
        """Y, N or I for a number as it was handed in."""
        digits = number.translate(_SEPARATORS)
        if _NUMBER.fullmatch(digits) is None:
            return "I"
        digits = digits.removeprefix("+")
        national = digits[2:] if len(digits) == 11 else digits.removeprefix("0")
        return "Y" if unit(self._seed, "do not call", national) < REGISTERED_SHARE else "N"

    def _choose(self, call: Call) -> Operation | None:
        try:
            asked = read_request(call.body)
        except MalformedError:
            return None
        service = self._services[asked.operation]
        row = OracleRow(key=asked.text("ClientReferenceId") or None)
        return Operation(
            service.name, call.method, PATH, self._handle, lambda _: (row,), refuse=partial(self._refuse, asked)
        )

    def _refuse(self, asked: Asked, kind: FaultKind, retry_after: int) -> Answer:
        if kind is FaultKind.REFUSED:
            return Answer(200, reply(asked.operation, 3), media=_XML)
        if kind is FaultKind.PENDING and asked.operation == "GetWashResult":
            return Answer(200, reply(asked.operation, 4), media=_XML)
        return self.refusal(kind, retry_after)

    def _describe_service(self, call: Call) -> Answer:
        if "wsdl" not in {name.lower() for name in call.query}:
            return Answer(404, "Not found", media="text/plain")
        return Answer(200, wsdl(f"{call.base_url}{call.path}"), media=_XML)

    def _handle(self, call: Call) -> Answer:
        if not call.headers.get("content-type", "").startswith(_XML):
            return _fault("The request's content type is not text/xml.", "soapenv:Client")
        if "soapaction" not in call.headers:
            return _fault("no SOAPAction header!", "soapenv:Client.NoSOAPAction")
        try:
            asked = read_request(call.body)
        except MalformedError as error:
            return _fault(str(error), "soapenv:Client")
        code = self._account_code(asked)
        if code:
            return Answer(200, reply(asked.operation, code), media=_XML)
        return self._services[asked.operation].handle(asked)

    def _account_code(self, asked: Asked) -> int:
        """0 for a known account, 1 for missing credentials (which GetWashResult does not know), 3 for a wrong one."""
        given_id, password = asked.text("TelemarketerId"), asked.text("TelemarketerPassword")
        if asked.operation != "GetWashResult" and not (given_id.isascii() and given_id.isdigit() and password):
            return 1
        is_known = (given_id, password) == (TELEMARKETER_ID, PASSWORD)
        return 0 if is_known and asked.text("WashOnlyUserId") in ("", WASH_ONLY_USER) else 3

    def _balance(self, asked: Asked) -> Answer:
        inner = f"<AccountBalance>{self._credits()}</AccountBalance>"
        return Answer(200, reply(asked.operation, 0, inner), media=_XML)

    def _wash(self, asked: Asked) -> Answer:
        reference, numbers = asked.text("ClientReferenceId"), asked.numbers
        if not numbers:
            return Answer(200, reply(asked.operation, 1), media=_XML)
        if not reference or len(numbers) > MOST_NUMBERS:
            return _fault("The wash has no reference." if not reference else "The wash holds too many numbers.")
        if not self._store.get_json(_SUBSCRIBED, True):
            return Answer(200, reply(asked.operation, 4), media=_XML)
        if len(numbers) > self._credits():
            return Answer(200, reply(asked.operation, 5), media=_XML)
        washed = [(number, self.letter(number)) for number in numbers]
        self._store.set_json(_CREDITS, self._credits() - len(numbers))
        self._store.set_json(f"{_WASHES}:{reference}", washed)
        rows = tuple(OracleRow(number, None, Decimal(1), reference, accepted=True) for number in numbers)
        return Answer(200, reply(asked.operation, 0, marked(washed)), rows=rows, media=_XML)

    def _result(self, asked: Asked) -> Answer:
        washed = self._store.get_json(f"{_WASHES}:{asked.text('ClientReferenceId')}", None)
        if washed is None:
            return Answer(200, reply(asked.operation, 2), media=_XML)
        numbers = [(str(number), str(letter)) for number, letter in washed]
        return Answer(200, reply(asked.operation, 0, marked(numbers)), media=_XML)

    def _credits(self) -> int:
        return int(self._store.get_json(_CREDITS, _TYPE_D))


def _fault(words: str, code: str = "soapenv:Server.userException") -> Answer:
    return Answer(500, fault(words, code), media=_XML)
