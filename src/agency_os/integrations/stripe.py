"""Stripe (docs.stripe.com/api): subscriptions read, and the pages on which an agency subscribes or manages it.

Stripe takes forms, not JSON. Every action carries an idempotency key, which holds for at least 24 hours and stands for
the same parameters; after an unknown outcome the same call under the same key is safe. Where a subscription stands is
told in our states (design decision 27) by STATES.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, urlencode
from uuid import UUID

from agency_os.domain.subscription import SubscriptionStatus
from agency_os.exceptions import InvalidInputError, ProviderLimitError, ProviderRefusedError, ProviderUnknownError
from agency_os.integrations.json_fields import Fields
from agency_os.integrations.provider_api import FORM, Connection, Dialect, Problem, ProviderApi, json_problem
from agency_os.kit.retry import RetryPolicy

NAME: Final = "stripe"
API_VERSION: Final = "2026-10-28.endive"
"""Of the published objects that our reading is tested against. Webhooks follow their endpoint's own version, which is
to be set to the same one (docs/providers/stripe.md)."""
CLIENT_FIELD: Final = "client_id"
"""The metadata by which a subscription says whose it is."""
_LONGEST_KEY: Final = 255
_LONGEST_TRIAL: Final = 730
_NOTHING: Final = Decimal(0)

STATES: Final[Mapping[str, SubscriptionStatus | None]] = MappingProxyType(
    {
        "trialing": SubscriptionStatus.TRIALING,
        "active": SubscriptionStatus.ACTIVE,
        "past_due": SubscriptionStatus.PAST_DUE,
        # Every retry failed, and the subscription stands until somebody pays or ends it: still a debt, not an end.
        "unpaid": SubscriptionStatus.PAST_DUE,
        "paused": SubscriptionStatus.PAUSED,
        "canceled": SubscriptionStatus.CANCELLED,
        # Its first payment is still awaited, or never came: it has not begun, so it neither gives nor takes anything.
        "incomplete": None,
        "incomplete_expired": None,
    }
)
"""Stripe's status of a subscription as our state (docs.stripe.com/billing/subscriptions/overview)."""


@json_problem
def _read_problem(body: Fields) -> Problem:
    error = body.inner("error")
    return Problem(error.text("code") or error.text("type"), error.text("message") or "")


