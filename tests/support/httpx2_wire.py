"""The SDK of Anthropic over a transport of ours: what it sends is recorded, scripted and judged like all else."""

from __future__ import annotations

from functools import partial
from typing import Any

import httpx2

from agency_os.kit.http import HttpRequest, HttpResponse, NoAnswerError, NotSentError, Transport


class OverTransport(httpx2.AsyncBaseTransport):
    """Hands each request to ``inner``; its errors become those of a connection."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        asked = HttpRequest(request.method, str(request.url), dict(request.headers.items()), await request.aread())
        try:
            answer = await self._inner.send(asked)
        except NotSentError as error:
            raise httpx2.ConnectError(str(error), request=request) from error
        except NoAnswerError as error:
            raise httpx2.ReadTimeout(str(error), request=request) from error
        return response_of(answer)


def response_of(answer: HttpResponse) -> httpx2.Response:
    """The same answer in the SDK's form."""
    return httpx2.Response(answer.status, headers=list(answer.headers.items()), content=answer.body)


def http_over(inner: Transport) -> Any:
    """What makes a client of httpx2 that speaks over ``inner``."""
    return partial(httpx2.AsyncClient, transport=OverTransport(inner))
