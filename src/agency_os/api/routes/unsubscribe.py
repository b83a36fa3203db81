"""The unsubscribe page and the one-click endpoint (RFC 8058; Spam Act 2003 s 18).

Works without login for as long as the message exists. GET shows a page and changes nothing, since mail scanners follow
links; POST takes effect before it answers. The tenant comes from the signed token alone.
"""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from agency_os.api.dependencies import MEGABYTE, WebDep, read_body
from agency_os.api.errors import RETRY_SECONDS, described
from agency_os.exceptions import PayloadTooLargeError, UnavailableError
from agency_os.kit.logging import get_logger

router = APIRouter(tags=["unsubscribe"])
_log = get_logger(__name__)
_NOT_COMPLETE: dict[int | str, dict[str, Any]] = {
    404: {"description": "No such link; a page says so", "content": {"text/html": {"schema": {"type": "string"}}}},
    503: {"description": "Not in force yet; a page says so", "content": {"text/html": {"schema": {"type": "string"}}}},
}

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --text: #1a1a1a; --back: #fafaf8; --accent: #14532d; --on: #fff; }}
@media (prefers-color-scheme: dark) {{ :root {{ --text: #eee; --back: #161616; --accent: #86efac; --on: #052e16; }} }}
body {{ font: 1.0625rem/1.6 system-ui, sans-serif; color: var(--text); background: var(--back); margin: 0;
  min-height: 100vh; display: grid; place-items: center; }}
main {{ max-width: 32rem; padding: 2rem 1.5rem; }}
h1 {{ font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem; }}
button {{ font: inherit; font-weight: 600; padding: .75rem 1.5rem; border: 0; border-radius: .5rem; cursor: pointer;
  color: var(--on); background: var(--accent); }}
button:focus-visible {{ outline: 3px solid currentColor; outline-offset: 3px; }}
</style>
</head>
<body><main><h1>{title}</h1>{body}</main></body>
</html>
"""


@router.head("/u/{token}", include_in_schema=False)
@router.get("/u/{token}", response_class=HTMLResponse, summary="The unsubscribe page", responses=_NOT_COMPLETE)
async def unsubscribe_page(token: str, web: WebDep) -> HTMLResponse:
    """Asks for a press of a button; changes nothing."""
    touch_id = web.infra.tokens.read(token, "unsubscribe")
    if touch_id is None:
        return _unknown()
    try:
        now = await web.infra.clock.now()
        async with web.infra.database.transaction(now=now) as db:
            found = await web.closer.unsubscribe_page(db, touch_id)
    except UnavailableError as error:
        return _away(error)
    if found is None:
        return _unknown()
    if found.already:
        return _done(found.client_name)
    name = escape(found.client_name)
    button = (
        '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">'
        "<button>Unsubscribe</button></form>"
    )
    return _page(f"Unsubscribe from {name}?", f"<p>You will get no more messages from {name}.</p>{button}")


@router.post(
    "/u/{token}",
    response_class=HTMLResponse,
    summary="Unsubscribe by one click, or by the page's button",
    responses={**_NOT_COMPLETE, **described(PayloadTooLargeError, detail="The body is too large")},
    openapi_extra={
        "requestBody": {
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {"type": "object", "properties": {"List-Unsubscribe": {"type": "string"}}},
                    "example": {"List-Unsubscribe": "One-Click"},
                }
            }
        }
    },
)
async def unsubscribe(token: str, request: Request, web: WebDep) -> HTMLResponse:
    """In force when it answers, whatever the body holds; a second time changes nothing more."""
    await read_body(request, MEGABYTE)
    touch_id = web.infra.tokens.read(token, "unsubscribe")
    if touch_id is None:
        return _unknown()
    try:
        now = await web.infra.clock.now()
        async with web.infra.database.transaction(now=now) as db:
            done = await web.closer.unsubscribe(db, touch_id, now=now)
    except UnavailableError as error:
        return _away(error)
    return _done(done.client_name) if done is not None else _unknown()


def _done(client_name: str) -> HTMLResponse:
    name = escape(client_name)
    return _page("You are unsubscribed", f"<p>{name} will not write to you again. There is nothing more to do.</p>")


def _unknown() -> HTMLResponse:
    words = "<p>It may have been cut off when it was copied. Open it from the message, or reply to the message.</p>"
    return _page("This link is not complete", words, 404)


def _away(error: UnavailableError) -> HTMLResponse:
    _log.warning("unsubscribe_failed", code=error.code, error=str(error))
    words = "<p>This did not work just now. Open the link again in a minute, or reply to the message.</p>"
    answer = _page("Please try again", words, 503)
    answer.headers["Retry-After"] = RETRY_SECONDS
    return answer


def _page(title: str, body: str, status: int = 200) -> HTMLResponse:
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(_PAGE.format(title=title, body=body), status, headers)
