"""Anthropic's Messages API by its official SDK 2.x: a prompt with tools answered whole or streamed, and tokens counted.

Reached only through the spend limiter, which reserves before and settles after. The SDK keeps its own HTTP (httpx2) and
its ``anthropic-version``; its retries are off, because no idempotency key exists for messages and whatever was begun is
charged: we repeat only what was not accepted. Errors: platform.claude.com/docs, page "Errors".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from decimal import Decimal
from typing import Any, Final, TypeVar

from anthropic import (
    APIConnectionError,
    APIStatusError,
    AsyncAnthropic,
    AsyncStream,
    DefaultAsyncHttpxClient,
    Timeout,
)

from agency_os.exceptions import (
    Outcome,
    ProviderAnswerError,
    ProviderError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
)
from agency_os.integrations.anthropic_messages import (
    Completion,
    MessageReader,
    Piece,
    Prompt,
    parse_object,
    read_message,
)
from agency_os.integrations.json_fields import Fields
from agency_os.integrations.provider_api import NOT_SENT, Connection, Dialect, Problem, json_problem
from agency_os.kit.http import MAX_BODY_BYTES, Headers, HttpResponse, NoAnswerError, Timeouts
from agency_os.kit.logging import redact_text
from agency_os.kit.retry import RetryPolicy, retry
from agency_os.kit.transaction import refuse_if_open

NAME: Final = "anthropic"
REQUEST_ID: Final = "request-id"
SPEND_LIMITS: Final = frozenset(
    {"enforced_spend_limit_reached", "contract_spend_limit_reached", "linked_organization_spend_limit_reached"}
)
"""``provider_code`` where Anthropic's own spend limit is reached; it comes as a rate limit, and does not pass soon."""

T = TypeVar("T")

_NOTHING_LEFT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol"})
"""The errors of httpx2 before a request left; by name, since httpx2 is the SDK's and not ours to import."""


def _problem_in(body: Fields) -> Problem:
    error = body.inner("error")
    cause = error.inner("details").text("error_code")
    return Problem(cause if cause in SPEND_LIMITS else error.text("type"), error.text("message") or "")


_read_problem = json_problem(_problem_in)


_DIALECT: Final = Dialect(
    NAME,
    _read_problem,
    kinds={
        "invalid_request_error": ProviderRefusedError,
        "not_found_error": ProviderRefusedError,
        "request_too_large": ProviderRefusedError,
        "rate_limit_error": ProviderLimitError,
        "overloaded_error": ProviderLimitError,
        # These are mended by the operator.
        "authentication_error": ProviderLimitError,
        "billing_error": ProviderLimitError,
        "permission_error": ProviderLimitError,
        **dict.fromkeys(SPEND_LIMITS, ProviderLimitError),
        "api_error": ProviderUnknownError,
        "timeout_error": ProviderUnknownError,
        401: ProviderLimitError,
        402: ProviderLimitError,
        403: ProviderLimitError,
        529: ProviderLimitError,
    },
    passing=frozenset({"rate_limit_error", "overloaded_error"}),
    request_id=REQUEST_ID,
)