# docs.stripe.com/error-handling; what is not listed follows the general rule of Dialect.kind_of.
_DIALECT = Dialect(
    NAME,
    _read_problem,
    kinds={
        # The first request under this key is still on its way: what becomes of it is not known yet.
        "idempotency_key_in_use": ProviderUnknownError,
        "idempotency_error": ProviderRefusedError,
        "lock_timeout": ProviderLimitError,
        "api_key_expired": ProviderLimitError,
        401: ProviderLimitError,  # a wrong key is mended by the operator, and says nothing of the request
        403: ProviderLimitError,  # so are a restricted key's rights
    },
    passing=frozenset({"rate_limit", "lock_timeout", 429}),
    request_id="request-id",
)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as Stripe shows it. Times are aware UTC.

    ``state`` is ours, None where it says nothing of a client's (STATES); ``client_id`` the client that its metadata
    names. The period is that of its items, all of them together (since API version basil an item has its own).
    """

    id: str
    customer_id: str
    status: str
    created_at: datetime
    period_start: datetime | None
    period_end: datetime | None
    ended_at: datetime | None
    ends_with_period: bool
    client_id: UUID | None
    units: Decimal = _NOTHING

    @property
    def state(self) -> SubscriptionStatus | None:
        """Our state; None also for a status that Stripe has added since."""
        return STATES.get(self.status)


@dataclass(frozen=True, slots=True)
class Checkout:
    """What a client is to subscribe to. ``price_id`` is Stripe's; ``trial_days`` 1 to 730, or 0 for none.

    ``customer_id`` if Stripe knows the client already, else the page asks, with ``email`` filled in.
    """

    client_id: UUID
    price_id: str
    success_url: str
    cancel_url: str
    customer_id: str | None = None
    email: str | None = None
    trial_days: int = 0


@dataclass(frozen=True, slots=True)
class HostedPage:
    """A page of Stripe's to which the user is sent at once; its address is a secret of that user's."""

    id: str
    url: str = field(repr=False)
    units: Decimal = _NOTHING


class StripeClient:
    """One Stripe account."""

    name = NAME

    def __init__(self, connection: Connection) -> None:
        self._api = ProviderApi(
            connection,
            _DIALECT,
            {"Authorization": f"Bearer {connection.api_key}", "Stripe-Version": API_VERSION},
            policy=RetryPolicy(attempts=4, first_wait=0.5, longest_wait=8.0),
        )

    async def subscription(self, subscription_id: str) -> Subscription | None:
        """The subscription as it stands now; None when Stripe knows none of that id. Raises ProviderError."""
        path = f"/v1/subscriptions/{quote(subscription_id, safe='')}"
        try:
            response = await self._api.look_up("subscription", path)
        except ProviderRefusedError as error:
            if error.provider_code == "resource_missing":
                return None
            raise
        found = read_subscription(self._api.read_answer("subscription", response))
        if found is None:
            raise self._api.unreadable("subscription", response, "without id, customer, status or time")
        return found

    async def create_checkout(self, checkout: Checkout, *, key: str) -> HostedPage:
        """A page on which the client subscribes, open for 24 hours. Raises ProviderError, InvalidInputError before
        anything left.
        """
        return await self._open("create_checkout", "/v1/checkout/sessions", _checkout_form(checkout), key)

    async def create_portal(self, customer_id: str, return_url: str, *, key: str) -> HostedPage:
        """A page on which the customer changes card or plan, or cancels. Errors as for ``create_checkout``."""
        form = {"customer": customer_id, "return_url": return_url}
        return await self._open("create_portal", "/v1/billing_portal/sessions", form, key)

    async def _open(self, operation: str, path: str, form: Mapping[str, str], key: str) -> HostedPage:
        if not 1 <= len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
            raise InvalidInputError(
                f"an idempotency key has 1 to {_LONGEST_KEY} printable ASCII characters", field="key"
            )
        headers = {**FORM, "Idempotency-Key": key}
        response = await self._api.act(operation, path, urlencode(form).encode(), headers=headers)
        answer = self._api.read_answer(operation, response)
        page_id, url = answer.text("id"), answer.text("url")
        if page_id is None or url is None:
            raise self._api.unreadable(operation, response, "without an id or an address")
        return HostedPage(page_id, url)


def _checkout_form(checkout: Checkout) -> dict[str, str]:
    """Equal input makes equal bytes, since a key stands for its parameters."""
    if not 0 <= checkout.trial_days <= _LONGEST_TRIAL:
        raise InvalidInputError(f"a trial lasts 1 to {_LONGEST_TRIAL} days, or 0 for none", field="trial_days")
    client_id = str(checkout.client_id)
    form = {
        "mode": "subscription",
        "line_items[0][price]": checkout.price_id,
        "line_items[0][quantity]": "1",
        "success_url": checkout.success_url,
        "cancel_url": checkout.cancel_url,
        "client_reference_id": client_id,
        f"metadata[{CLIENT_FIELD}]": client_id,
        f"subscription_data[metadata][{CLIENT_FIELD}]": client_id,
    }
    if checkout.trial_days:
        form["subscription_data[trial_period_days]"] = str(checkout.trial_days)
    if checkout.customer_id is not None:
        form["customer"] = checkout.customer_id
    elif checkout.email is not None:
        form["customer_email"] = checkout.email
    return form


def read_subscription(found: Fields) -> Subscription | None:
    """The subscription in Stripe's object; None when it lacks id, customer, status or the time of its making."""
    subscription_id, customer_id = found.text("id"), id_of(found, "customer")
    status, created_at = found.text("status"), instant(found, "created")
    if subscription_id is None or customer_id is None or status is None or created_at is None:
        return None
    items = found.inner("items").each("data")
    starts = [at for item in items if (at := instant(item, "current_period_start")) is not None]
    ends = [at for item in items if (at := instant(item, "current_period_end")) is not None]
    return Subscription(
        id=subscription_id,
        customer_id=customer_id,
        status=status,
        created_at=created_at,
        period_start=min(starts, default=None),
        period_end=max(ends, default=None),
        ended_at=instant(found, "ended_at") or instant(found, "canceled_at"),
        ends_with_period=found.flag("cancel_at_period_end") is True,
        client_id=client_of(found.inner("metadata").text(CLIENT_FIELD)),
    )


def id_of(found: Fields, name: str) -> str | None:
    """The id under ``name``, where Stripe puts the id alone or, if asked to expand it, the whole object."""
    return found.text(name) or found.inner(name).text("id")


def instant(found: Fields, name: str) -> datetime | None:
    """The time under ``name``, which Stripe tells in whole seconds since 1970."""
    seconds = found.whole(name)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def client_of(text: str | None) -> UUID | None:
    """The client's id in a field that we filled in; None for anything else that stands there."""
    try:
        return None if text is None else UUID(text)
    except ValueError:
        return None
