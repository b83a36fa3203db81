"""A sandbox without HTTP for unit tests, messages as the product sends them, and people of a known mind."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers, QueryParams

from agency_os_sandbox.bookings import Bookings
from agency_os_sandbox.clock import VirtualClock
from agency_os_sandbox.faults import Faults, Rule
from agency_os_sandbox.gateway import Answer, Call
from agency_os_sandbox.inbound import Inbound
from agency_os_sandbox.outbox import Outbox
from agency_os_sandbox.providers.resend import Resend
from agency_os_sandbox.signing import Secrets
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.behaviour import Act, Behaviour
from agency_os_sandbox.world.directory import Directory, build_directory
from agency_os_sandbox.world.life import Life
from agency_os_sandbox.world.mail import Mail
from agency_os_sandbox.world.memory import Memory
from agency_os_sandbox.world.people import People
from agency_os_sandbox.world.reading import read

SEED = 7
MONDAY_NINE = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)
"""Monday 2 March 2026, 09:00 in Sydney."""

SECRETS = Secrets(
    resend_webhook_secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    postmark_user="postmark",
    postmark_password="inbound-secret",
    cal_com_secret="cal-secret",
    twilio_auth_token="twilio-token",
    heyreach_secret="heyreach-path-secret-01",
    vapi_secret="vapi-header-secret-0001",
    deepgram_secret="deepgram-secret-000001",
    lob_secret="lob-secret",
    stripe_secret="whsec_stripe_secret",
    apify_secret="apify-path-secret-00001",
    clay_secret="clay-header-secret-0001",
)
BOOKING_URL = "http://127.0.0.1:9/cal/book/intro"
ONE_CLICK_URL = "http://127.0.0.1:9/u/abc"


def directory() -> Directory:
    """The directory of companies and people."""
    return build_directory()


def message(
    address: str, *, step: int = 1, booking: str | None = BOOKING_URL, one_click: str | None = ONE_CLICK_URL,
    reply_to: str = "reply+abc234@in.agency.example", answers: str = "",
) -> dict[str, Any]:  # fmt: skip
    """One email as the product hands it to Resend."""
    link = "" if booking is None else f"\n\nPick a time: {booking}?metadata%5Btoken%5D=tok-{address.partition('@')[0]}"
    text = f"Hello, more enquiries for you.{link}\n"
    headers: dict[str, str] = {}
    if one_click is not None:
        headers |= {"List-Unsubscribe": f"<{one_click}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    references = [f"<m{index}@mail.example>" for index in range(1, step)]
    if answers:
        references.append(answers)
    if references:
        headers |= {"In-Reply-To": references[-1], "References": " ".join(references)}
    return {
        "from": "Ada Agency <ada@agency.example>", "to": [address], "subject": "Enquiries", "text": text,
        "html": f"<p>{text}</p>", "reply_to": reply_to, "headers": headers,
        "tags": [{"name": "touch", "value": "t-" + address.partition("@")[0].replace(".", "-")}],
    }  # fmt: skip


@dataclass
class World:
    """The parts, wired as the program wires them."""

    folder: Path
    seed: int = SEED
    start: datetime = MONDAY_NINE
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = Store(self.folder)
        self.clock = VirtualClock(self.store, self.start)
        self.faults = Faults(self.store, self.seed)
        self.outbox = Outbox(self.store, self.faults)
        self.bookings = Bookings(self.store, self.outbox)
        self.memory = Memory(self.store)
        people = People(self.seed, directory())
        self.life = Life(self.seed, self.memory, people, self.outbox, self.bookings, Inbound(self.store))
        self.resend = Resend(self.store, self.life.accept)

    def send(self, messages: Sequence[dict[str, Any]], key: str | None = None) -> Answer:
        """Send as one batch at the present virtual time."""
        headers = {"authorization": "Bearer re_test", "user-agent": "test"}
        if key is not None:
            headers["idempotency-key"] = key
        body = json.dumps(messages).encode()
        call = Call(
            "emails.batch", "POST", "/resend/emails/batch", Headers(headers), QueryParams(), {}, body, self.clock.now,
            "http://127.0.0.1:9",
        )  # fmt: skip
        operation = next(each for each in self.resend.operations() if each.name == "emails.batch")
        with self.store.transaction():
            return operation.handle(call)

    def live(self, **span: float) -> None:
        """Let virtual time pass."""
        self.live_until(self.clock.now + timedelta(**span))

    def live_until(self, moment: datetime) -> None:
        """Let virtual time pass until then."""
        with self.store.transaction():
            self.life.live(moment)
            self.clock.advance(moment)

    def fail(self, *rules: dict[str, Any]) -> None:
        """Put these faults in force."""
        self.faults.replace([Rule.read(rule) for rule in rules])

    def happenings(self, address: str | None = None) -> list[tuple[str, str, str, int]]:
        """What happened, in the order in which it did: (at, address, kind, step)."""
        rows = self.store.all("SELECT * FROM happenings ORDER BY n")
        return [
            (row["at"], row["address"], row["kind"], row["step"])
            for row in rows
            if address is None or row["address"] == address
        ]

    def kinds(self, address: str) -> list[str]:
        """What this person did, in order."""
        return [kind for _, _, kind, _ in self.happenings(address)]

    def parcels(self, provider: str) -> list[dict[str, Any]]:
        """What was queued, oldest first; ``body`` is parsed where it is JSON."""
        rows = self.store.all("SELECT * FROM outbox WHERE provider = ? ORDER BY n", (provider,))
        return [{**dict(row), "body": _parsed(row["body"])} for row in rows]


def people_who(act: Act, *, step: int = 1) -> Iterator[str]:
    """Addresses of people who would do this on ``message(address, step=step)`` accepted on Monday at nine."""
    for contact in directory().contacts:
        if moment_of(act, contact.email, step=step) is not None:
            yield contact.email


def moment_of(act: Act, address: str, *, step: int = 1) -> datetime | None:
    """When this person would do it; None for never."""
    person = People(SEED, directory()).find(address)
    plans = Behaviour(SEED).on_sequence(person, read(mail_of(message(address, step=step))), MONDAY_NINE)
    return next((plan.at for plan in plans if plan.act is act), None)


def mail_of(entry: dict[str, Any]) -> Mail:
    """The message as accepted."""
    return Mail(
        "e1", "<e1@mail.example>", MONDAY_NINE, entry["from"], tuple(entry["to"]), entry["subject"], entry["text"],
        entry["html"], (), (), (entry["reply_to"],), dict(entry["headers"]), {},
    )  # fmt: skip


def _parsed(body: str) -> Any:
    return json.loads(body) if body.startswith("{") else body
