"""Anthropic's sandbox over real HTTP: our client, and the official SDK as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from anthropic import AsyncAnthropic, BadRequestError

from agency_os.exceptions import Outcome, ProviderError
from agency_os.integrations.anthropic import AnthropicClient
from agency_os.integrations.anthropic_messages import Completion, Prompt
from agency_os.integrations.provider_api import NOT_SENT, Connection
from agency_os.kit.clock import SystemWallClock
from agency_os.kit.http import AiohttpTransport, Timeouts
from agency_os.kit.retry import RateLimit, RetryPolicy
from tests.integration.sandbox.conftest import Served

HELLO = "Please book a meeting on Tuesday. Thank you."
PROMPT = Prompt("claude-sonnet-5", 300, [{"role": "user", "content": HELLO}])
TOOL = {
    "name": "book_meeting",
    "input_schema": {"type": "object", "properties": {"note": {"type": "string"}}, "required": ["note"]},
}


def client_at(url: str, timeouts: Timeouts = Timeouts()) -> AnthropicClient:
    wall = SystemWallClock()
    connection = Connection(AiohttpTransport(), f"{url}/anthropic", "sk-ant-test", RateLimit(100, wall), wall)
    return AnthropicClient(connection, timeouts=timeouts, policy=RetryPolicy(attempts=2, first_wait=0.01))


@pytest.fixture
async def client(served: Served) -> AsyncIterator[AnthropicClient]:
    made = client_at(served.url)
    yield made
    await made.aclose()


async def test_our_client_completes_streams_and_counts(served: Served, client: AnthropicClient) -> None:
    whole = await client.complete(PROMPT)
    *pieces, last = [piece async for piece in client.stream(PROMPT)]
    assert isinstance(last, Completion)
    assert (last.text, len(pieces) > 1) == (whole.text, True)
    assert await client.count_tokens(PROMPT) == whole.usage.input_tokens
    rows = [row for row in await served.oracle() if row["provider"] == "anthropic"]
    assert [(row["operation"], Decimal(row["units"])) for row in rows] == [
        ("messages.create", whole.units),
        ("messages.stream", last.units),
        ("count_tokens", Decimal(0)),
    ]


async def test_an_answer_lost_after_acceptance_is_not_asked_for_again(served: Served) -> None:
    client = client_at(served.url, Timeouts(read=0.3, total=0.3))
    for operation in ("messages.create", "messages.stream"):
        await served.faults({"provider": "anthropic", "operation": operation, "kind": "accepted_then_timeout"})
        ask = client.complete(PROMPT) if operation == "messages.create" else anext(client.stream(PROMPT))
        with pytest.raises(ProviderError) as caught:
            await ask
        assert caught.value.outcome is Outcome.UNKNOWN
    accepted = [row for row in await served.oracle() if row["provider"] == "anthropic" and row["accepted"]]
    assert len(accepted) == 2
    await client.aclose()


async def test_nobody_at_the_address_means_that_nothing_was_accepted() -> None:
    client = client_at("http://127.0.0.1:9")
    with pytest.raises(ProviderError) as caught:
        await client.complete(PROMPT)
    assert (caught.value.outcome, caught.value.provider_code) == (Outcome.NOT_ACCEPTED, NOT_SENT)
    await client.aclose()


async def test_the_sdk_as_it_comes_uses_a_tool_and_streams(served: Served) -> None:
    async with AsyncAnthropic(api_key="sk-ant-test", base_url=f"{served.url}/anthropic") as sdk:
        message = await sdk.messages.create(
            model="claude-sonnet-5",
            max_tokens=300,
            messages=[{"role": "user", "content": HELLO}],
            tools=[{"name": "book_meeting", "input_schema": TOOL["input_schema"]}],  # type: ignore[typeddict-item]  # JSON
        )
        block = message.content[0]
        assert (block.type, message.stop_reason) == ("tool_use", "tool_use")
        assert block.type == "tool_use"
        assert block.input == {"note": "Please book a meeting on Tuesday."}
        async with sdk.messages.stream(
            model="claude-sonnet-5", max_tokens=300, messages=[{"role": "user", "content": HELLO}]
        ) as stream:
            text = "".join([piece async for piece in stream.text_stream])
            final = await stream.get_final_message()
        assert (final.stop_reason, final.usage.output_tokens > 1) == ("end_turn", True)
        assert "Please book a meeting on Tuesday." in text
        counted = await sdk.messages.count_tokens(
            model="claude-sonnet-5", messages=[{"role": "user", "content": HELLO}]
        )
        assert counted.input_tokens == final.usage.input_tokens


async def test_the_sdk_as_it_comes_waits_and_tries_again_and_reads_refusals(served: Served) -> None:
    await served.faults({"provider": "anthropic", "operation": "*", "kind": "pending", "nth": 1})
    async with AsyncAnthropic(api_key="sk-ant-test", base_url=f"{served.url}/anthropic") as sdk:
        await sdk.messages.create(model="claude-sonnet-5", max_tokens=9, messages=[{"role": "user", "content": "Hi"}])
        with pytest.raises(BadRequestError) as caught:
            await sdk.messages.create(model="claude-sonnet-5", max_tokens=9, messages=[])
    assert (caught.value.type, bool(caught.value.request_id)) == ("invalid_request_error", True)
