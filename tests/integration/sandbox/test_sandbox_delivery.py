"""Webhooks leave signed, in order, again until they are taken, and as the product's own parsers read them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from svix.webhooks import Webhook

from agency_os.integrations import cal_com, postmark, resend
from agency_os.integrations.mail_transport import MailEventKind
from agency_os_sandbox.world.behaviour import Act
from tests.factories.sandbox import MONDAY_NINE, SECRETS, message, people_who
from tests.integration.sandbox.conftest import Product, Served, written_to

IN_A_WEEK = "2026-03-09T09:00:00+11:00"
RESEND, POSTMARK, CAL_COM = "/webhooks/resend", "/webhooks/postmark", "/webhooks/cal-com"


def types(product: Product) -> list[str]:
    return [json.loads(each.body)["type"] for each in product.to(RESEND)]


async def test_resends_events_are_signed_at_virtual_time(served: Served, product: Product) -> None:
    await served.send([message(next(people_who(Act.OPENED)))])
    await served.settled()
    for each in product.to(RESEND):
        resend.verify(each.body, each.headers, SECRETS.resend_webhook_secret, MONDAY_NINE)
    assert types(product) == ["email.sent", "email.delivered"]


async def test_svix_itself_accepts_the_signature_when_virtual_time_is_the_present(
    served: Served, product: Product
) -> None:
    now = datetime.now(UTC)
    await served.move(now.isoformat())
    await served.send([message("a.person@nowhere.example")])
    await served.settled()
    first = product.to(RESEND)[0]
    Webhook(SECRETS.resend_webhook_secret).verify(first.body, first.headers)
    assert first.headers["svix-id"].startswith("msg_")


async def test_a_refused_webhook_comes_again_under_the_same_id(served: Served, product: Product) -> None:
    product.statuses[RESEND] = [500, 401]
    await served.send([message("a.person@nowhere.example")])
    standing = await served.settled()
    ids = [each.headers["svix-id"] for each in product.to(RESEND)]
    assert (ids[0] == ids[1] == ids[2] != ids[3], standing["delivered"]) == (True, 2)


async def test_postmark_takes_200_alone_for_an_answer(served: Served, product: Product) -> None:
    product.statuses[POSTMARK] = [202]
    await _someone_writes(served)
    letters = product.to(POSTMARK)
    assert len(letters) == 2
    assert letters[0].body == letters[1].body


async def test_postmark_gives_up_at_403(served: Served, product: Product) -> None:
    product.statuses[POSTMARK] = [403]
    await _someone_writes(served)
    _, standing = await served.call("GET", "/control/status")
    assert (len(product.to(POSTMARK)), standing["failed"]) == (1, 1)


async def _someone_writes(served: Served) -> None:
    await served.send([message(next(people_who(Act.INTERESTED)))])
    await served.move(IN_A_WEEK)
    await served.settled()


async def test_the_product_reads_a_reply(served: Served, product: Product) -> None:
    address = next(people_who(Act.INTERESTED))
    _, answer = await served.send([message(address)])
    await served.move(IN_A_WEEK)
    await served.settled()
    letter = product.to(POSTMARK)[0]
    postmark.verify(letter.headers, SECRETS.postmark_user, SECRETS.postmark_password)
    mail = postmark.parse_inbound(letter.body, now=MONDAY_NINE)
    assert (mail.from_email, mail.mailbox_hash) == (address, "abc234")
    assert answer["data"][0]["id"] in (mail.in_reply_to or "")


async def test_the_product_reads_a_booking_with_its_token(served: Served, product: Product) -> None:
    address = next(people_who(Act.BOOKED))
    await served.send([written_to(served, product, address)])
    await served.move(IN_A_WEEK)
    await served.settled()
    webhook = product.to(CAL_COM)[0]
    cal_com.verify(webhook.body, webhook.headers, SECRETS.cal_com_secret)
    event = cal_com.parse_booking(webhook.body)
    assert (event.kind, event.token) == (cal_com.BookingEventKind.CREATED, "tok-" + address.partition("@")[0])
    assert event.attendee_email == address


async def test_the_product_reads_a_bounce_as_a_hard_one(served: Served, product: Product) -> None:
    await served.send([message(next(people_who(Act.BOUNCED)))])
    await served.settled()
    event = resend.parse_event(product.to(RESEND)[-1].body)
    assert (event.kind, event.hard) == (MailEventKind.BOUNCED, True)


async def test_one_click_is_posted_as_rfc_8058_says_until_it_is_taken(served: Served, product: Product) -> None:
    await served.send([written_to(served, product, next(people_who(Act.UNSUBSCRIBED)))])
    product.statuses["/u/tok"] = [503]
    await served.move(IN_A_WEEK)
    await served.settled()
    posts = product.to("/u/tok")
    assert [each.body for each in posts] == [b"List-Unsubscribe=One-Click"] * 2
    assert posts[0].headers["content-type"] == "application/x-www-form-urlencoded"


async def test_a_post_that_waits_counts_as_undelivered(served: Served, product: Product) -> None:
    await served.send([written_to(served, product, next(people_who(Act.UNSUBSCRIBED)))])
    product.statuses["/u/tok"] = [503] * 1000
    await served.move(IN_A_WEEK)
    with pytest.raises(TimeoutError):
        await served.settled(0.5)
    _, standing = await served.call("GET", "/control/status")
    assert (standing["undelivered"], standing["retrying"]) == (1, 1)


async def test_one_lane_that_is_refused_holds_no_other_up(served: Served, product: Product) -> None:
    product.statuses[RESEND] = [500] * 3
    await served.send([message(f"p{index}.person@nowhere.example") for index in range(50)])
    assert (await served.settled())["delivered"] == 100


async def test_a_duplicated_webhook_arrives_twice(served: Served, product: Product) -> None:
    await served.faults({"provider": "resend", "operation": "email.sent", "kind": "duplicated"})
    await served.send([message("a.person@nowhere.example")])
    await served.settled()
    assert types(product) == ["email.sent", "email.sent", "email.delivered"]


async def test_a_reordered_webhook_lets_the_next_pass(served: Served, product: Product) -> None:
    await served.faults({"provider": "resend", "operation": "email.sent", "kind": "reordered"})
    await served.send([message("a.person@nowhere.example")])
    await served.settled()
    assert types(product) == ["email.delivered", "email.sent"]


async def test_a_late_webhook_arrives_when_the_clock_has_moved(served: Served, product: Product) -> None:
    await served.faults({"provider": "resend", "operation": "email.sent", "kind": "late", "seconds": 3600})
    await served.send([message("a.person@nowhere.example")])
    standing = await served.settled()
    before = types(product)
    await served.move((MONDAY_NINE + timedelta(hours=1)).isoformat())
    await served.settled()
    assert (before, types(product)) == (["email.delivered"], ["email.delivered", "email.sent"])
    assert standing["next_due"] == "2026-03-01T23:00:00.000000Z"


@pytest.mark.parametrize("kind", [Act.COMPLAINED, Act.OPENED])
async def test_what_people_do_with_a_message_is_told(served: Served, product: Product, kind: Act) -> None:
    await served.send([message(next(people_who(kind)))])
    await served.move(IN_A_WEEK)
    await served.settled()
    assert f"email.{kind.value}" in types(product)
