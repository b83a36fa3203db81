"""Vapi (docs.vapi.ai): starts calls by an AI assistant, reads and lists them, and takes over a Twilio number.

Vapi knows no idempotency keys: after a time-out ``list_calls`` says whether a call was started, known by the name that
we gave it, before another is placed. Units are minutes, all-in (decision 29): what they are shows when a call is over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from agency_os.exceptions import InvalidInputError, ProviderError, ProviderLimitError
from agency_os.integrations.json_fields import Fields
from agency_os.integrations.mail_transport import canonical_json
from agency_os.integrations.provider_api import Connection, Dialect, Problem, ProviderApi, json_problem
from agency_os.kit.clock import to_utc
from agency_os.kit.retry import RetryPolicy

NAME = "vapi"
LONGEST_NAME: Final = 40
"""Characters in the name of a call, of a customer and in our own id of one."""
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_PAGE = 1000
_MOST_PAGES = 10
_PRECISION = Decimal("0.0001")


@json_problem
def _read_problem(body: Fields) -> Problem:
    return Problem(body.text("error"), "; ".join(body.texts("message")))


# Vapi publishes no codes; what is not named here follows the general rule of Dialect.kind_of.
_DIALECT = Dialect(
    NAME,
    _read_problem,
    kinds={
        # A wrong key or an empty purse is mended by the operator, and must not use up the calls that wait.
        401: ProviderLimitError,
        402: ProviderLimitError,
    },
    passing=frozenset({429}),  # RFC 6585: the request was not served
)


@dataclass(frozen=True, slots=True)
class CallRequest:
    """One call to one person: a stored assistant by its id or a whole one, and what differs this time.

    ``phone_number_id`` is Vapi's id of the number that calls; ``number`` is E.164. ``name`` is how we find the call
    again, such as the touch's id. ``overrides`` are Vapi's assistantOverrides, such as ``{"variableValues": {…}}``.
    Raises InvalidInputError for what Vapi would refuse for its form.
    """

    phone_number_id: str
    number: str
    name: str
    assistant_id: str | None = None
    assistant: Mapping[str, Any] | None = field(default=None, repr=False)
    overrides: Mapping[str, Any] = field(default_factory=dict, repr=False)
    customer_name: str | None = field(default=None, repr=False)
    external_id: str | None = None

    def __post_init__(self) -> None:
        if (self.assistant_id is None) is (self.assistant is None):
            raise InvalidInputError("a call has a stored assistant or a whole one, not both", field="assistant")
        if not _E164.fullmatch(self.number):
            raise InvalidInputError("a number to call is in E.164, such as +61491570156", field="number")
        for part, text in (("name", self.name), ("external_id", self.external_id)):
            if text is not None and not 1 <= len(text) <= LONGEST_NAME:
                raise InvalidInputError(f"a call's {part} has 1 to {LONGEST_NAME} characters", field=part)


@dataclass(frozen=True, slots=True)
class VapiCall:
    """A call as Vapi shows it. ``status`` is scheduled, queued, ringing, in-progress, forwarding, ended, not-found or
    deletion-failed; ``ended_reason`` is an open list. ``units`` are minutes so far known: 0 until the call is over, and
    for one that never connected. Times are aware UTC."""

    id: str
    status: str | None
    name: str | None
    number: str | None
    external_id: str | None
    ended_reason: str | None
    created_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def units(self) -> Decimal:
        """Minutes."""
        return call_minutes(self.started_at, self.ended_at)


@dataclass(frozen=True, slots=True)
class VapiNumber:
    """A number that Vapi can call from. ``status`` is active, activating or blocked."""

    id: str
    number: str | None
    status: str | None


class VapiClient:
    """Speaks for one organisation; one per private API key."""

    name = NAME

    def __init__(self, connection: Connection) -> None:
        self._api = ProviderApi(
            connection,
            _DIALECT,
            {"Authorization": f"Bearer {connection.api_key}"},
            policy=RetryPolicy(attempts=4, first_wait=0.5, longest_wait=5.0),
        )

    async def start_call(self, call: CallRequest) -> VapiCall:
        """Place a call; it has no cost yet. Raises ProviderError with its outcome: keep the id before anything else."""
        response = await self._api.act("start_call", "/call", canonical_json(_wire(call)))
        answer = self._api.read_answer("start_call", response)
        # One customer is answered by the call itself; by the description a batch may come as well.
        found = _read_call(next(iter(answer.each("results")), answer))
        if found is None:
            raise self._api.unreadable("start_call", response, "without an id")
        return found

    async def read_call(self, call_id: str) -> VapiCall | None:
        """The call of this id; None when there is none. Raises ProviderError."""
        try:
            response = await self._api.look_up("read_call", f"/call/{quote(call_id, safe='')}")
        except ProviderError as error:
            # A 404 without Vapi's own words comes from a wrong address, and says nothing of a call.
            if error.http_status == 404 and error.provider_code is not None:
                return None
            raise
        found = _read_call(self._api.read_answer("read_call", response))
        if found is None:
            raise self._api.unreadable("read_call", response, "without an id")
        return found

    async def list_calls(
        self, created_from: datetime, created_until: datetime, *, phone_number_id: str | None = None
    ) -> list[VapiCall]:
        """The calls created within these aware times, both included, newest first: what a time-out is cleared up with.

        Raises ProviderError; InvalidInputError when there are more than 10,000.
        """
        query: dict[str, str | int] = {"limit": _PAGE, "createdAtGe": _instant(created_from)}
        if phone_number_id is not None:
            query["phoneNumberId"] = phone_number_id
        found: dict[str, VapiCall] = {}
        until = created_until
        for _ in range(_MOST_PAGES):
            response = await self._api.look_up("list_calls", "/call", {**query, "createdAtLe": _instant(until)})
            entries = self._api.read_list("list_calls", response)
            page = [call for each in entries if (call := _read_call(each)) is not None]
            new = {call.id: call for call in page if call.id not in found}
            found |= new
            oldest = min((call.created_at for call in page if call.created_at is not None), default=None)
            if len(entries) < _PAGE or not new or oldest is None:
                return list(found.values())
            until = oldest
        raise InvalidInputError("too many calls between these times: ask for a shorter span", field="created_from")

    async def import_twilio_number(
        self,
        number: str,
        *,
        account_sid: str,
        auth_token: str,
        name: str,
        server_url: str | None = None,
        credential_id: str | None = None,
    ) -> VapiNumber:
        """Let Vapi call from this number of a Twilio account. Its text messages stay with Twilio.

        Vapi keeps the token: without it, it cannot place calls there. Messages about the number's calls go to
        ``server_url`` with the secret of Vapi's credential ``credential_id``, else to the organisation's server. After
        a time-out look with ``find_number``, since a second import is a second entry. Raises ProviderError.
        """
        form: dict[str, object] = {
            "provider": "twilio",
            "number": number,
            "twilioAccountSid": account_sid,
            "twilioAuthToken": auth_token,
            "name": name[:LONGEST_NAME],
            # Left out, Vapi would take the number's incoming text messages away from our own webhook.
            "smsEnabled": False,
        }
        if server_url is not None:
            credential = {} if credential_id is None else {"credentialId": credential_id}
            form["server"] = {"url": server_url, **credential}
        operation = "import_twilio_number"
        try:
            response = await self._api.act(operation, "/phone-number", canonical_json(form))
        except ProviderError as error:
            error.args = tuple(str(part).replace(auth_token, "[token]") for part in error.args)
            raise
        found = _read_number(self._api.read_answer(operation, response))
        if found is None:
            raise self._api.unreadable(operation, response, "without an id")
        return found

    async def find_number(self, number: str) -> VapiNumber | None:
        """Vapi's entry of this E.164 number; None when it has none. Raises ProviderError."""
        response = await self._api.look_up("find_number", "/phone-number", {"limit": _PAGE})
        numbers = [_read_number(each) for each in self._api.read_list("find_number", response)]
        return next((each for each in numbers if each is not None and each.number == number), None)


