"""Stripe's API for subscriptions: customers, checkout sessions, the billing portal, subscriptions read and ended.

Follows Stripe's API of version 2026-10-28.endive: forms with brackets, errors in ``error``, idempotency keys on POST
that hold 24 hours. Any ``sk_`` or ``rk_`` key is an account, every ``price_`` id a price.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

from agency_os_sandbox.clock import parse, stamp
from agency_os_sandbox.faults import FaultKind
from agency_os_sandbox.gateway import Answer, Call, Operation
from agency_os_sandbox.limits import Window
from agency_os_sandbox.oracle import OracleRow
from agency_os_sandbox.providers.stripe_life import StripeLife
from agency_os_sandbox.providers.stripe_objects import API_VERSION, Objects, Shown, customer, new_id, portal
from agency_os_sandbox.store import Store

KEY_WINDOW = timedelta(hours=24)
_LONGEST_KEY = 255
_LONGEST_TRIAL = 730
_FORM = "application/x-www-form-urlencoded"
_CUSTOMER = frozenset({"email", "name", "metadata"})
_PORTAL = frozenset({"customer", "return_url"})
_SESSION = frozenset(
    {
        "mode", "line_items", "success_url", "cancel_url", "client_reference_id", "customer", "customer_email",
        "metadata", "subscription_data",
    }
)  # fmt: skip


class RefusalError(Exception):
    """A request that Stripe refuses; ``code`` None where it has none."""

    def __init__(self, status: int, code: str | None, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.type = "invalid_request_error"


class Stripe:
    """The protocol."""

    name = "stripe"

    def __init__(self, store: Store, life: StripeLife) -> None:
        self._store = store
        self._objects = Objects(store)
        self._life = life

    def operations(self) -> tuple[Operation, ...]:
        """The endpoints."""
        sessions, one = "/v1/checkout/sessions", "/v1/subscriptions/{id}"
        return (
            Operation("customers.create", "POST", "/v1/customers", self._keyed(self._customer), _describe),
            Operation("customers.get", "GET", "/v1/customers/{id}", self._guarded(self._getter("customer"))),
            Operation("checkout.create", "POST", sessions, self._keyed(self._checkout), _describe),
            Operation("checkout.get", "GET", f"{sessions}/{{id}}", self._guarded(self._getter("checkout.session"))),
            Operation("portal.create", "POST", "/v1/billing_portal/sessions", self._keyed(self._portal), _describe),
            Operation("subscriptions.get", "GET", one, self._guarded(self._getter("subscription"))),
            Operation("subscriptions.cancel", "DELETE", one, self._guarded(self._cancel)),
        )

    def refusal(self, kind: FaultKind, retry_after: int) -> Answer:  # noqa: ARG002 - Stripe tells no time to wait
        """The published error bodies."""
        if kind is FaultKind.LIMITED:
            return _named(_error(429, "rate_limit", "Request rate limit exceeded.", None))
        if kind is FaultKind.REFUSED:
            return _named(_error(400, "resource_missing", "No such price: 'price_1'", "line_items[0][price]"))
        return _named(_error(500, None, "An unknown error occurred", None, "api_error"))

    def concurrent(self) -> Answer | None:
        """Same key, first request still in progress."""
        message = "There is currently another in-progress request using this Idempotent Key."
        return _named(_error(409, "idempotency_key_in_use", message, None, "idempotency_error"))

    def limit_headers(self, window: Window) -> Mapping[str, str]:  # noqa: ARG002 - see below
        """Stripe publishes none."""
        return {}

    @staticmethod
    def _guarded(handle: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        def guarded(call: Call) -> Answer:
            key = _key_of(call)
            if not key:
                message = "You did not provide an API key."
                return _named(_error(401, None, message, None))
            if not key.startswith(("sk_", "rk_")):
                return _named(_error(401, None, f"Invalid API Key provided: {key[:3]}***", None))
            version = call.headers.get("stripe-version", API_VERSION)
            if version != API_VERSION:
                return _named(_error(400, None, f"Invalid Stripe API version: {version}", None))
            try:
                return _named(handle(call))
            except RefusalError as refusal:
                return _named(_error(refusal.status, refusal.code, str(refusal), refusal.param, refusal.type))

        return guarded

    def _keyed(self, handle: Callable[[Call, Mapping[str, Any]], Shown]) -> Callable[[Call], Answer]:
        """An action by form, under its idempotency key if it has one; what is refused uses up no key."""

        def keyed(call: Call) -> Answer:
            form, key = _form(call), call.headers.get("idempotency-key")
            if key is None:
                return Answer(200, handle(call, form), rows=_rows(call, accepted=True))
            if not 1 <= len(key) <= _LONGEST_KEY:
                raise RefusalError(400, None, f"Idempotency keys have 1 to {_LONGEST_KEY} characters.")
            scope = "stripe:" + hashlib.sha256(_key_of(call).encode()).hexdigest()[:16]
            digest = hashlib.sha256(f"{call.path}\n{json.dumps(form, sort_keys=True)}".encode()).hexdigest()
            kept = self._store.one("SELECT * FROM idempotency WHERE scope = ? AND key = ?", (scope, key))
            if kept is not None and call.now - parse(kept["at"]) < KEY_WINDOW:
                if kept["digest"] != digest:
                    raise _key_taken()
                replayed = {"Idempotent-Replayed": "true"}
                return Answer(kept["status"], json.loads(kept["body"]), replayed, _rows(call, accepted=False))
            answer = Answer(200, handle(call, form), rows=_rows(call, accepted=True))
            self._store.execute(
                "INSERT OR REPLACE INTO idempotency (scope, key, digest, status, body, at) VALUES (?, ?, ?, ?, ?, ?)",
                (scope, key, digest, answer.status, json.dumps(answer.content), stamp(call.now)),
            )
            return answer

        return self._guarded(keyed)

    def _getter(self, kind: str) -> Callable[[Call], Answer]:
        return lambda call: Answer(200, self._find(call.path_params["id"], kind, "id"))

    def _find(self, object_id: str, kind: str, param: str) -> Shown:
        kept = self._objects.find(object_id, kind)
        if kept is None:
            raise RefusalError(404, "resource_missing", f"No such {kind}: '{object_id}'", param)
        return kept.shown

    def _customer(self, call: Call, form: Mapping[str, Any]) -> Shown:
        _refuse_unknown(form, _CUSTOMER)
        made = customer(form.get("email"), form.get("name"), _metadata(form), call.now)
        self._objects.keep(made, form.get("email") or made["id"])
        return made

    def _checkout(self, call: Call, form: Mapping[str, Any]) -> Shown:
        _refuse_unknown(form, _SESSION)
        if _needed(form, "mode") != "subscription":
            raise RefusalError(400, None, "The sandbox sells subscriptions alone.", "mode")
        items = form.get("line_items")
        first = items.get("0") if isinstance(items, dict) else None
        price = first.get("price") if isinstance(first, dict) else None
        if not isinstance(price, str):
            raise RefusalError(400, "parameter_missing", "Missing required param: line_items[0][price].", "line_items")
        if not price.startswith("price_"):
            raise RefusalError(400, "resource_missing", f"No such price: '{price}'", "line_items[0][price]")
        _needed(form, "success_url")
        options = form.get("subscription_data", {})
        trial = options.get("trial_period_days", "1") if isinstance(options, dict) else ""
        if not (isinstance(trial, str) and trial.isdecimal() and 1 <= int(trial) <= _LONGEST_TRIAL):
            param = "subscription_data[trial_period_days]"
            raise RefusalError(400, "parameter_invalid_integer", f"Invalid integer: {trial}", param)
        if "customer" in form and "customer_email" in form:
            raise RefusalError(400, None, "You may only specify one of these parameters: customer, customer_email.")
        known = self._find(form["customer"], "customer", "customer") if "customer" in form else None
        email = known["email"] if known is not None else form.get("customer_email")
        who = form.get("client_reference_id") or email or call.headers.get("idempotency-key") or ""
        return self._life.open({**form, "metadata": _metadata(form)}, str(who), call.now)

    def _portal(self, call: Call, form: Mapping[str, Any]) -> Shown:
        _refuse_unknown(form, _PORTAL)
        self._find(_needed(form, "customer"), "customer", "customer")
        return portal(form["customer"], form.get("return_url"), call.now)

    def _cancel(self, call: Call) -> Answer:
        subscription_id = call.path_params["id"]
        ended = self._life.cancel(subscription_id, call.now)
        if ended is None:
            raise RefusalError(404, "resource_missing", f"No such subscription: '{subscription_id}'", "id")
        return Answer(200, ended, rows=(OracleRow(key=subscription_id, accepted=True),))


def _key_of(call: Call) -> str:
    """The account's key: a bearer token, or the user of HTTP Basic."""
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return value.strip() if scheme.lower() == "bearer" else ""
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _form(call: Call) -> dict[str, Any]:
    """The form, nested by its brackets: ``a[b][0]=c`` is ``{"a": {"b": {"0": "c"}}}``."""
    if call.body and call.headers.get("content-type", "").partition(";")[0].strip() != _FORM:
        raise RefusalError(400, None, f"Invalid request (check that your POST content type is {_FORM}).")
    nested: dict[str, Any] = {}
    try:
        pairs = parse_qsl(call.body.decode(), keep_blank_values=True, max_num_fields=1000)
    except ValueError as error:
        raise RefusalError(400, None, "Invalid request: the form cannot be read.") from error
    for name, value in pairs:
        first, *rest = name.replace("]", "").split("[")
        place = nested
        for part in [first, *rest][:-1]:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                raise RefusalError(400, "parameter_invalid_empty", "Invalid hash", first)
            place = inner
        place[[first, *rest][-1]] = value
    return nested


