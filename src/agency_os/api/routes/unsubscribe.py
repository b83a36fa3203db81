"""The unsubscribe page and the one-click endpoint (RFC 8058; Spam Act 2003 s 18).

Works without login for as long as the message exists. GET shows a page and changes nothing, since mail scanners follow
links; POST takes effect before it answers. The tenant comes from the signed token alone.
"""

from __future__ import annotations

from html import escape

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from agency_os.api.dependencies import MEGABYTE, NowDep, WebDep, read_body
from agency_os.api.errors import Problem

router = APIRouter(tags=["unsubscribe"], responses={404: {"model": Problem, "description": "No such link"}})

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


@router.api_route("/u/{token}", methods=["GET", "HEAD"], response_class=HTMLResponse, summary="The unsubscribe page")
async def show(token: str, web: WebDep, now: NowDep) -> HTMLResponse:
    """Asks for a press of a button; changes nothing."""
    touch_id = web.infra.tokens.read(token, "unsubscribe")
    if touch_id is None:
        return _unknown()
    async with web.infra.database.transaction(now=now) as db:
        found = await web.closer.unsubscribe_page(db, touch_id)
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


@router.post("/u/{token}", response_class=HTMLResponse, summary="Unsubscribe by one click, or by the page's button")
async def unsubscribe(token: str, request: Request, web: WebDep, now: NowDep) -> HTMLResponse:
    """In force when it answers; a second time changes nothing more."""
    await read_body(request, MEGABYTE)
    touch_id = web.infra.tokens.read(token, "unsubscribe")
    if touch_id is None:
        return _unknown()
    async with web.infra.database.transaction(now=now) as db:
        done = await web.closer.unsubscribe(db, touch_id, now=now)
    return _done(done.client_name) if done is not None else _unknown()


def _done(client_name: str) -> HTMLResponse:
    name = escape(client_name)
    return _page("You are unsubscribed", f"<p>{name} will not write to you again. There is nothing more to do.</p>")


def _unknown() -> HTMLResponse:
    words = "<p>It may have been cut off when it was copied. Open it from the message, or reply to the message.</p>"
    return _page("This link is not complete", words, 404)


def _page(title: str, body: str, status: int = 200) -> HTMLResponse:
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(_PAGE.format(title=title, body=body), status, headers)
