"""Resend's own SDK, pointed at the sandbox over HTTP: what it sends and reads is what our side says it was."""

from __future__ import annotations

import asyncio

import pytest
import resend
from resend.exceptions import ResendError
from svix.webhooks import Webhook, WebhookVerificationError

from tests.factories.sandbox import SECRETS
from tests.integration.sandbox.conftest import Product, Served

EMAIL: resend.Emails.SendParams = {
    "from": "Ada Agency <ada@agency.example>",
    "to": ["a.person@nowhere.example"],
    "subject": "A question",
    "text": "Hello.",
    "headers": {"X-Sequence": "1"},
    "tags": [{"name": "touch", "value": "t-1"}],
}


@pytest.fixture
def sdk(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its address and key are globals of its module, and are what they were afterwards."""
    monkeypatch.setattr(resend, "api_url", f"{served.url}/resend")
    monkeypatch.setattr(resend, "api_key", "re_sdk")


@pytest.mark.usefixtures("sdk")
async def test_an_email_is_sent_once_under_its_key_and_read_back(served: Served) -> None:
    options: resend.Emails.SendOptions = {"idempotency_key": "sdk-1"}
    first, again = [await asyncio.to_thread(resend.Emails.send, EMAIL, options) for _ in range(2)]
    assert first["id"] == again["id"]
    email = await asyncio.to_thread(resend.Emails.get, first["id"])
    assert (email["from"], email["to"], email["subject"]) == (EMAIL["from"], EMAIL["to"], "A question")
    assert email["message_id"].startswith("<")
    sent = [row for row in await served.oracle() if row["operation"] == "emails.send"]
    assert [(row["accepted"], row["replay"], row["touch"]) for row in sent] == [
        (True, False, "t-1"), (False, True, "t-1"),
    ]  # fmt: skip


@pytest.mark.usefixtures("sdk")
async def test_a_refusal_is_the_sdks_own_error() -> None:
    wrong: resend.Emails.SendParams = {**EMAIL, "from": "nobody"}
    with pytest.raises(ResendError) as caught:
        await asyncio.to_thread(resend.Emails.send, wrong)
    assert (caught.value.code, caught.value.error_type) == (422, "invalid_from_address")


@pytest.mark.usefixtures("sdk")
async def test_a_letter_received_is_told_signed_and_read(served: Served, product: Product) -> None:
    letter = {"from": "jo@company.example", "to": ["reply+abc@in.agency.example"], "subject": "Hi", "text": "Yes."}
    status, body = await served.call("POST", "/control/inbound", json=letter)
    assert status == 201
    await served.settled()
    (event,) = product.to("/webhooks/resend")
    webhook = Webhook(SECRETS.resend_webhook_secret)
    with pytest.raises(WebhookVerificationError):
        webhook.verify(event.body.replace(b"Hi", b"Ho"), event.headers)
    found = await asyncio.to_thread(resend.Emails.Receiving.get, body["email_id"])
    listed = await asyncio.to_thread(resend.Emails.Receiving.list, {"limit": 5})
    assert (found["from"], found["subject"], found["text"]) == ("jo@company.example", "Hi", "Yes.")
    assert [each["id"] for each in listed["data"]] == [body["email_id"]]


@pytest.mark.parametrize(
    "letter",
    [
        [], {}, {"from": "a@b.example"}, {"to": "a@b.example"}, {"from": 7, "to": "a@b.example"},
        {"from": "a@b.example", "to": [7]}, {"from": "a@b.example", "to": "c@d.example", "headers": []},
        {"from": "a@b.example", "to": "c@d.example", "attachments": {}},
        {"from": "a@b.example", "to": "c@d.example", "attachments": [{"content": "%"}]},
    ],
)  # fmt: skip
async def test_a_letter_that_is_none_is_refused_by_control(served: Served, letter: object) -> None:
    status, answer = await served.call("POST", "/control/inbound", json=letter)
    assert (status, bool(answer["error"])) == (400, True)


@pytest.mark.parametrize("choice", [[], {}, {"provider": "sendgrid"}, {"provider": None}, "resend"])
async def test_who_receives_is_one_of_those_who_can(served: Served, choice: object) -> None:
    status, answer = await served.call("PUT", "/control/inbound", json=choice)
    assert (status, bool(answer["error"])) == (400, True)
    assert await served.call("PUT", "/control/inbound", json={"provider": "resend"}) == (200, {"provider": "resend"})