def _needed(form: Mapping[str, Any], name: str) -> str:
    value = form.get(name)
    if not isinstance(value, str) or not value:
        raise RefusalError(400, "parameter_missing", f"Missing required param: {name}.", name)
    return value


def _metadata(form: Mapping[str, Any]) -> dict[str, str]:
    found = form.get("metadata", {})
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise RefusalError(400, None, "Invalid object", "metadata")
    return found


def _refuse_unknown(form: Mapping[str, Any], known: frozenset[str]) -> None:
    unknown = next((name for name in form if name not in known), None)
    if unknown is not None:
        raise RefusalError(400, "parameter_unknown", f"Received unknown parameter: {unknown}", unknown)


def _key_taken() -> RefusalError:
    message = "Keys for idempotent requests can only be used with the same parameters they were first used with."
    refusal = RefusalError(400, None, message)
    refusal.type = "idempotency_error"
    return refusal


def _rows(call: Call, *, accepted: bool) -> tuple[OracleRow, ...]:
    return tuple(replace(row, accepted=accepted, replay=not accepted) for row in _describe(call))


def _describe(call: Call) -> tuple[OracleRow, ...]:
    try:
        form = _form(call)
    except RefusalError:
        return (OracleRow(),)
    email, key = form.get("customer_email") or form.get("email"), form.get("client_reference_id")
    return (OracleRow(str(email) if email else None, key=str(key or form.get("customer") or "") or None),)


def _named(answer: Answer) -> Answer:
    """Every answer of Stripe's names the request."""
    return replace(answer, headers={"Request-Id": new_id("req"), "Stripe-Version": API_VERSION, **answer.headers})


def _error(
    status: int, code: str | None, message: str, param: str | None, kind: str = "invalid_request_error"
) -> Answer:
    given = {"code": code, "message": message, "param": param}
    return Answer(status, {"error": {"type": kind, **{name: value for name, value in given.items() if value}}})
