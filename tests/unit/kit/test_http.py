"""The transport against real sockets on the loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from agency_os.exceptions import OpenTransactionError
from agency_os.kit.http import (
    USER_AGENT,
    AiohttpTransport,
    Headers,
    HttpRequest,
    NoAnswerError,
    NotSentError,
    Timeouts,
)
from agency_os.kit.transaction import mark_open

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-One: a\r\nX-One: b\r\n\r\n{}"
Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(behaviour: Behaviour) -> AsyncIterator[str]:
    """The address of a server that does ``behaviour`` on every connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behaviour(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"http://{host}:{port}/path?q=1"
    finally:
        server.close()


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    transport = AiohttpTransport(max_body=1000)
    yield transport
    await transport.aclose()


def answering(raw: bytes, seen: list[bytes] | None = None) -> Behaviour:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if seen is not None:
            seen.append(head + await reader.read(4 if b"POST" in head else 0))
        writer.write(raw)
        await writer.drain()

    return behave


def post(url: str, **timeouts: float) -> HttpRequest:
    return HttpRequest("POST", url, {"User-Agent": USER_AGENT, "X-Key": "s3cret"}, b"body", Timeouts(**timeouts))


async def test_bytes_and_headers_go_out_as_given(transport: AiohttpTransport) -> None:
    seen: list[bytes] = []
    async with served(answering(OK, seen)) as url:
        response = await transport.send(post(url))
    assert seen[0].startswith(b"POST /path?q=1 HTTP/1.1\r\n")
    assert seen[0].endswith(b"\r\n\r\nbody")
    assert b"User-Agent: " + USER_AGENT.encode() in seen[0]
    assert (response.status, response.body, response.headers["x-ONE"]) == (200, b"{}", "a, b")


async def test_a_redirect_is_answered_and_not_followed(transport: AiohttpTransport) -> None:
    raw = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    async with served(answering(raw)) as url:
        assert (await transport.send(post(url))).status == 302


async def test_a_closed_port_means_nothing_was_sent(transport: AiohttpTransport, unused_tcp_port: int) -> None:
    with pytest.raises(NotSentError):
        await transport.send(post(f"http://127.0.0.1:{unused_tcp_port}/"))


async def test_a_connection_that_is_never_made_means_nothing_was_sent(transport: AiohttpTransport) -> None:
    with pytest.raises(NotSentError):
        await transport.send(post("http://[::1]:0/", connect=0.05))


async def test_an_impossible_address_means_nothing_was_sent(transport: AiohttpTransport) -> None:
    with pytest.raises(NotSentError):
        await transport.send(post("http://"))


async def test_silence_after_the_request_means_it_may_have_arrived(transport: AiohttpTransport) -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with served(silent) as url:
        with pytest.raises(NoAnswerError):
            await transport.send(post(url, read=0.05))
        with pytest.raises(NoAnswerError):
            await transport.send(post(url, total=0.05))


@pytest.mark.parametrize(
    "raw",
    [b"", b"not http\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf"],
    ids=["hung up", "no http", "cut short"],
)
async def test_a_broken_answer_means_it_may_have_arrived(transport: AiohttpTransport, raw: bytes) -> None:
    async with served(answering(raw)) as url:
        with pytest.raises(NoAnswerError):
            await transport.send(post(url))


async def test_a_look_up_that_is_lost_on_a_kept_connection_is_not_asked_again_behind_our_back(
    transport: AiohttpTransport,
) -> None:
    asked: list[bytes] = []

    async def first_answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)
        await writer.drain()
        asked.append(await reader.readuntil(b"\r\n\r\n"))  # and dropped

    async with served(first_answered) as url:
        await transport.send(HttpRequest("GET", url, {}))
        with pytest.raises(NoAnswerError):
            await transport.send(HttpRequest("GET", url, {}))
    assert len(asked) == 2


async def test_what_is_free_is_asked_once_more_on_a_new_connection(transport: AiohttpTransport) -> None:
    asked: list[bytes] = []

    async def one_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)
        await writer.drain()
        await reader.readuntil(b"\r\n\r\n")  # and dropped

    async with served(one_each) as url:
        for _ in range(2):
            assert (await transport.send(HttpRequest("GET", url, {}, is_free=True))).status == 200
    assert len(asked) == 2


async def test_an_endless_answer_is_cut_off(transport: AiohttpTransport) -> None:
    async with served(answering(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000)) as url:
        with pytest.raises(NoAnswerError, match="more than 1000 bytes"):
            await transport.send(post(url))


async def test_nothing_leaves_while_a_transaction_is_open(transport: AiohttpTransport) -> None:
    seen: list[bytes] = []
    async with served(answering(OK, seen)) as url:
        with mark_open(), pytest.raises(OpenTransactionError):
            await transport.send(post(url))
    assert seen == []


async def test_it_works_again_after_closing(transport: AiohttpTransport) -> None:
    async with served(answering(OK)) as url:
        await transport.send(post(url))
        await transport.aclose()
        assert (await transport.send(post(url))).status == 200


def test_secrets_stay_out_of_the_repr() -> None:
    request = HttpRequest("GET", "http://x.test/a?email=jo@b.com", {"X-Key": "s3cret"}, b"private")
    assert not any(each in repr(request) for each in ("s3cret", "private", "jo@b.com"))
    assert (request.target, repr(Headers({"X-Key": "s3cret"}))) == ("http://x.test/a", "Headers(x-key)")
