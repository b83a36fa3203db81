"""Resend's received mail over a scripted transport: what is read of a letter, and whose addresses are fetched from."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings

from agency_os.domain.mail import InboundMail
from agency_os.exceptions import (
    InvalidInputError,
    ProviderAnswerError,
    ProviderError,
    ProviderRefusedError,
    ProviderUnknownError,
)
from agency_os.integrations.provider_api import Connection
from agency_os.integrations.resend import ResendClient
from agency_os.integrations.resend_inbound import ResendInboundClient
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import HttpResponse, NoAnswerError
from agency_os.kit.retry import RateLimit
from tests.factories.json_values import any_json
from tests.support.wire import Script, answer

KEY = "re_live_0123456789abcdef"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LETTER: dict[str, Any] = {"id": "r-1", "from": "Jo <jo@company.example>", "to": ["reply+abc@in.agency.example"]}
REPORT = {**LETTER, "attachments": [{"id": "a-1", "content_type": "message/delivery-status"}]}
FILES = "https://files.resend.example/a-1?Signature=s"


class Both:
    """A client, what answers it and the wall clock of both."""

    def __init__(self, *answers: HttpResponse | Exception, base_url: str = "https://r.example/") -> None:
        self.wall = FakeWallClock()
        self.script = Script(*answers)
        connection = Connection(self.script, base_url, KEY, RateLimit(1000, self.wall), self.wall, Random(1))  # noqa: S311
        self.client = ResendInboundClient(connection)
        self.sender = ResendClient(connection)

    async def read(self) -> InboundMail:
        mail = await self.client.received("r-1", now=NOW)
        assert mail is not None
        return mail

    def asked(self) -> list[str]:
        return [request.url for request in self.script.requests]


def linked(url: object = FILES, kind: str = "message/delivery-status") -> HttpResponse:
    """The list of a letter's attachments."""
    return answer(200, {"data": [{"id": "a-1", "content_type": kind, "download_url": url}]})


async def test_a_letter_of_which_almost_nothing_is_known_is_read() -> None:
    mail = await Both(answer(200, {**LETTER, "text": None, "html": None, "headers": None, "cc": None})).read()
    assert (mail.event_id, mail.from_email, mail.mailbox_hash) == ("received:r-1", "jo@company.example", "abc")
    assert (mail.text, mail.html, mail.headers, mail.message_id, mail.references) == ("", "", (), None, ())


@pytest.mark.parametrize(
    "headers",
    [
        {"In-Reply-To": "<a@b.example>", "References": "<0@b.example>\r\n <a@b.example>"},
        {"in-reply-to": ["<a@b.example>", "<c@d.example>"], "references": ["<0@b.example>", "<a@b.example>"]},
    ],
    ids=["text", "lists"],
)
async def test_the_thread_is_found_however_headers_are_written(headers: dict[str, object]) -> None:
    mail = await Both(answer(200, {**LETTER, "headers": headers})).read()
    assert (mail.in_reply_to, mail.references) == ("<a@b.example>", ("<0@b.example>", "<a@b.example>"))


async def test_the_message_id_is_the_letters_own_or_its_headers() -> None:
    headers = {"message-id": "<h@b.example>"}
    own = await Both(answer(200, {**LETTER, "message_id": "<o@b.example>", "headers": headers})).read()
    other = await Both(answer(200, {**LETTER, "message_id": None, "headers": headers})).read()
    assert (own.message_id, other.message_id) == ("<o@b.example>", "<h@b.example>")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"to": ["other@agency.example"], "cc": ["Ada <reply+abc@in.agency.example>"]}, "abc"),
        ({"to": "reply+abc@in.agency.example"}, "abc"),
        ({"to": ["other@agency.example"]}, ""),
        ({"to": ["+@agency.example", "a+b+c@agency.example"]}, "b+c"),
        ({"to": None}, ""),
    ],
)
async def test_the_mailbox_hash_is_what_follows_the_plus(fields: dict[str, object], expected: str) -> None:
    assert (await Both(answer(200, {**LETTER, **fields})).read()).mailbox_hash == expected


@pytest.mark.parametrize("sender", [None, "", "  ", [], "\x00"])
async def test_a_letter_without_a_sender_is_no_letter(sender: object) -> None:
    with pytest.raises(ProviderAnswerError):
        await Both(answer(200, {**LETTER, "from": sender})).read()


async def test_what_no_database_can_store_is_taken_out() -> None:
    mail = await Both(answer(200, {**LETTER, "text": "a\x00b", "headers": {"x\x00": "c\x00d"}})).read()
    assert (mail.text, mail.headers) == ("ab", (("x", "cd"),))


async def test_a_report_is_fetched_from_where_it_lies_without_our_key() -> None:
    both = Both(answer(200, REPORT), linked(), answer(200, b"Action: failed\x00"))
    (part,) = (await both.read()).reports
    assert (part.content_type, part.text) == ("message/delivery-status", "Action: failed")
    assert both.asked() == [
        "https://r.example/emails/receiving/r-1",
        "https://r.example/emails/receiving/r-1/attachments?limit=100",
        FILES,
    ]
    assert [KEY in str(dict(request.headers)) for request in both.script.requests] == [True, True, False]


async def test_a_letter_without_reports_is_one_request() -> None:
    attachments = [{"id": "a-1", "content_type": "image/png"}, {"id": "a-2", "content_type": None}, None]
    both = Both(answer(200, {**LETTER, "attachments": attachments}))
    assert (await both.read()).reports == ()
    assert len(both.script.requests) == 1


