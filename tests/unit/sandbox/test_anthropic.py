"""The sandbox's Anthropic: what its model says of what it is given, and what it keeps in its cache for how long."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agency_os_sandbox.providers.anthropic_cache import LEAST_TOKENS, length_of, read_through
from agency_os_sandbox.providers.anthropic_checks import NEW, BadRequestError, check_message_request
from agency_os_sandbox.providers.anthropic_words import Filler, first_sentence, reply, said_last, tokens_of, tool_wanted
from tests.factories.sandbox import MONDAY_NINE, World

TEXT = "Not interested, thanks. Write to pat@company.example or https://company.example/x in 12 weeks."
SCHEMA: dict[str, Any] = {
    "type": "object",
    "$defs": {"Day": {"type": "string", "format": "date"}},
    "required": [
        "intent",
        "email",
        "url",
        "weeks",
        "share",
        "day",
        "at",
        "tags",
        "note",
        "sure",
        "kind",
        "maybe",
        "all",
    ],
    "additionalProperties": False,
    "properties": {
        "intent": {"enum": ["interested", "opt_out"]},
        "email": {"type": "string", "format": "email"},
        "url": {"type": "string", "format": "uri"},
        "weeks": {"type": "integer", "minimum": 1, "maximum": 52},
        "share": {"type": "number", "minimum": 0, "maximum": 1},
        "day": {"$ref": "#/$defs/Day"},
        "at": {"type": "string", "format": "date-time"},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 5}, "minItems": 2},
        "note": {"type": ["string", "null"], "minLength": 30},
        "sure": {"type": "boolean"},
        "kind": {"const": "reply"},
        "maybe": {"anyOf": [{"type": "null"}, {"type": "integer", "exclusiveMinimum": 60}]},
        "all": {"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}}]},
    },
}


def filled(schema: dict[str, Any], text: str = TEXT) -> Any:
    return Filler(schema, text, MONDAY_NINE).fill()


def test_a_schema_is_filled_from_the_text() -> None:
    value = filled(SCHEMA)
    Draft202012Validator(SCHEMA).validate(value)
    assert (value["intent"], value["email"], value["url"], value["weeks"], value["maybe"]) == (
        "interested", "pat@company.example", "https://company.example/x", 12, 61
    )  # fmt: skip
    assert value == filled(SCHEMA)


def test_what_the_text_does_not_hold_is_made_up_and_still_fits() -> None:
    value = filled(SCHEMA, "Hm")
    Draft202012Validator(SCHEMA).validate(value)
    assert value == filled(SCHEMA, "Hm")


def test_a_schema_that_refers_to_itself_ends() -> None:
    loop = {"$ref": "#/$defs/Node", "$defs": {"Node": {"properties": {"next": {"$ref": "#/$defs/Node"}}}}}
    assert json.dumps(filled(loop)).count("next") < 20
    assert filled({"$ref": "#"}) is not None


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "type enum const properties items anyOf allOf $ref minimum maximum minItems maxLength format".split()
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(schema=st.dictionaries(st.sampled_from(["type", "properties", "items", "enum", "anyOf", "$ref"]), ODD))
@settings(max_examples=150, deadline=None)
def test_a_schema_of_any_shape_is_filled_with_something(schema: dict[str, Any]) -> None:
    json.dumps(filled(schema))


@pytest.mark.parametrize(
    ("text", "sentence"), [("One. Two.", "One."), ("  No\n end", "No end"), ("", ""), ("Really? Yes", "Really?")]
)
def test_the_first_sentence_is_found(text: str, sentence: str) -> None:
    assert first_sentence(text) == sentence
    assert sentence in reply(text)


def test_a_tool_is_used_when_it_is_named_or_demanded() -> None:
    tools = [{"name": "sort_reply"}, {"name": "book_meeting"}]
    choices = [
        ({}, "Book the meeting", "book_meeting"), ({}, "Hello", None),
        ({"tool_choice": {"type": "any"}}, "Hello", "sort_reply"),
        ({"tool_choice": {"type": "tool", "name": "book_meeting"}}, "Hello", "book_meeting"),
        ({"tool_choice": {"type": "none"}}, "Book the meeting", None),
    ]  # fmt: skip
    for more, text, name in choices:
        assert (tool_wanted({"tools": tools, **more}, text) or {"name": None})["name"] == name


def test_a_tools_result_is_what_was_said_last() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "Booked."}]}
    assert said_last([{"content": [result, {"type": "text", "text": "And now?"}]}]) == "Booked. And now?"


LONG = "word " * (LEAST_TOKENS + 10)


def request(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "claude-a", "messages": [{"role": "user", "content": list(blocks)}], **more}


def text(words: str, ttl: str | None = None) -> dict[str, Any]:
    control = {} if ttl is None else {"cache_control": {"type": "ephemeral", "ttl": ttl}}
    return {"type": "text", "text": words, **control}


def test_a_prefix_is_kept_as_long_as_was_asked(world: World) -> None:
    for ttl, span in (("5m", timedelta(minutes=5)), ("1h", timedelta(hours=1))):
        body = request(text(f"{ttl} {LONG}", ttl), text("Hello."))
        first = read_through(world.store, "a", body, MONDAY_NINE)
        assert (first.written[ttl] > LEAST_TOKENS, first.cached, first.total) == (True, 0, length_of(body))
        almost = MONDAY_NINE + span - timedelta(seconds=1)
        again = read_through(world.store, "a", body, almost)
        assert (sum(again.written.values()), again.cached) == (0, first.written[ttl])
        renewed = read_through(world.store, "a", body, almost + span - timedelta(seconds=1))
        assert renewed.cached == first.written[ttl]
        late = read_through(world.store, "a", body, almost + 2 * span)
        assert (late.written, late.cached) == (first.written, 0)


def test_another_account_model_or_beginning_reads_nothing(world: World) -> None:
    body = request(text(LONG, "5m"))
    read_through(world.store, "a", body, MONDAY_NINE)
    others = [("b", body), ("a", {**body, "model": "claude-b"}), ("a", {**body, "system": "Be brief."})]
    assert [read_through(world.store, account, other, MONDAY_NINE).cached for account, other in others] == [0, 0, 0]


def test_a_longer_prefix_reads_the_shorter_and_writes_the_rest(world: World) -> None:
    short = read_through(world.store, "a", request(text(LONG, "1h")), MONDAY_NINE)
    longer = request(text(LONG, "1h"), text(LONG, "5m"), text("Hello."))
    read = read_through(world.store, "a", longer, MONDAY_NINE)
    assert (read.cached, read.written["1h"]) == (short.written["1h"], 0)
    assert (read.written["5m"] > 0, read.total) == (True, length_of(longer))


def test_a_short_prefix_is_silently_not_kept(world: World) -> None:
    read = read_through(world.store, "a", request(text("Hello.", "5m")), MONDAY_NINE)
    assert (sum(read.written.values()), read.fresh) == (0, tokens_of("user: Hello."))


def test_a_breakpoint_for_the_whole_request_stands_at_its_end(world: World) -> None:
    body = request(text(LONG), cache_control={"type": "ephemeral"})
    assert read_through(world.store, "a", body, MONDAY_NINE).written["5m"] == length_of(body)


@given(data=ODD, field=st.sampled_from("model max_tokens messages system tools tool_choice metadata thinking".split()))
@settings(max_examples=150, deadline=None)
def test_a_request_of_any_shape_is_taken_or_refused(data: Any, field: str) -> None:
    body = {"model": "claude-a", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello."}], field: data}
    with suppress(BadRequestError):
        assert check_message_request(body, NEW)["model"]
