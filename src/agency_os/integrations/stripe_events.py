"""Stripe's webhooks (docs.stripe.com/webhooks): checked, named, and read as far as our subscriptions go.

They come at least once and in no order. The signature is over time and raw body; while a secret is rolled several
stand there, and v0, which Stripe makes for its test events, is no signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from agency_os.exceptions import InvalidInputError
from agency_os.integrations.json_fields import Fields, read_webhook
from agency_os.integrations.stripe import CLIENT_FIELD, NAME, Subscription, client_of, id_of, instant, read_subscription
from agency_os.integrations.webhook import EventName, Webhook, WebhookSource, must_carry
from agency_os.kit.signatures import verify_timed_hmac

SIGNATURE_HEADER: Final = "stripe-signature"
TOLERANCE: Final = timedelta(seconds=300)
"""How old a signature may be; like Stripe's own libraries we do not refuse one from the future."""
_SUBSCRIPTION: Final = "customer.subscription."


class BillingEventKind(StrEnum):
    """What an event tells of."""

    CHECKOUT = "checkout"
    SUBSCRIPTION = "subscription"
    INVOICE_PAID = "invoice_paid"
    INVOICE_FAILED = "invoice_failed"
    OTHER = "other"


_KINDS: Final = {
    "checkout.session.completed": BillingEventKind.CHECKOUT,
    "invoice.paid": BillingEventKind.INVOICE_PAID,
    "invoice.payment_failed": BillingEventKind.INVOICE_FAILED,
}


@dataclass(frozen=True, slots=True)
class BillingEvent:
    """One event. ``type`` is Stripe's word, ``created_at`` aware UTC, in whole seconds.

    ``client_id`` is the client that we named when the subscription was asked for. ``subscription`` is there for events
    of a subscription alone: as it stood then; ``changes_status`` says that the event is about its status.
    """

    event_id: str
    type: str
    kind: BillingEventKind
    created_at: datetime
    customer_id: str | None
    subscription_id: str | None
    client_id: UUID | None
    subscription: Subscription | None = None
    changes_status: bool = False


def verify(body: bytes, headers: Mapping[str, str], secret: str, now: datetime) -> None:
    """Raise SignatureError unless the webhook is signed under the whole text of ``secret``; ``now``: business time."""
    header = {name.lower(): value for name, value in headers.items()}.get(SIGNATURE_HEADER)
    verify_timed_hmac(body, header, secret, now, tolerance=TOLERANCE)


def webhooks(secret: str) -> WebhookSource:
    """Stripe's webhooks, signed under ``secret``."""
    return WebhookSource(
        NAME,
        _name_event,
        admit=lambda headers, _: must_carry(headers, SIGNATURE_HEADER),
        verify=lambda hook, now: verify(hook.body, hook.headers, secret, now),
    )


def _name_event(webhook: Webhook, _: datetime) -> EventName:
    event_id, event_type, event = _identity(webhook.body)
    return EventName(event_id, event_type, instant(event, "created"))


def _identity(body: bytes) -> tuple[str, str, Fields]:
    event = read_webhook(body, "Stripe")
    event_id, event_type = event.text("id"), event.text("type")
    if event_id is None:
        raise InvalidInputError("the Stripe webhook names no id", field="id")
    if event_type is None:
        raise InvalidInputError("the Stripe webhook names no type", field="type")
    return event_id, event_type, event


def parse_event(body: bytes) -> BillingEvent:
    """The event in a webhook's body. Raises InvalidInputError for a body that is no event, or one of a subscription
    that lacks what places it. A type that we do not know is OTHER.
    """
    event_id, event_type, event = _identity(body)
    created_at, found = instant(event, "created"), event.inner("data").inner("object")
    if created_at is None:
        raise InvalidInputError("the Stripe webhook names no time", field="created")
    if event_type.startswith(_SUBSCRIPTION):
        return _of_subscription(event_id, event_type, created_at, event, found)
    kind = _KINDS.get(event_type, BillingEventKind.OTHER)
    subscription_id, client_id = _of_checkout(found) if kind is BillingEventKind.CHECKOUT else _of_invoice(found)
    return BillingEvent(event_id, event_type, kind, created_at, id_of(found, "customer"), subscription_id, client_id)


def _of_subscription(
    event_id: str, event_type: str, created_at: datetime, event: Fields, found: Fields
) -> BillingEvent:
    subscription = read_subscription(found)
    if subscription is None:
        raise InvalidInputError(
            "the Stripe webhook's subscription lacks id, customer, status or time", field="data.object"
        )
    changes = "status" in event.inner("data").inner("previous_attributes")
    return BillingEvent(
        event_id,
        event_type,
        BillingEventKind.SUBSCRIPTION,
        created_at,
        subscription.customer_id,
        subscription.id,
        subscription.client_id,
        subscription,
        changes,
    )


def _of_checkout(session: Fields) -> tuple[str | None, UUID | None]:
    # Not client_reference_id: on a payment link anybody types it into the address. Metadata are ours alone.
    return id_of(session, "subscription"), client_of(session.inner("metadata").text(CLIENT_FIELD))


def _of_invoice(invoice: Fields) -> tuple[str | None, UUID | None]:
    # Since API version 2025-03-31 (basil) an invoice names its subscription below its parent.
    details = invoice.inner("parent").inner("subscription_details")
    return id_of(details, "subscription"), client_of(details.inner("metadata").text(CLIENT_FIELD))