@pytest.mark.parametrize(
    "url",
    ["http://files.example/a", "file:///etc/passwd", "//r.example/a", "ftp://r.example/a", "/emails", "", None, 7],
)
async def test_nothing_is_fetched_from_an_address_that_is_not_safe(url: object) -> None:
    both = Both(answer(200, REPORT), linked(url))
    assert (await both.read()).reports == ()
    assert len(both.script.requests) == 2


@pytest.mark.parametrize(
    ("url", "fetched"),
    [("http://127.0.0.1:9/a", True), ("http://127.0.0.1:10/a", False), ("http://127.0.0.1/a", False)],
)
async def test_an_address_of_the_apis_own_host_is_safe(url: str, fetched: bool) -> None:
    both = Both(answer(200, REPORT), linked(url), answer(200, b"x"), base_url="http://127.0.0.1:9/resend")
    assert bool((await both.read()).reports) is fetched


async def test_no_more_than_a_few_parts_are_fetched() -> None:
    many = [{"id": f"a-{n}", "content_type": "message/rfc822", "download_url": FILES} for n in range(50)]
    both = Both(answer(200, REPORT), answer(200, {"data": many}), answer(200, b"x"))
    assert len((await both.read()).reports) == 8
    assert len(both.script.requests) == 10


@pytest.mark.parametrize(
    ("failure", "kind"),
    [(answer(403, b"<Error/>"), ProviderRefusedError), (NoAnswerError("cut"), ProviderUnknownError)],
)
async def test_a_report_that_cannot_be_fetched_is_an_error_and_not_a_letter_without_it(
    failure: HttpResponse | Exception, kind: type[ProviderError]
) -> None:
    both = Both(answer(200, REPORT), linked(), failure)
    with pytest.raises(kind) as caught:
        await both.read()
    assert (caught.value.operation, KEY in str(caught.value)) == ("received", False)


@pytest.mark.parametrize(
    ("body", "is_none"),
    [({"statusCode": 404, "name": "not_found", "message": "Email not found"}, True), (b"<html>", False)],
)
async def test_a_letter_that_resend_does_not_know_is_none_and_a_wrong_address_is_an_error(
    body: object, is_none: bool
) -> None:
    both = Both(answer(404, body))
    if is_none:
        assert await both.client.received("r-1", now=NOW) is None
        return
    with pytest.raises(ProviderRefusedError):
        await both.client.received("r-1", now=NOW)


async def test_an_id_is_spelt_into_the_address_safely() -> None:
    both = Both(answer(200, LETTER))
    await both.client.received("../domains?x=1", now=NOW)
    assert both.asked() == ["https://r.example/emails/receiving/..%2Fdomains%3Fx%3D1"]


async def test_a_list_says_how_it_goes_on() -> None:
    email = {"id": "r-1", "created_at": "2026-03-02T09:00:00.000Z", "from": "jo@company.example", "to": ["a@b.example"]}
    body = {"data": [email, {"id": None}, {"id": "r-2"}, 7], "has_more": True}
    both = Both(answer(200, body))
    page = await both.client.list_received(limit=5, after="r-0")
    assert [(each.id, each.sender, each.subject) for each in page.emails] == [("r-1", "jo@company.example", "")]
    assert (page.after, page.emails[0].created_at) == ("r-1", NOW)
    assert both.asked() == ["https://r.example/emails/receiving?limit=5&after=r-0"]


@pytest.mark.parametrize("body", [{"data": [], "has_more": True}, {"data": [], "has_more": None}])
async def test_an_empty_list_goes_on_nowhere(body: object) -> None:
    assert (await Both(answer(200, body)).client.list_received()).after is None


@pytest.mark.parametrize("limit", [0, 101])
async def test_a_page_that_cannot_be_had_is_not_asked_for(limit: int) -> None:
    both = Both(answer(200, {"data": []}))
    with pytest.raises(InvalidInputError):
        await both.client.list_received(limit=limit)
    assert both.script.requests == []


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {}}])
async def test_an_answer_without_a_list_is_no_result(body: object) -> None:
    for ask in (Both(answer(200, body)).client.list_received(), Both(answer(200, body)).client.attachments("r-1")):
        with pytest.raises(ProviderAnswerError):
            await ask


@pytest.mark.parametrize(("status", "known"), [(200, True), (404, False)])
async def test_an_email_that_was_sent_is_read_with_its_last_event(status: int, known: bool) -> None:
    body = {"id": "e-1", "created_at": "2026-03-02 09:00:00.0+00", "to": ["a@b.example"], "last_event": "delivered"}
    both = Both(answer(status, body))
    email = await both.sender.read_email("e/1")
    assert (None if email is None else email.last_event) == ("delivered" if known else None)
    assert both.asked() == ["https://r.example/emails/e%2F1"]


@pytest.mark.parametrize("body", [{}, {"id": "e-1"}, {"created_at": "2026-03-02"}])
async def test_an_email_without_an_id_or_a_time_is_no_result(body: object) -> None:
    with pytest.raises(ProviderAnswerError):
        await Both(answer(200, body)).sender.read_email("e-1")


@settings(deadline=None)
@given(value=any_json("from", "to", "headers", "attachments", "id", "content_type", "data", "message_id", "text"))
async def test_any_answer_is_a_letter_or_a_providers_error(value: object) -> None:
    both = Both(answer(200, value))
    try:
        mail = await both.client.received("r-1", now=NOW)
    except ProviderError:
        return
    assert mail is not None
    assert "\x00" not in f"{mail}"
