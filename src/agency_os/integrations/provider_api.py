"""What our clients of providers share: one request after the other, each failure mapped to what is known of its fate.

A look-up (GET) is repeated within bounds after any failure that can pass. An action is repeated only when nothing
left, or when the provider refused it for its rate alone. Keys stand in the headers and nowhere else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from random import Random, SystemRandom
from urllib.parse import urlencode

from agency_os.exceptions import (
    Outcome,
    ProviderAnswerError,
    ProviderError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
)
from agency_os.integrations.json_fields import Fields
from agency_os.kit.clock import WallClock
from agency_os.kit.http import USER_AGENT, HttpRequest, HttpResponse, NoAnswerError, NotSentError, Timeouts, Transport
from agency_os.kit.logging import redact_text
from agency_os.kit.retry import RateLimit, RetryPolicy, parse_retry_after, retry

NOT_SENT = "not_sent"
"""``provider_code`` of the error that says that no connection could be made."""

JSON = "application/json"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
Query = Mapping[str, str | int | Sequence[str]]
"""Parameters of an address; a sequence repeats its name."""

_LONGEST_CODE = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """What a provider says of a failure: its code, if it has codes, and its words."""

    code: str | None
    message: str


def json_problem(read: Callable[[Fields], Problem]) -> Callable[[HttpResponse], Problem]:
    """``Dialect.read`` for a provider that tells of failures in a JSON object, of which ``read`` finds the problem.

    Anything else is the page of some machine on the way, of which nothing is quoted.
    """

    def read_problem(response: HttpResponse) -> Problem:
        try:
            body = Fields.of_body(response.body)
        except ValueError:
            return Problem(None, "an answer that is no JSON")
        return read(body)

    return read_problem


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one provider speaks of failures.

    ``read`` finds the problem in an answer. ``kinds`` names the error for a code or a status where the general rule
    (see ``kind_of``) does not hold, a code before a status. ``passing`` are those after which a repeat within
    seconds is harmless and can help, also for an action: the provider has not done anything.
    """

    provider: str
    read: Callable[[HttpResponse], Problem]
    kinds: Mapping[str | int, type[ProviderError]] = field(default_factory=dict)
    passing: frozenset[str | int] = frozenset()
    request_id: str = "x-request-id"
    """The header that names a request in the provider's own records."""
    asked_wait: Callable[[HttpResponse, datetime], float | None] = lambda response, now: parse_retry_after(
        response.headers.get("retry-after"), now
    )
    """The seconds of wall time that a refusal asks us to wait, where it says so."""

    def kind_of(self, status: int, code: str | None, *, is_action: bool) -> type[ProviderError]:
        """The error for an answer. After a 5xx an action may have had its effect; any other refusal is definite."""
        for sign in (code, status):
            if sign is not None and sign in self.kinds:
                return self.kinds[sign]
        if status >= 500:
            return ProviderUnknownError if is_action else ProviderLimitError
        return ProviderLimitError if status in (408, 425, 429) else ProviderRefusedError


@dataclass(frozen=True, slots=True)
class Connection:
    """How one account at one provider is reached: what every client is given. ``api_key`` stays out of the repr."""

    transport: Transport
    base_url: str
    api_key: str = field(repr=False)
    rate: RateLimit
    wall: WallClock
    random: Random = field(default_factory=SystemRandom)