def call_minutes(started_at: datetime | None, ended_at: datetime | None) -> Decimal:
    """Minutes between the two, to four places; 0 where a call never connected."""
    if started_at is None or ended_at is None or ended_at <= started_at:
        return Decimal(0)
    seconds = Decimal(str((ended_at - started_at).total_seconds()))
    return (seconds / 60).quantize(_PRECISION)


def _wire(call: CallRequest) -> dict[str, object]:
    customer = {
        "number": call.number,
        "name": (call.customer_name or "")[:LONGEST_NAME],
        "externalId": call.external_id,
    }
    optional: dict[str, object] = {
        "assistantId": call.assistant_id,
        "assistant": call.assistant,
        "assistantOverrides": dict(call.overrides),
    }
    return {
        "name": call.name,
        "phoneNumberId": call.phone_number_id,
        "customer": {name: value for name, value in customer.items() if value},
        **{name: value for name, value in optional.items() if value},
    }


def _read_call(answer: Fields) -> VapiCall | None:
    call_id, customer = answer.text("id"), answer.inner("customer")
    if call_id is None:
        return None
    return VapiCall(
        id=call_id,
        status=answer.text("status"),
        name=answer.text("name"),
        number=customer.text("number"),
        external_id=customer.text("externalId"),
        ended_reason=answer.text("endedReason"),
        created_at=answer.moment("createdAt"),
        started_at=answer.moment("startedAt"),
        ended_at=answer.moment("endedAt"),
    )


def _read_number(answer: Fields) -> VapiNumber | None:
    number_id = answer.text("id")
    return None if number_id is None else VapiNumber(number_id, answer.text("number"), answer.text("status"))


def _instant(moment: datetime) -> str:
    return to_utc(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")
