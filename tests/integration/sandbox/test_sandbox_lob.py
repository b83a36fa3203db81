"""Lob over HTTP: its official SDK completes an exchange, and its events reach the product signed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import lob_python
import pytest
from lob_python.api.letters_api import LettersApi
from lob_python.api.postcards_api import PostcardsApi
from lob_python.api.us_verifications_api import UsVerificationsApi
from lob_python.exceptions import ApiException
from lob_python.model.address_editable import AddressEditable
from lob_python.model.letter_editable import LetterEditable
from lob_python.model.ltr_use_type import LtrUseType
from lob_python.model.metadata_model import MetadataModel
from lob_python.model.postcard_editable import PostcardEditable
from lob_python.model.psc_use_type import PscUseType
from lob_python.model.us_verifications_writable import UsVerificationsWritable

from agency_os.integrations import lob_events
from agency_os.integrations.postal_provider import PostalEvent, PostalEventKind
from tests.factories.sandbox import MONDAY_NINE, SECRETS
from tests.integration.sandbox.conftest import Product, Served

T = TypeVar("T")
PATH = "/webhooks/lob"


async def in_thread(work: Callable[[], T]) -> T:
    """The SDK blocks, and the sandbox is served by this loop."""
    return await asyncio.to_thread(work)


def sdk_of(served: Served, key: str = "live_sdk") -> lob_python.ApiClient:
    return lob_python.ApiClient(lob_python.Configuration(host=f"{served.url}/lob/v1", username=key))


def address(name: str, line: str = "deliverable") -> AddressEditable:
    return AddressEditable(
        name=name, address_line1=line, address_city="San Francisco", address_state="CA", address_zip="94107"
    )


def postcard(**more: Any) -> PostcardEditable:
    return PostcardEditable(
        to=address("Harry Zhang"),
        front="<b>Front</b>",
        back="<b>Back</b>",
        use_type=PscUseType("marketing"),
        metadata=MetadataModel(touch="t-1"),
        **more,
    )


async def test_the_official_sdk_sends_reads_and_cancels_a_postcard(served: Served) -> None:
    with sdk_of(served) as sdk:
        api = PostcardsApi(sdk)
        made = await in_thread(lambda: api.create(postcard(), idempotency_key="key-1"))
        again = await in_thread(lambda: api.create(postcard(), idempotency_key="key-1"))
        read = await in_thread(lambda: api.get(made.id))
        cancelled = await in_thread(lambda: api.cancel(made.id))
    assert (again.id, read.id, cancelled.deleted) == (made.id, made.id, True)
    assert read.to.address_line1 == "DELIVERABLE"
    assert [(row["units"], row["replay"]) for row in await served.oracle()][:2] == [("1", False), ("0", True)]


async def test_the_official_sdk_sends_a_letter_and_verifies_an_address(served: Served) -> None:
    letter = LetterEditable(
        to=address("Harry Zhang"),
        _from=address("Agency"),
        file="<b>Dear Harry</b>",
        color=True,
        use_type=LtrUseType("operational"),
    )
    asked = UsVerificationsWritable(primary_line="missing unit", zip_code="11111")
    with sdk_of(served) as sdk:
        made = await in_thread(lambda: LettersApi(sdk).create(letter))
        verified = await in_thread(lambda: UsVerificationsApi(sdk).verifySingle(asked))
    assert str(made.id).startswith("ltr_")
    assert verified.deliverability == "deliverable_missing_unit"


async def test_the_official_sdk_is_refused_with_a_wrong_key(served: Served) -> None:
    with sdk_of(served, "key") as sdk, pytest.raises(ApiException) as caught:
        await in_thread(lambda: PostcardsApi(sdk).create(postcard()))
    assert caught.value.status == 401


async def test_events_reach_the_product_signed_at_their_time(served: Served, product: Product) -> None:
    with sdk_of(served) as sdk:
        made = await in_thread(lambda: PostcardsApi(sdk).create(postcard()))
    later = MONDAY_NINE + timedelta(days=20)
    await served.move(later.isoformat())
    await served.settled()
    events: list[PostalEvent] = []
    for each in product.to(PATH):
        at = MONDAY_NINE if not events else later
        lob_events.verify(each.body, each.headers, SECRETS.lob_secret, at)
        events.append(lob_events.parse_event(each.body))
    assert {event.piece_id for event in events} == {str(made.id)}
    assert events[0].kind is PostalEventKind.CREATED
    assert events[-1].kind in (PostalEventKind.DELIVERED, PostalEventKind.RETURNED)
    assert all(event.metadata == {"touch": "t-1"} for event in events)
