"""Deepgram as described: what our client sends strictly, what the sandbox answers and calls back so that nulls pass.

The description leaves out two things, which are added here: a recording sent as bytes (developers.deepgram.com,
"Getting started: pre-recorded audio"), and the shape of a refusal, which it names beside ``/v1/auth/grant`` while the
400 of ``/v1/listen`` is said to be a transcript. Overlapping alternatives count as one of them.
"""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from agency_os.exceptions import Outcome, ProviderError, ProviderLimitError
from agency_os.integrations.deepgram import FINISHED, Audio, DeepgramClient, Transcript, parse_callback, webhooks
from agency_os.integrations.webhook import Webhook
from agency_os.kit.http import HttpRequest
from agency_os_sandbox.faults import Faults
from agency_os_sandbox.outbox import Outbox
from agency_os_sandbox.providers.deepgram import Deepgram
from tests.contract.conftest import HOST, Wire
from tests.factories.calls.deepgram import FILE, HOOK, LINK
from tests.factories.sandbox import MONDAY_NINE, SECRETS, SEED
from tests.support.published import ContractError, Published, read_spec
from tests.support.wire import Script, answer

pytestmark = pytest.mark.needs("specs")

BASE = f"{HOST}/deepgram"
LISTEN = f"{BASE}/v1/listen"
TRANSCRIPT = {"$ref": "#/components/schemas/ListenV1Response"}
REFUSED = {"$ref": "#/components/schemas/ErrorResponse"}


