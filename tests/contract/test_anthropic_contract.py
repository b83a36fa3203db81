"""Anthropic as described, in both versions: what our client sends strictly, what the sandbox answers or streams."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from agency_os.exceptions import Outcome, ProviderError, ProviderLimitError
from agency_os.integrations.anthropic import AnthropicClient
from agency_os.integrations.anthropic_messages import Completion, Piece, Prompt, TextDelta, ToolCall
from agency_os.kit.http import HttpRequest
from agency_os_sandbox.providers.anthropic import STATUSES, Anthropic
from tests.contract.anthropic_description import ERROR, EVENT, description, old_description
from tests.contract.conftest import HOST, Wire
from tests.support.httpx2_wire import http_over
from tests.support.published import ContractError, Published
from tests.support.wire import answer

pytestmark = pytest.mark.needs("specs")

BASE = f"{HOST}/anthropic"
OLD, NEW = "2023-06-01", "2026-10-21"
KEY = "sk-ant-contract"
REPLY = "Thanks, Tuesday at ten suits me. Please write to pat@company.example."
TOOL = {
    "name": "sort_reply",
    "description": "Say what a reply means.",
    "input_schema": {
        "type": "object",
        "properties": {
            "intent": {"type": "string", "enum": ["opt_out", "question", "interested"]},
            "email": {"type": "string", "format": "email"},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        },
        "required": ["intent", "email", "confidence"],
    },
}
LONG = "Everything that the agency offers, with its figures and its terms. " * 100
PLAIN = Prompt("claude-sonnet-5", 200, [{"role": "user", "content": REPLY}], system="You sort replies.")
FORCED = Prompt(
    "claude-sonnet-5",
    200,
    [{"role": "user", "content": [{"type": "text", "text": REPLY}]}],
    tools=[TOOL],
    tool_choice={"type": "tool", "name": "sort_reply"},
    stop_sequences=["\n\nHuman:"],
)
CACHED = Prompt(
    "claude-sonnet-5",
    200,
    [{"role": "user", "content": REPLY}],
    system=[{"type": "text", "text": LONG, "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
)
PROMPTS = {"plain": PLAIN, "forced tool": FORCED, "cached": CACHED}


@pytest.fixture
def judge() -> Published:
    return description(BASE, NEW)


@pytest.fixture
async def client(wire: Wire) -> AsyncIterator[AnthropicClient]:
    made = AnthropicClient(wire.connection(BASE, KEY), make_http=http_over(wire.recorder))
    yield made
    await made.aclose()


async def streamed(client: AnthropicClient, prompt: Prompt) -> tuple[list[Piece], Completion]:
    pieces = [piece async for piece in client.stream(prompt)]
    assert isinstance(pieces[-1], Completion)
    return pieces[:-1], pieces[-1]


def events_of(body: bytes) -> list[dict[str, Any]]:
    lines = body.decode().splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


def check_events(wire: Wire, judge: Published) -> list[str]:
    """The types of the events of the last answer; those that the description knows are as described."""
    events = events_of(wire.recorder.exchanges[-1][1].body)
    for event in events:
        if event["type"] != "ping":
            judge.check_message(event, ERROR if event["type"] == "error" else EVENT)
    return [event["type"] for event in events]


def charged(wire: Wire) -> list[tuple[str, Decimal]]:
    rows = wire.sandbox.store.all("SELECT * FROM oracle WHERE provider = 'anthropic' AND accepted ORDER BY seq")
    return [(row["operation"], Decimal(row["units"])) for row in rows]


@pytest.mark.parametrize("prompt", PROMPTS)
async def test_a_whole_answer_is_as_published(
    wire: Wire, client: AnthropicClient, judge: Published, prompt: str
) -> None:
    found = await client.complete(PROMPTS[prompt])
    assert wire.check(judge) == [200]
    assert charged(wire) == [("messages.create", found.units)]
    assert found.request_id


@pytest.mark.parametrize("prompt", PROMPTS)
async def test_a_streamed_answer_is_as_published_and_says_the_same(
    wire: Wire, client: AnthropicClient, judge: Published, prompt: str
) -> None:
    pieces, found = await streamed(client, PROMPTS[prompt])
    assert wire.check(judge) == [200]
    kinds = check_events(wire, judge)
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
    assert charged(wire) == [("messages.stream", found.units)]
    assert "".join(piece.text for piece in pieces if isinstance(piece, TextDelta)) == found.text
    assert tuple(piece for piece in pieces if isinstance(piece, ToolCall)) == found.tool_calls
    whole = await client.complete(PROMPTS[prompt])
    assert (whole.text, whole.stop_reason, whole.usage.output_tokens) == (
        found.text,
        found.stop_reason,
        found.usage.output_tokens,
    )
    assert [call.input for call in whole.tool_calls] == [call.input for call in found.tool_calls]


async def test_a_forced_tool_is_called_by_its_schema_from_the_text(client: AnthropicClient) -> None:
    found = await client.complete(FORCED)
    assert found.stop_reason == "tool_use"
    assert [(call.name, (call.input or {})["email"]) for call in found.tool_calls] == [
        ("sort_reply", "pat@company.example")
    ]


async def test_a_tool_answered_goes_on_to_text(wire: Wire, client: AnthropicClient, judge: Published) -> None:
    first = await client.complete(FORCED)
    result = {"type": "tool_result", "tool_use_id": first.tool_calls[0].id, "content": "Filed under interested."}
    answered = [*FORCED.messages, first.turn, {"role": "user", "content": [result]}]
    found = await client.complete(Prompt(FORCED.model, 200, answered, tools=[TOOL], tool_choice={"type": "none"}))
    assert (found.stop_reason, "Filed under interested." in found.text) == ("end_turn", True)
    assert wire.check(judge) == [200, 200]


async def test_tokens_are_counted_as_they_are_read(wire: Wire, client: AnthropicClient, judge: Published) -> None:
    for prompt in PROMPTS.values():
        counted, usage = await client.count_tokens(prompt), (await client.complete(prompt)).usage
        assert counted == usage.input_tokens + usage.cache_creation_tokens + usage.cache_read_tokens
    assert set(wire.check(judge)) == {200}


async def test_a_prefix_is_written_once_and_then_read(wire: Wire, client: AnthropicClient) -> None:
    first, again = (await client.complete(CACHED)).usage, (await client.complete(CACHED)).usage
    assert (first.cache_creation_tokens, first.cache_creation_1h_tokens) == (again.cache_read_tokens,) * 2
    assert (first.cache_read_tokens, again.cache_creation_tokens) == (0, 0)
    assert first.input_tokens == again.input_tokens


async def test_max_tokens_and_stop_sequences_end_an_answer(client: AnthropicClient) -> None:
    short = await client.complete(Prompt(PLAIN.model, 3, PLAIN.messages))
    stopped = await client.complete(Prompt(PLAIN.model, 99, PLAIN.messages, stop_sequences=["Tuesday"]))
    warmed = await client.complete(Prompt(PLAIN.model, 0, PLAIN.messages))
    assert [each.stop_reason for each in (short, stopped, warmed)] == ["max_tokens", "stop_sequence", "max_tokens"]
    assert (short.usage.output_tokens, stopped.stop_sequence, warmed.text) == (3, "Tuesday", "")


@pytest.mark.parametrize(
    ("kind", "statuses"), [("429", [429, 200]), ("pending", [529, 200]), ("500", [500]), ("refused", [400])]
)
async def test_faults_speak_as_published(
    wire: Wire, client: AnthropicClient, judge: Published, kind: str, statuses: list[int]
) -> None:
    await wire.fault("anthropic", kind)
    if statuses[-1] == 200:
        assert (await client.complete(PLAIN)).text
    else:
        with pytest.raises(ProviderError) as caught:
            await client.complete(PLAIN)
        assert caught.value.request_id
    assert wire.check(judge) == statuses


@pytest.mark.parametrize("error_type", STATUSES)
async def test_every_type_of_error_is_as_published_and_read(
    wire: Wire, client: AnthropicClient, judge: Published, error_type: str
) -> None:
    Anthropic(wire.sandbox.store).refuse_with(error_type)
    rules = [{"provider": "anthropic", "operation": "*", "kind": "refused"}]
    await wire.raw("PUT", f"{HOST}/control/faults", rules)
    with pytest.raises(ProviderError) as caught:
        await client.complete(PLAIN)
    assert (caught.value.provider_code, caught.value.http_status) == (error_type, STATUSES[error_type])
    if error_type != "request_too_large":  # missing from the SDK's list, on the page "Errors"
        assert set(wire.check(judge)) == {STATUSES[error_type]}
    assert charged(wire) == []


async def test_an_error_may_come_as_an_event_before_anything_was_charged(
    wire: Wire, client: AnthropicClient, judge: Published
) -> None:
    await wire.fault("anthropic", "pending")
    with pytest.raises(ProviderLimitError) as caught:
        await streamed(client, PLAIN)
    assert (caught.value.provider_code, caught.value.outcome) == ("overloaded_error", Outcome.NOT_ACCEPTED)
    assert (wire.check(judge), check_events(wire, judge), charged(wire)) == ([200], ["error"], [])


async def test_an_error_may_come_in_the_middle_of_what_is_charged(
    wire: Wire, client: AnthropicClient, judge: Published
) -> None:
    Anthropic(wire.sandbox.store).break_streams("overloaded_error")
    with pytest.raises(ProviderError) as caught:
        await streamed(client, PLAIN)
    assert (caught.value.provider_code, caught.value.outcome) == ("overloaded_error", Outcome.ACCEPTED)
    assert (wire.check(judge), check_events(wire, judge)[-1]) == ([200], "error")
    [(_, units)] = charged(wire)
    assert 0 < caught.value.cost_units <= units


async def test_a_stream_cut_off_was_accepted_and_is_not_repeated(wire: Wire, client: AnthropicClient) -> None:
    Anthropic(wire.sandbox.store).break_streams("cut")
    with pytest.raises(ProviderError) as caught:
        await streamed(client, PLAIN)
    assert (caught.value.outcome, len(charged(wire))) == (Outcome.ACCEPTED, 1)


def body(**more: Any) -> dict[str, Any]:
    return {"model": "claude-sonnet-5", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello."}], **more}


def turns(*contents: Any) -> list[dict[str, Any]]:
    return [{"role": ("user", "assistant")[index % 2], "content": each} for index, each in enumerate(contents)]


CALLED = [{"type": "tool_use", "id": "toolu_1", "name": "sort_reply", "input": {}}]
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"}
KEPT = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
DOCUMENT = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}}


@pytest.mark.parametrize("version", [OLD, NEW])
@pytest.mark.parametrize("headers", [{"x_api_key": KEY}, {"authorization": f"Bearer {KEY}"}])
async def test_both_versions_and_both_keys_are_taken(wire: Wire, version: str, headers: dict[str, str]) -> None:
    given = {"anthropic_version": version, "content_type": "application/json", **headers}
    judge = description(BASE, version)
    assert await wire.check_raw(judge, "POST", f"{BASE}/v1/messages", body(), **given) == 200
    counted = {name: value for name, value in body().items() if name != "max_tokens"}
    assert await wire.check_raw(judge, "POST", f"{BASE}/v1/messages/count_tokens", counted, **given) == 200
    assert await wire.check_raw(old_description(BASE), "POST", f"{BASE}/v1/messages", body(), **given) == 200


@pytest.mark.parametrize(("version", "status"), [(OLD, 200), (NEW, 400)])
@pytest.mark.parametrize(
    "more",
    [
        {"temperature": 1.0},
        {"top_p": 0.9},
        {"top_k": 5},
        {"messages": turns("a", [DOCUMENT])},
        {"messages": turns([{"type": "text", "text": "a", "citations": [{"type": "char_location"}]}])},
    ],
)
async def test_what_the_new_version_took_away_is_refused_there_alone(
    wire: Wire, version: str, status: int, more: dict[str, Any]
) -> None:
    given = {"anthropic_version": version, "x_api_key": KEY}
    judge = description(BASE, version)
    assert await wire.check_raw(judge, "POST", f"{BASE}/v1/messages", body(**more), **given) == status


REFUSED: dict[str, Any] = {
    "no object": [],
    "no JSON": b"{",
    "unknown field": body(speech=True),
    "no model": {"max_tokens": 9, "messages": turns("a")},
    "no max_tokens": {"model": "claude-sonnet-5", "messages": turns("a")},
    "max_tokens below 0": body(max_tokens=-1),
    "max_tokens in words": body(max_tokens="9"),
    "no messages": body(messages=[]),
    "empty message": body(messages=turns("")),
    "assistant first": body(messages=[{"role": "assistant", "content": "a"}]),
    "unknown role": body(messages=[{"role": "tool", "content": "a"}]),
    "unknown block": body(messages=turns([{"type": "song"}])),
    "empty text": body(messages=turns([{"type": "text", "text": ""}])),
    "call not answered": body(messages=turns("a", CALLED, "b"), tools=[TOOL]),
    "answer not first": body(messages=turns("a", CALLED, [{"type": "text", "text": "b"}, RESULT]), tools=[TOOL]),
    "answer to no call": body(messages=turns([RESULT])),
    "call at the end": body(messages=turns("a", CALLED), tools=[TOOL]),
    "stream in words": body(stream="yes"),
    "blank stop": body(stop_sequences=[" "]),
    "unknown metadata": body(metadata={"team": "a"}),
    "system as number": body(system=7),
    "tools as object": body(tools={}, tool_choice={"type": "auto"}),
    "tool without schema": body(tools=[{"name": "a"}]),
    "tool named badly": body(tools=[{**TOOL, "name": "a b"}]),
    "tool named twice": body(tools=[TOOL, TOOL]),
    "tool with more": body(tools=[{**TOOL, "price": 1}]),
    "server tool": body(tools=[{"type": "web_search_20260318", "name": "web_search"}]),
    "choice without tools": body(tool_choice={"type": "any"}),
    "choice of no tool": body(tools=[TOOL], tool_choice={"type": "tool", "name": "a"}),
    "unknown choice": body(tools=[TOOL], tool_choice={"type": "best"}),
    "five breakpoints": body(messages=turns([KEPT] * 5)),
    "breakpoint for a day": body(cache_control={"type": "ephemeral", "ttl": "1d"}),
    "unknown format": body(output_config={"format": {"type": "xml"}}),
    "unknown thinking": body(thinking={"type": "hard"}),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_not_as_published_is_refused_as_published(wire: Wire, judge: Published, name: str) -> None:
    given = {"anthropic_version": NEW, "x_api_key": KEY}
    assert await wire.check_raw(judge, "POST", f"{BASE}/v1/messages", REFUSED[name], **given) == 400


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"anthropic_version": NEW}, body(), 401),
        ({"anthropic_version": NEW, "x_api_key": "another"}, body(), 401),
        ({"x_api_key": KEY}, body(), 400),
        ({"anthropic_version": "2020-01-01", "x_api_key": KEY}, body(), 400),
        ({"anthropic_version": NEW, "x_api_key": KEY}, body(model="gpt-5"), 404),
    ],
    ids=["no key", "no key of theirs", "no version", "unknown version", "unknown model"],
)
async def test_strangers_are_refused_as_published(
    wire: Wire, judge: Published, headers: dict[str, str], content: object, status: int
) -> None:
    assert await wire.check_raw(judge, "POST", f"{BASE}/v1/messages", content, **headers) == status


async def test_a_body_over_32_mb_is_413(wire: Wire) -> None:
    given = {"anthropic_version": NEW, "x_api_key": KEY}
    response = await wire.raw("POST", f"{BASE}/v1/messages", b" " * (32 * 1024 * 1024 + 1), **given)
    assert (response.status, json.loads(response.body)["error"]["type"]) == (413, "request_too_large")


def messages(content: object = None, **headers: str) -> HttpRequest:
    given = {"anthropic-version": NEW, "Content-Type": "application/json", **headers}
    return HttpRequest("POST", f"{BASE}/v1/messages", given, json.dumps(content or body()).encode())


def test_a_request_as_described_passes(judge: Published) -> None:
    judge.check_request(messages())


@pytest.mark.parametrize(
    "wrong",
    [
        messages(body(temperature=1)),
        messages(body(max_tokens="9")),
        messages(body(messages=[{"role": "user"}])),
        messages(body(messages=[{"role": "user", "content": "a", "name": "b"}])),
        messages(body(tools=[{"name": "a"}])),
        messages({"model": "claude-sonnet-5", "messages": []}),
        messages(**{"anthropic-version": OLD}),
        HttpRequest("GET", f"{BASE}/v1/messages", {"anthropic-version": NEW}),
    ],
    ids=["sampling", "type", "no content", "unknown field", "no schema", "no max_tokens", "version", "GET"],
)
def test_a_request_that_is_not_as_described_fails(judge: Published, wrong: HttpRequest) -> None:
    with pytest.raises(ContractError):
        judge.check_request(wrong)


def test_an_answer_that_is_not_as_described_fails(judge: Published) -> None:
    with pytest.raises(ContractError):
        judge.check_answer(messages(), answer(200, {"type": "message"}, content_type="application/json"))
    with pytest.raises(ContractError):
        judge.check_message({"type": "message_start"}, EVENT)
