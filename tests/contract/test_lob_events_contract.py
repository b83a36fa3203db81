"""Lob's events as described: what the sandbox tells, signed and read; the published vectors and samples."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agency_os.exceptions import ProviderRefusedError, SignatureError
from agency_os.integrations import lob_events
from agency_os.integrations.lob import UNDELIVERABLE, LobClient
from agency_os.integrations.postal_provider import PostalEventKind
from agency_os_sandbox.providers.lob import sign_lob
from agency_os_sandbox.signing import Attempt
from tests.contract.conftest import HOST, Wire
from tests.contract.lob_description import lob_judge
from tests.factories.postal import CARD, HARRY, LETTER
from tests.factories.sandbox import MONDAY_NINE, SECRETS
from tests.support.published import read_spec

pytestmark = pytest.mark.needs("specs")

BASE = f"{HOST}/lob/v1"


def client_of(wire: Wire, key: str = "live_0123456789abcdef") -> LobClient:
    return LobClient(wire.connection(BASE, key))


def events(wire: Wire) -> list[dict[str, Any]]:
    """The bodies of the events on their way, by their time."""
    found = wire.sandbox.store.all("SELECT body FROM outbox WHERE provider = 'lob' ORDER BY due, n")
    return [json.loads(row["body"]) for row in found]


async def test_under_a_test_key_nothing_is_told_of_the_way(wire: Wire) -> None:
    await client_of(wire, "test_0123456789abcdef").create_postcard(CARD, key="k")
    assert [event["event_type"]["id"] for event in events(wire)] == [
        "postcard.created",
        "postcard.rendered_pdf",
        "postcard.rendered_thumbnails",
    ]
    assert all(event["event_type"]["enabled_for_test"] for event in events(wire))


async def test_what_is_cancelled_is_told_of_no_further(wire: Wire) -> None:
    client = client_of(wire)
    made = await client.create_letter(LETTER, key="k")
    await client.cancel_piece(made.id)
    told = [lob_events.parse_event(json.dumps(event).encode()).kind for event in events(wire)]
    assert told == [PostalEventKind.CREATED, PostalEventKind.CANCELLED]


@pytest.mark.parametrize("is_letter", [False, True], ids=["postcard", "letter"])
async def test_events_are_as_published_signed_and_read(wire: Wire, is_letter: bool) -> None:
    client, judge = client_of(wire), lob_judge(BASE)
    made = await (client.create_letter(LETTER, key="k") if is_letter else client.create_postcard(CARD, key="k"))
    kinds = []
    for event in events(wire):
        judge.check_message(event, {"$ref": "#/components/schemas/events"})
        body = json.dumps(event).encode()
        headers = sign_lob(Attempt("http://api.example/webhooks/lob", event["id"], body, MONDAY_NINE), SECRETS)
        lob_events.verify(body, headers, SECRETS.lob_secret, MONDAY_NINE)
        with pytest.raises(SignatureError):
            lob_events.verify(body + b" ", headers, SECRETS.lob_secret, MONDAY_NINE)
        read = lob_events.parse_event(body)
        assert (read.piece_id, read.event_id) == (made.id, event["id"])
        kinds.append(read.kind)
    assert kinds[:3] == [PostalEventKind.CREATED, PostalEventKind.RENDERED, PostalEventKind.RENDERED]
    assert kinds[3] is PostalEventKind.MAILED
    assert kinds[-1] in (PostalEventKind.DELIVERED, PostalEventKind.RETURNED)


async def test_most_pieces_arrive_and_some_come_back(wire: Wire) -> None:
    client = client_of(wire)
    refused: list[str | None] = []
    for number in range(60):
        address = replace(HARRY, line1=f"{number} Any Street")
        try:
            await client.create_postcard(replace(CARD, to=address), key=f"touch-{number}")
        except ProviderRefusedError as error:
            refused.append(error.provider_code)
    assert set(refused) == {UNDELIVERABLE}
    kinds = [event["event_type"]["id"] for event in events(wire)]
    assert kinds.count("postcard.delivered") > kinds.count("postcard.returned_to_sender") > 0


def test_the_signature_vectors_hold() -> None:
    vectors = read_spec("signature-vectors.json")["lob"]
    assert vectors
    for vector in vectors:
        now, body = datetime.fromtimestamp(vector["now"], UTC), vector["body"].encode()
        lob_events.verify(body, vector["headers"], vector["secret"], now)
        for wrong in (
            (body + b" ", vector["headers"], vector["secret"], now),
            (body, vector["headers"], vector["secret"] + "x", now),
            (body, vector["headers"], vector["secret"], now + timedelta(seconds=301)),
            (body, vector["headers"], vector["secret"], now - timedelta(seconds=301)),
        ):
            with pytest.raises(SignatureError):
                lob_events.verify(*wrong)


def test_the_published_event_is_read() -> None:
    sample = read_spec("lob/example.events.json")["postcard.mailed"]
    event = lob_events.parse_event(json.dumps(sample).encode())
    assert (event.kind, event.piece_id) == (PostalEventKind.MAILED, "psc_5c002b86ce47537a")
    assert event.metadata == {"lead_id": "our-own-id"}