class AnthropicClient:
    """One account; it has no repr of its own, so that its key never shows. Close it when done.

    ``connection`` gives address, key, rate and clock; its transport is not used, because the SDK keeps its own HTTP:
    ``make_http`` makes that client (a test gives it a transport). ``timeouts.total`` bounds a whole answer,
    ``timeouts.read`` the time between two pieces of a stream, in which Anthropic sends pings.
    """

    name = NAME

    def __init__(
        self,
        connection: Connection,
        *,
        make_http: Callable[..., DefaultAsyncHttpxClient] = DefaultAsyncHttpxClient,
        timeouts: Timeouts = Timeouts(connect=5.0, read=60.0, total=600.0),
        policy: RetryPolicy = RetryPolicy(attempts=3, first_wait=1.0, longest_wait=20.0),
    ) -> None:
        self._connection = connection
        self._timeouts = timeouts
        self._policy = policy
        # At DEBUG the SDK logs whole requests, and prompts hold personal data.
        logging.getLogger("anthropic").setLevel(logging.INFO)
        self._sdk = AsyncAnthropic(
            api_key=connection.api_key,
            base_url=connection.base_url,
            max_retries=0,
            open_telemetry=False,
            # Proxies from the environment and redirects would carry the key elsewhere.
            http_client=make_http(trust_env=False, follow_redirects=False, event_hooks={"response": [_bound]}),
        )

    async def complete(self, prompt: Prompt) -> Completion:
        """The whole answer. Raises ProviderError, and OpenTransactionError while a database transaction is open."""
        operation = "complete"
        raw = self._sdk.messages.with_raw_response
        answer = await self._repeated(
            operation, lambda: raw.create(**prompt.to_send(), timeout=self._wait(self._timeouts.total))
        )
        response = _taken(answer.http_response)
        found = read_message(self._object(operation, response), response.headers.get(REQUEST_ID))
        if found is None:
            raise _unreadable(operation, response.headers.get(REQUEST_ID), "no message with its usage")
        return found

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """Text and tool calls as they come, and last the `Completion`. Errors as ``complete``.

        Whoever does not read to the end closes it (``contextlib.aclosing``). A stream that breaks off after it began
        was accepted, and its error's ``cost_units`` are the tokens told of so far; nothing is repeated then.
        """
        operation = "stream"
        opened: AsyncStream[Any] = await self._repeated(
            operation,
            lambda: self._sdk.messages.create(**prompt.to_send(), stream=True, timeout=self._wait(self._timeouts.read)),
        )
        reader, request_id = MessageReader(), opened.response.headers.get(REQUEST_ID)
        try:
            async with aclosing(_events(opened)) as events:
                async for event in events:
                    if event.text("type") == "error":
                        raise _refused_within(operation, event, reader, request_id)
                    piece = reader.take(event)
                    if piece is not None:
                        yield piece
        except NoAnswerError as error:
            raise _broken_off(operation, reader, request_id, str(error)) from error
        except ValueError as error:
            raise _unreadable(operation, request_id, f"an event that cannot be read: {error}", reader) from error
        finally:
            await opened.close()
        if not reader.has_begun:
            raise _unreadable(operation, request_id, "no message")
        if not reader.is_whole:
            raise _broken_off(operation, reader, request_id, "it ended before its end")
        yield reader.completion(request_id)

    async def count_tokens(self, prompt: Prompt) -> int:
        """The tokens that ``prompt`` would have read; free. Raises as ``complete``."""
        operation = "count_tokens"
        raw = self._sdk.messages.with_raw_response
        answer = await self._repeated(
            operation,
            lambda: raw.count_tokens(**prompt.to_count(), timeout=self._wait(self._timeouts.read)),
            is_action=False,
        )
        response = _taken(answer.http_response)
        tokens = self._object(operation, response).whole("input_tokens")
        if tokens is None or tokens < 0:
            raise _unreadable(operation, response.headers.get(REQUEST_ID), "no number of tokens")
        return tokens

    async def aclose(self) -> None:
        """Close all connections."""
        await self._sdk.close()

    def _wait(self, read: float) -> Timeout:
        return Timeout(read, connect=self._timeouts.connect, pool=self._timeouts.connect)

    async def _repeated(self, operation: str, send: Callable[[], Awaitable[T]], *, is_action: bool = True) -> T:
        return await retry(
            lambda: self._once(operation, send, is_action=is_action),
            is_safe=_action_is_safe if is_action else _look_up_is_safe,
            wall=self._connection.wall,
            random=self._connection.random,
            policy=self._policy,
        )

    async def _once(self, operation: str, send: Callable[[], Awaitable[T]], *, is_action: bool) -> T:
        refuse_if_open()
        await self._connection.rate.acquire()
        try:
            async with asyncio.timeout(self._timeouts.total):
                return await send()
        except APIStatusError as error:
            # The SDK's own error shows whatever stands in the body.
            raise self._refused(operation, _taken(error.response), is_action=is_action) from None
        except APIConnectionError as error:
            raise self._unanswered(operation, error.__cause__ or error) from error
        except (NoAnswerError, TimeoutError) as error:
            raise self._unanswered(operation, error) from error

    def _refused(self, operation: str, response: HttpResponse, *, is_action: bool) -> ProviderError:
        problem = _read_problem(response)
        kind = _DIALECT.kind_of(response.status, problem.code, is_action=is_action)
        asked = _DIALECT.asked_wait(response, self._connection.wall.now())
        if kind is ProviderLimitError and asked is not None and asked <= self._policy.longest_wait:
            self._connection.rate.pause(asked)
        words = redact_text(problem.message.replace(self._connection.api_key, "[key]"))
        return kind(
            f"{NAME} answered {operation} with {response.status} {problem.code or ''}: {words[:200]}",
            provider=NAME,
            operation=operation,
            http_status=response.status,
            provider_code=problem.code,
            request_id=response.headers.get(REQUEST_ID),
            retry_after=asked,
        )

    @staticmethod
    def _unanswered(operation: str, cause: BaseException) -> ProviderError:
        names = {each.__name__ for each in type(cause).__mro__}
        if names & _NOTHING_LEFT:
            return ProviderLimitError(
                f"{NAME} could not be reached for {operation} ({type(cause).__name__})",
                provider=NAME,
                operation=operation,
                provider_code=NOT_SENT,
            )
        how = str(cause) if isinstance(cause, NoAnswerError) else type(cause).__name__
        return ProviderUnknownError(
            f"{NAME} gave no whole answer to {operation}: {how}", provider=NAME, operation=operation
        )

    @staticmethod
    def _object(operation: str, response: HttpResponse) -> Fields:
        try:
            return Fields(parse_object(response.body))
        except ValueError:
            raise _unreadable(operation, response.headers.get(REQUEST_ID), "no JSON object") from None