def overlapping(schema: Any) -> Any:
    if isinstance(schema, list):
        return [overlapping(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {"anyOf" if name == "oneOf" else name: overlapping(value) for name, value in schema.items()}


@cache
def description() -> Published:
    document = overlapping(read_spec("deepgram/openapi.json"))
    document["info"]["title"] = "Deepgram"  # it calls itself "REST API"
    operation = document["paths"]["/v1/listen"]["post"]
    operation["requestBody"]["required"] = True
    operation["requestBody"]["content"]["audio/mpeg"] = {}
    del operation["responses"]["400"]
    return Published(document, BASE, REFUSED)


@pytest.fixture
def judge() -> Published:
    return description()


@pytest.fixture
def client(wire: Wire) -> DeepgramClient:
    return DeepgramClient(wire.connection(BASE, "key"), SECRETS.deepgram_secret)


def charged(wire: Wire) -> list[tuple[Decimal, bool]]:
    rows = wire.sandbox.store.all("SELECT * FROM oracle WHERE provider = 'deepgram' ORDER BY seq")
    return [(Decimal(row["units"]), bool(row["accepted"])) for row in rows]


def called_back(wire: Wire) -> tuple[str, bytes]:
    """Address and body of the last callback."""
    row = wire.sandbox.store.one("SELECT address, body FROM outbox WHERE provider = 'deepgram' ORDER BY n DESC")
    assert row is not None
    return row["address"], row["body"].encode()


@pytest.mark.parametrize("audio", [LINK, FILE], ids=["url", "bytes"])
async def test_a_transcript_is_as_published(wire: Wire, client: DeepgramClient, judge: Published, audio: Audio) -> None:
    found = await client.transcribe(audio)
    assert wire.check(judge) == [200]
    assert charged(wire) == [(found.units, True)]
    assert found.units == (found.duration / 60).quantize(Decimal("0.000001"))


async def test_a_conversation_has_two_speakers_whose_words_are_the_text(client: DeepgramClient) -> None:
    found = await client.transcribe(LINK)
    assert " ".join(word.text for word in found.words) == found.text
    assert {each.speaker for each in found.utterances} == {each.speaker for each in found.words} == {0, 1}
    assert found.duration >= max(word.end or Decimal(0) for word in found.words)


async def test_the_same_recording_has_the_same_words_and_is_charged_again(wire: Wire, client: DeepgramClient) -> None:
    first, again = await client.transcribe(LINK), await client.transcribe(LINK)
    assert (first.text, first.units) == (again.text, again.units)
    assert charged(wire) == [(first.units, True)] * 2


@pytest.mark.parametrize("audio", [LINK, FILE], ids=["url", "bytes"])
async def test_an_order_is_called_back_as_published_and_read(
    wire: Wire, client: DeepgramClient, judge: Published, audio: Audio
) -> None:
    order = await client.order(audio, HOOK)
    assert wire.check(judge) == [200]
    address, body = called_back(wire)
    judge.check_message(json.loads(body), TRANSCRIPT)
    found = parse_callback(body)
    assert isinstance(found, Transcript)
    assert (found.request_id, charged(wire)) == (order.request_id, [(found.units, True)])
    assert address == HOOK.replace("https://", f"https://deepgram:{SECRETS.deepgram_secret}@")


async def test_a_callback_is_named_by_its_request_and_holds_no_secret(wire: Wire, client: DeepgramClient) -> None:
    order = await client.order(LINK, HOOK)
    _, body = called_back(wire)
    name = webhooks(SECRETS.deepgram_secret).name_event(Webhook(body, {}, HOOK), MONDAY_NINE)
    assert (name.event_id, name.kind, name.occurred_at) == (order.request_id, FINISHED, MONDAY_NINE)
    assert SECRETS.deepgram_secret.encode() not in body


@pytest.mark.parametrize(
    ("kind", "statuses", "code"),
    [
        ("429", [429, 200], None),
        ("pending", [429, 200], None),
        ("500", [500], None),
        ("refused", [400], "Bad Request"),
    ],
)
async def test_faults_speak_as_published(
    wire: Wire, client: DeepgramClient, judge: Published, kind: str, statuses: list[int], code: str | None
) -> None:
    await wire.fault("deepgram", kind)
    if statuses[-1] == 200:
        assert (await client.transcribe(LINK)).text
    else:
        with pytest.raises(ProviderError) as caught:
            await client.transcribe(LINK)
        assert (caught.value.provider_code, bool(caught.value.request_id)) == (code, True)
    assert wire.check(judge) == statuses


async def test_an_answer_lost_after_acceptance_is_not_asked_for_again(wire: Wire, client: DeepgramClient) -> None:
    await wire.fault("deepgram", "accepted_then_500")
    with pytest.raises(ProviderError) as caught:
        await client.transcribe(LINK)
    assert (caught.value.outcome, len(charged(wire))) == (Outcome.UNKNOWN, 1)


async def test_an_empty_account_is_402_and_can_heal(wire: Wire, client: DeepgramClient, judge: Published) -> None:
    store = wire.sandbox.store
    account = Deepgram(store, Outbox(store, Faults(store, SEED)), SEED)
    account.limit_minutes(Decimal("0.1"))
    with pytest.raises(ProviderLimitError) as caught:
        await client.transcribe(LINK)
    assert caught.value.provider_code == "ASR_PAYMENT_REQUIRED"
    account.limit_minutes(Decimal(100))
    await client.transcribe(LINK)
    assert wire.check(judge) == [402, 200]


@pytest.mark.parametrize(
    ("query", "body", "headers", "status"),
    [
        ("", {"url": "https://a.example/b.mp3"}, {}, 401),
        ("", {"url": "https://a.example/b.mp3"}, {"authorization": "Bearer key"}, 401),
        ("", {"url": "https://a.example/b.mp3"}, {"authorization": "Bearer a.b.c"}, 200),
        ("", {"link": "https://a.example/b.mp3"}, {"authorization": "Token key"}, 400),
        ("", b"[", {"authorization": "Token key"}, 400),
        ("?model=nova-9", {"url": "https://a.example/b.mp3"}, {"authorization": "Token key"}, 400),
        ("?callback=nowhere", {"url": "https://a.example/b.mp3"}, {"authorization": "Token key"}, 400),
        ("", b"", {"authorization": "Token key", "content_type": "audio/mpeg"}, 400),
    ],
    ids=["no key", "key as JWT", "JWT", "no url", "no JSON", "no such model", "no callback", "no audio"],
)
async def test_what_no_client_of_ours_asks_is_answered_as_published(
    wire: Wire, judge: Published, query: str, body: object, headers: dict[str, str], status: int
) -> None:
    given = {"content_type": "application/json", **headers}
    assert await wire.check_raw(judge, "POST", LISTEN + query, body, **given) == status


def listen(query: str = "model=nova-3", body: object = None, **headers: str) -> HttpRequest:
    given = {"Authorization": "Token key", "Content-Type": "application/json", **headers}
    return HttpRequest("POST", f"{LISTEN}?{query}", given, json.dumps(body or {"url": "https://a.example/b"}).encode())


def test_a_request_as_described_passes(judge: Published) -> None:
    judge.check_request(listen())


@pytest.mark.parametrize(
    "wrong",
    [
        listen("model=nova-3&speed=fast"),
        listen("diarize=perhaps"),
        listen("callback_method=GET"),
        listen(body={"url": 7}),
        listen(body={"url": "https://a.example/b", "more": 1}),
        listen(body={"more": 1}),
        listen(**{"Content-Type": "text/plain"}),
        HttpRequest("POST", LISTEN, {"Content-Type": "application/json"}, b'{"url": "https://a.example/b"}'),
        HttpRequest("GET", LISTEN, {"Authorization": "Token key"}),
    ],
    ids=["parameter", "no truth value", "method", "no text", "field", "no url", "media", "no key", "GET"],
)
def test_a_request_that_is_not_as_described_fails(judge: Published, wrong: HttpRequest) -> None:
    with pytest.raises(ContractError):
        judge.check_request(wrong)


def test_a_transcript_that_is_not_as_described_fails(judge: Published) -> None:
    with pytest.raises(ContractError):
        judge.check_answer(listen(), answer(200, {"metadata": {}, "results": []}, content_type="application/json"))


async def test_a_published_form_of_refusal_is_read_whichever_it_is(wire: Wire) -> None:
    forms = {
        "INVALID": {"err_code": "INVALID", "err_msg": "words", "request_id": "r"},
        "CATEGORY": {"category": "CATEGORY", "message": "words", "details": "more", "request_id": "r"},
        None: "words",
    }
    for code, form in forms.items():
        script = Script(answer(400, form, content_type="application/json"))
        with pytest.raises(ProviderError, match="words") as caught:
            await DeepgramClient(wire.connection(BASE, "key", script), "secret").transcribe(LINK)
        assert caught.value.provider_code == code