class ProviderApi:
    """One provider's HTTP API. It has no repr of its own, so that its key never shows."""

    def __init__(
        self,
        connection: Connection,
        dialect: Dialect,
        key_headers: Mapping[str, str],
        *,
        timeouts: Timeouts = Timeouts(),
        policy: RetryPolicy = RetryPolicy(),
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._base_url = connection.base_url.rstrip("/")
        self._headers = {"User-Agent": USER_AGENT, "Accept": "application/json", **key_headers}
        self._timeouts = timeouts
        self._policy = policy

    async def look_up(self, operation: str, path: str, query: Query | None = None) -> HttpResponse:
        """GET ``path``: a 2xx answer that ``kinds`` does not name. Raises ProviderError."""
        request = HttpRequest("GET", self._address(path, query), self._headers, b"", self._timeouts)
        return await self._repeated(request, operation, self._look_up_is_safe)

    async def look_up_by(self, operation: str, path: str, body: bytes, query: Query | None = None) -> HttpResponse:
        """POST ``body`` to a ``path`` that only reads, for providers that search that way; else as ``look_up``."""
        headers = {**self._headers, "Content-Type": JSON}
        request = HttpRequest("POST", self._address(path, query), headers, body, self._timeouts)
        return await self._repeated(request, operation, self._look_up_is_safe, is_action=False)

    async def act(
        self,
        operation: str,
        path: str,
        body: bytes,
        *,
        method: str = "POST",
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        """Send ``body`` to ``path``: a 2xx answer. Raises ProviderError with the outcome that is known.

        The body is JSON unless ``headers`` say otherwise.
        """
        media = {"Content-Type": JSON} if body else {}
        everything = {**self._headers, **media, **(headers or {})}
        request = HttpRequest(method, self._address(path, query), everything, body, self._timeouts)
        return await self._repeated(request, operation, self._action_is_safe)

    def read_answer(self, operation: str, response: HttpResponse, cost_units: Decimal = Decimal(0)) -> Fields:
        """The object in a 2xx answer. Raises ProviderAnswerError, which says that the request was accepted."""
        try:
            return Fields.of_body(response.body)
        except ValueError:
            raise self.unreadable(operation, response, "no JSON object", cost_units) from None

    def read_list(self, operation: str, response: HttpResponse, cost_units: Decimal = Decimal(0)) -> list[Fields]:
        """The objects of the list in a 2xx answer. Raises ProviderAnswerError as ``read_answer``."""
        try:
            return Fields.list_of_body(response.body)
        except ValueError:
            raise self.unreadable(operation, response, "no JSON list", cost_units) from None

    def unreadable(
        self, operation: str, response: HttpResponse, what: str, cost_units: Decimal = Decimal(0)
    ) -> ProviderAnswerError:
        """The error for an accepted request with an answer that is not as published."""
        return ProviderAnswerError(
            f"{self._dialect.provider} accepted {operation} and answered {what}",
            provider=self._dialect.provider,
            operation=operation,
            http_status=response.status,
            request_id=response.headers.get(self._dialect.request_id),
            cost_units=cost_units,
        )

    def _address(self, path: str, query: Query | None) -> str:
        return f"{self._base_url}{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")

    async def _repeated(
        self, request: HttpRequest, operation: str, is_safe: Callable[[BaseException], bool], *, is_action: bool = True
    ) -> HttpResponse:
        tries = _Tries(lambda: self._once(request, operation, is_action=is_action and request.method != "GET"))
        return await retry(
            tries.next,
            is_safe=is_safe,
            wall=self._connection.wall,
            random=self._connection.random,
            policy=self._policy,
        )

    async def _once(self, request: HttpRequest, operation: str, *, is_action: bool) -> HttpResponse:
        await self._connection.rate.acquire()
        provider = self._dialect.provider
        try:
            response = await self._connection.transport.send(request)
        except NotSentError as error:
            raise ProviderLimitError(
                f"{provider} could not be reached for {operation}: {error}",
                provider=provider,
                operation=operation,
                provider_code=NOT_SENT,
            ) from error
        except NoAnswerError as error:
            raise ProviderUnknownError(
                f"{provider} gave no answer to {operation}: {error}", provider=provider, operation=operation
            ) from error
        named = response.status in self._dialect.kinds
        if 200 <= response.status < 300 and not named:
            return response
        raise self._error(response, operation, is_action=is_action)

    def _error(self, response: HttpResponse, operation: str, *, is_action: bool) -> ProviderError:
        dialect = self._dialect
        problem = dialect.read(response)
        kind = dialect.kind_of(response.status, problem.code, is_action=is_action)
        retry_after = dialect.asked_wait(response, self._connection.wall.now())
        if kind is ProviderLimitError and retry_after is not None and retry_after <= self._policy.longest_wait:
            self._connection.rate.pause(retry_after)
        code = self._without_key(problem.code)[:_LONGEST_CODE] if problem.code else None
        return kind(
            f"{dialect.provider} answered {operation} with {response.status} {code or ''}: "
            f"{self._without_key(problem.message)[:200]}",
            provider=dialect.provider,
            operation=operation,
            http_status=response.status,
            provider_code=code,
            request_id=response.headers.get(dialect.request_id),
            retry_after=retry_after,
        )

    def _without_key(self, words: str) -> str:
        key = self._connection.api_key
        return redact_text(words.replace(key, "[key]") if key else words)

    def _action_is_safe(self, error: BaseException) -> bool:
        if not isinstance(error, ProviderError) or error.outcome is not Outcome.NOT_ACCEPTED:
            return False
        return error.provider_code == NOT_SENT or bool({error.provider_code, error.http_status} & self._dialect.passing)

    def _look_up_is_safe(self, error: BaseException) -> bool:
        if isinstance(error, ProviderUnknownError) or self._action_is_safe(error):
            return True
        return isinstance(error, ProviderLimitError) and (error.http_status or 0) >= 500


class _Tries:
    """The tries of one call. Once one of them may have been accepted, no refusal of a later one says that none was.

    But for 404, which tells of the thing and not of the request.
    """

    def __init__(self, once: Callable[[], Awaitable[HttpResponse]]) -> None:
        self._once = once
        self._is_doubtful = False

    async def next(self) -> HttpResponse:
        """One more try. Raises ProviderError."""
        try:
            return await self._once()
        except ProviderError as error:
            if error.outcome is Outcome.UNKNOWN or (error.http_status or 0) >= 500:
                self._is_doubtful = True
            elif self._is_doubtful and error.http_status != 404:
                raise ProviderUnknownError(
                    f"{error}; an earlier try may have been accepted",
                    provider=error.provider,
                    operation=error.operation,
                    http_status=error.http_status,
                    provider_code=error.provider_code,
                    request_id=error.request_id,
                    retry_after=error.retry_after,
                ) from error
            raise