def _action_is_safe(error: BaseException) -> bool:
    if not isinstance(error, ProviderError) or error.outcome is not Outcome.NOT_ACCEPTED:
        return False
    # A refusal for its rate may come from a machine before Anthropic's, and then has no code.
    return error.provider_code in {NOT_SENT, *_DIALECT.passing} or (
        error.provider_code is None and error.http_status in (429, 529)
    )


def _look_up_is_safe(error: BaseException) -> bool:
    passing = isinstance(error, ProviderLimitError) and (error.http_status or 0) >= 500
    return passing or isinstance(error, ProviderUnknownError) or _action_is_safe(error)


async def _bound(response: Any) -> None:
    """Let nothing longer than ``MAX_BODY_BYTES`` be read of an httpx2 response; a break while it is read says so."""
    whole = response.aiter_bytes

    async def bounded(chunk_size: int | None = None) -> AsyncGenerator[bytes, None]:
        size = 0
        try:
            async with aclosing(whole(chunk_size)) as pieces:
                async for piece in pieces:
                    size += len(piece)
                    if size > MAX_BODY_BYTES:
                        break
                    yield piece
        except Exception as error:
            raise NoAnswerError(f"the answer broke off ({type(error).__name__})") from error
        if size > MAX_BODY_BYTES:
            raise NoAnswerError(f"an answer of more than {MAX_BODY_BYTES} bytes")

    response.aiter_bytes = bounded


async def _events(opened: AsyncStream[Any]) -> AsyncGenerator[Fields, None]:
    """The stream's events. Raises ValueError for one that is no JSON object, NoAnswerError for a break."""
    async for event in AsyncStream.raw_events(opened.response):
        if event.data:
            yield Fields(parse_object(event.data))


def _taken(response: Any) -> HttpResponse:
    """An httpx2 response that was read whole, in our own form."""
    return HttpResponse(response.status_code, Headers(list(response.headers.items())), response.content)


def _refused_within(operation: str, event: Fields, reader: MessageReader, request_id: str | None) -> ProviderError:
    """The error of an ``error`` event. Before the message began it is a refusal like any other."""
    problem = _problem_in(event)
    kind = _DIALECT.kinds.get(problem.code or "", ProviderUnknownError)
    return (ProviderAnswerError if reader.has_begun else kind)(
        f"{NAME} ended {operation} with {problem.code or 'an error'}: {redact_text(problem.message)[:200]}",
        provider=NAME,
        operation=operation,
        http_status=200,
        provider_code=problem.code,
        request_id=request_id or event.text("request_id"),
        cost_units=reader.units,
    )


def _broken_off(operation: str, reader: MessageReader, request_id: str | None, how: str) -> ProviderError:
    return ProviderUnknownError(
        f"{NAME}'s answer to {operation} is not whole: {how}",
        provider=NAME,
        operation=operation,
        http_status=200,
        request_id=request_id,
        outcome=Outcome.ACCEPTED if reader.has_begun else Outcome.UNKNOWN,
        cost_units=reader.units,
    )


def _unreadable(
    operation: str, request_id: str | None, what: str, reader: MessageReader | None = None
) -> ProviderAnswerError:
    return ProviderAnswerError(
        f"{NAME} accepted {operation} and answered {what}",
        provider=NAME,
        operation=operation,
        http_status=200,
        request_id=request_id,
        cost_units=reader.units if reader is not None else Decimal(0),
    )
