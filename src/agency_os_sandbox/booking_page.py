"""The booking page that a link in a mail leads to, for a person in a browser: choose a half hour, leave a name.

Promises: GET changes nothing; POST books and answers with the confirmation; bad fields are shown as such (4xx);
``metadata[…]`` of the address comes back in the booking.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from agency_os_sandbox.booking import Booking, Guest
from agency_os_sandbox.bookings import Bookings
from agency_os_sandbox.clock import ClockError, VirtualClock, parse, stamp
from agency_os_sandbox.providers.postmark import usable
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.mail import bare
from agency_os_sandbox.world.visits import BOOKING_PATH, metadata_of, open_slots

ZONE = "Australia/Sydney"
_MAX_FORM = 64 * 1024
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem}}
label{{display:block;margin:.6rem 0}}input,select{{font:inherit;padding:.3rem;width:100%}}
button{{font:inherit;padding:.5rem 1.5rem}}[role=alert]{{color:#a00}}</style></head>
<body><main><h1>{title}</h1>{body}</main></body></html>"""


class BookingPage:
    """Serves ``/cal/book/{slug}``."""

    def __init__(
        self, store: Store, clock: VirtualClock, bookings: Bookings, on_booked: Callable[[Booking], None],
        wake: Callable[[], None],
    ) -> None:  # fmt: skip
        self._store = store
        self._clock = clock
        self._bookings = bookings
        self._on_booked = on_booked
        self._wake = wake

    def routes(self) -> list[Route]:
        """The page and its form's target."""
        path = BOOKING_PATH + "{slug}"
        return [Route(path, self._show, methods=["GET"]), Route(path, self._book, methods=["POST"])]

    async def _show(self, request: Request) -> HTMLResponse:
        fields = dict(request.query_params.multi_items())
        return self._form(fields, "", 200)

    async def _book(self, request: Request) -> HTMLResponse:
        body = await request.body()
        if len(body) > _MAX_FORM:
            return self._form({}, "The form is too long.", 413)
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100)
        except ValueError:
            return self._form({}, "The form could not be read.", 400)
        fields = dict([*request.query_params.multi_items(), *pairs])
        name, address = fields.get("name", "").strip()[:200], bare(fields.get("email", ""))
        if not name or not usable(address):
            return self._form(fields, "A name and an email address are needed.", 422)
        start = self._slot(fields.get("start", ""))
        if start is None:
            return self._form(fields, "Please choose one of the times offered.", 422)
        with self._store.transaction():
            booking = self._bookings.book(
                request.path_params["slug"], Guest(name, address, ZONE), start, self._clock.now,
                metadata_of(list(fields.items())),
            )  # fmt: skip
            self._on_booked(booking)
        self._wake()
        text = f"<p>{escape(name)}, we look forward to speaking with you on {_spoken(start)} (Sydney time).</p>"
        return HTMLResponse(_PAGE.format(title="Your meeting is booked", body=text))

    def _slot(self, text: str) -> datetime | None:
        try:
            start = parse(text)
        except ClockError:
            return None
        return start if start in open_slots(self._clock.now, ZoneInfo(ZONE)) else None

    def _form(self, fields: dict[str, str], problem: str, status: int) -> HTMLResponse:
        options = "".join(
            f'<option value="{stamp(slot)}">{_spoken(slot)}</option>'
            for slot in open_slots(self._clock.now, ZoneInfo(ZONE))
        )
        hidden = "".join(
            f'<input type="hidden" name="{escape(f"metadata[{name}]")}" value="{escape(value)}">'
            for name, value in metadata_of(list(fields.items())).items()
        )
        alert = f'<p role="alert">{problem}</p>' if problem else ""
        name, email = escape(fields.get("name", "")), escape(fields.get("email", ""))
        body = (
            f'{alert}<p>30 minutes by video. Times are Sydney time.</p><form method="post">{hidden}'
            f'<label>Time<select name="start" required>{options}</select></label>'
            f'<label>Name<input name="name" autocomplete="name" required value="{name}"></label>'
            f'<label>Email<input name="email" type="email" required value="{email}"></label>'
            "<button>Book</button></form>"
        )
        return HTMLResponse(_PAGE.format(title="Book a meeting", body=body), status)


def _spoken(moment: datetime) -> str:
    local = moment.astimezone(UTC).astimezone(ZoneInfo(ZONE))
    return f"{local:%A} {local.day} {local:%B}, {local:%H:%M}"
