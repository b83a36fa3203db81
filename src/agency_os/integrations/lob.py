"""Lob (docs.lob.com, API 1.22, version 2020-02-11): postcards and letters to addresses in the United States.

Idempotency keys hold for 24 hours: the same key gives the piece that exists already. A refusal is definite; a 5xx, a
time-out or a conflict leaves the outcome unknown, and the same call under the same key finds it out. Events: see
lob_events.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import quote

from agency_os.exceptions import InvalidInputError, ProviderLimitError, ProviderUnknownError
from agency_os.integrations.json_fields import Fields
from agency_os.integrations.lob_events import NAME, read_metadata
from agency_os.integrations.mail_transport import canonical_json
from agency_os.integrations.postal_provider import (
    AddressVerdict,
    Letter,
    MailPiece,
    PieceKind,
    PostalAddress,
    PostalScan,
    Postcard,
)
from agency_os.integrations.provider_api import Connection, Dialect, Problem, ProviderApi, json_problem
from agency_os.kit.http import HttpResponse, Timeouts
from agency_os.kit.retry import RetryPolicy, parse_retry_after

NOT_DELETABLE = "not_deletable"
"""``provider_code`` of the refusal to cancel a piece that has gone to print."""

UNDELIVERABLE = "failed_deliverability_strictness"
"""``provider_code`` of the refusal of an address to which the post does not deliver."""

ONE, NOTHING = Decimal(1), Decimal(0)
_VERSION = "2020-02-11"
_LONGEST_KEY = 256
_RESETS = ("ratelimit-reset", "x-rate-limit-reset")  # the description spells it one way, the text the other
_PATHS = {PieceKind.POSTCARD: "/postcards", PieceKind.LETTER: "/letters"}
_PIECE = re.compile(r"(psc|ltr)_[A-Za-z0-9]{1,64}")
_STATE = re.compile(r"[A-Za-z]{2}")
_ZIP = re.compile(r"\d{5}(-\d{4})?", re.ASCII)
_CONTENT = re.compile(r"tmpl_[A-Za-z0-9]+|https://[-a-zA-Z0-9@:%._+~#=/]{1,256}\.(html?|pdf|png|jpg)")
_LONGEST_HTML = 10_000
_DELIVERS = frozenset({"deliverable", "deliverable_unnecessary_unit"})


@json_problem
def _read_problem(body: Fields) -> Problem:
    error = body.inner("error")
    return Problem(error.text("code"), error.text("message") or "")


def _asked_wait(response: HttpResponse, now: datetime) -> float | None:
    """The seconds until the rate's window ends, which Lob gives as seconds since the epoch; None where it is over."""
    asked = parse_retry_after(response.headers.get("retry-after"), now)
    if asked is not None or response.status != 429:
        return asked
    told = (response.headers.get(name) or "" for name in _RESETS)
    reset = next((text.strip() for text in told if re.fullmatch(r"\s*[0-9]{1,12}\s*", text)), None)
    seconds = float(reset) - now.timestamp() if reset is not None else 0.0
    return seconds if seconds > 0 else None


# The description's list of codes (components/schemas/error); the rest follows Dialect.kind_of.
_DIALECT = Dialect(
    NAME,
    _read_problem,
    kinds={
        "rate_limit_exceeded": ProviderLimitError,
        # Mended by the operator; says nothing of the addressee, and must not use up what waits to be sent.
        401: ProviderLimitError,
        403: ProviderLimitError,
        # Another request under this key is at work, or was accepted with another body: something may be printed.
        "conflict": ProviderUnknownError,
        409: ProviderUnknownError,
        "request_timeout": ProviderUnknownError,
        408: ProviderUnknownError,
    },
    passing=frozenset({"rate_limit_exceeded", 429}),
    asked_wait=_asked_wait,
)


class LobClient:
    """Sends through Lob; one per API key. Implements PostalProvider."""

    name = NAME
    key_window = timedelta(hours=24)

    def __init__(self, connection: Connection) -> None:
        token = base64.b64encode(f"{connection.api_key}:".encode()).decode()  # the password is empty
        self._api = ProviderApi(
            connection,
            _DIALECT,
            {"Authorization": f"Basic {token}", "Lob-Version": _VERSION},
            timeouts=Timeouts(read=30.0, total=40.0),
            # The rate is counted in windows of five seconds.
            policy=RetryPolicy(attempts=4, first_wait=0.5, longest_wait=6.0),
        )

    def covers(self, country: str) -> bool:
        """The United States alone: Lob's mail abroad has no tracking and must come from there (decision 8)."""
        return country.strip().upper() == "US"

    async def create_postcard(self, postcard: Postcard, *, key: str) -> MailPiece:
        """Print and post one postcard. Raises ProviderError with its outcome, InvalidInputError before anything
        left.
        """
        wire = self._wire(postcard)
        wire |= {"front": _content(postcard.front, "front"), "back": _content(postcard.back, "back")}
        return await self._create(PieceKind.POSTCARD, wire | {"size": postcard.size}, key)

    async def create_letter(self, letter: Letter, *, key: str) -> MailPiece:
        """Print and post one letter. Errors as for ``create_postcard``."""
        wire = self._wire(letter) | {"file": _content(letter.content, "content")}
        return await self._create(
            PieceKind.LETTER, wire | {"color": letter.is_colour, "double_sided": letter.is_double_sided}, key
        )

    async def read_piece(self, piece_id: str) -> MailPiece:
        """The piece as it stands, with the post's scans so far; costs nothing."""
        kind, path = _address_of(piece_id)
        response = await self._api.look_up("read_piece", path)
        return self._piece("read_piece", kind, response, NOTHING)

    async def cancel_piece(self, piece_id: str) -> None:
        """Cancel a piece before its ``send_at``; then it is not charged.

        Raises ProviderRefusedError with NOT_DELETABLE when it is too late; after an unknown outcome read the piece.
        """
        _, path = _address_of(piece_id)
        response = await self._api.act("cancel_piece", path, b"", method="DELETE")
        if self._api.read_answer("cancel_piece", response).flag("deleted") is not True:
            raise self._api.unreadable("cancel_piece", response, "without saying that it is deleted")

    async def verify_address(self, address: PostalAddress) -> AddressVerdict:
        """What the postal service knows of an address. A test key verifies nothing: ``deliverability`` is None."""
        self._checked(address, "address")
        asked = {
            "primary_line": address.line1,
            "secondary_line": address.line2,
            "city": address.city,
            "state": address.state,
            "zip_code": address.postal_code,
        }
        body = canonical_json({name: value for name, value in asked.items() if value})
        response = await self._api.look_up_by("verify_address", "/us_verifications", body)
        answer = self._api.read_answer("verify_address", response)
        if answer.text("id") is None:
            raise self._api.unreadable("verify_address", response, "without an id")
        parts, verdict = answer.inner("components"), answer.text("deliverability")
        code, extra = parts.text("zip_code") or "", parts.text("zip_code_plus_4")
        return AddressVerdict(
            deliverability=verdict,
            is_deliverable=verdict in _DELIVERS,
            line1=answer.text("primary_line") or "",
            line2=answer.text("secondary_line") or "",
            city=parts.text("city") or "",
            state=parts.text("state") or "",
            postal_code=f"{code}-{extra}" if code and extra else code,
        )

    async def _create(self, kind: PieceKind, wire: Mapping[str, object], key: str) -> MailPiece:
        operation = f"create_{kind}"
        response = await self._api.act(operation, _PATHS[kind], canonical_json(wire), headers=_key_header(key))
        return self._piece(operation, kind, response, ONE)

    def _piece(self, operation: str, kind: PieceKind, response: HttpResponse, units: Decimal) -> MailPiece:
        answer = self._api.read_answer(operation, response, units)
        piece_id = answer.text("id")
        if piece_id is None:
            raise self._api.unreadable(operation, response, "without an id", units)
        scans = (
            PostalScan(name, scan.moment("time") or scan.moment("date_created"), scan.text("location"))
            for scan in answer.each("tracking_events")
            if (name := scan.text("name"))
        )
        return MailPiece(
            id=piece_id,
            kind=kind,
            units=units,
            is_cancelled=answer.flag("deleted") is True,
            status=answer.text("status"),
            created_at=answer.moment("date_created"),
            send_at=answer.moment("send_date"),
            expected_on=answer.day("expected_delivery_date"),
            scans=tuple(scans),
            metadata=read_metadata(answer),
        )

    def _wire(self, piece: Postcard | Letter) -> dict[str, object]:
        wire: dict[str, object] = {"to": self._address(piece.to, "to"), "use_type": piece.use.value}
        if piece.sender is not None:
            wire["from"] = self._address(piece.sender, "from")
        if piece.merge_variables:
            wire["merge_variables"] = dict(piece.merge_variables)
        if piece.metadata:
            wire["metadata"] = _metadata(piece.metadata)
        if piece.send_at is not None:
            if piece.send_at.tzinfo is None:
                raise InvalidInputError("the day of sending needs its zone", field="send_at")
            wire["send_date"] = piece.send_at.isoformat()
        return wire

    def _address(self, address: PostalAddress, field: str) -> dict[str, object]:
        self._checked(address, field)
        if not (address.name or address.company):
            raise InvalidInputError("an address needs a name or a company", field=f"{field}.name")
        optional = {"name": address.name, "company": address.company, "address_line2": address.line2}
        return {
            "address_line1": address.line1,
            "address_city": address.city,
            "address_state": address.state,
            "address_zip": address.postal_code,
            "address_country": "US",
            **{name: value for name, value in optional.items() if value},
        }

    def _checked(self, address: PostalAddress, field: str) -> None:
        """Refuse what Lob refuses, before it is sent: limits of components/schemas/address_editable_us."""
        if not self.covers(address.country):
            raise InvalidInputError(
                f"Lob serves addresses in the United States, not in {address.country[:40]!r}", field=f"{field}.country"
            )
        lines = address.line1 + (address.line2 or "")
        checks = {
            "line1": bool(address.line1.strip()) and len(lines) <= 50,
            "city": 1 <= len(address.city) <= 200,
            "state": _STATE.fullmatch(address.state) is not None,
            "postal_code": _ZIP.fullmatch(address.postal_code) is not None,
            "name": len(address.name or "") <= 40,
            "company": len(address.company or "") <= 40,
        }
        wrong = next((name for name, is_right in checks.items() if not is_right), None)
        if wrong is not None:
            raise InvalidInputError(
                f"the {wrong} is not as Lob takes it: lines of 50 characters together, names of 40, a state of two"
                " letters, a ZIP code of 5 or 9 digits",
                field=f"{field}.{wrong}",
            )


def _address_of(piece_id: str) -> tuple[PieceKind, str]:
    if _PIECE.fullmatch(piece_id) is None:
        raise InvalidInputError("a piece's id at Lob begins with psc_ or ltr_", field="piece_id")
    kind = PieceKind.POSTCARD if piece_id.startswith("psc_") else PieceKind.LETTER
    return kind, f"{_PATHS[kind]}/{quote(piece_id, safe='')}"


def _content(text: str, field: str) -> str:
    is_html = "<" in text and len(text) <= _LONGEST_HTML
    if not is_html and _CONTENT.fullmatch(text) is None:
        raise InvalidInputError(
            f"what is printed is HTML of at most {_LONGEST_HTML} characters, a template's id (tmpl_...) or an https"
            " address of a file",
            field=field,
        )
    return text


def _metadata(pairs: Mapping[str, str]) -> dict[str, str]:
    """At most 20 pairs, names of 40 characters, values of 500 without quotation mark or backslash (docs.lob.com)."""
    wrong = [
        name
        for name, value in pairs.items()
        if not 1 <= len(name) <= 40 or len(value) > 500 or not {'"', "\\"}.isdisjoint(value)
    ]
    if wrong or len(pairs) > 20:
        named = f": {wrong[0][:40]!r}" if wrong else ""
        raise InvalidInputError(f"Lob takes 20 pairs of metadata, names of 40, values of 500{named}", field="metadata")
    return dict(pairs)


def _key_header(key: str) -> dict[str, str]:
    if not 1 <= len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise InvalidInputError(f"an idempotency key has 1 to {_LONGEST_KEY} printable ASCII characters", field="key")
    return {"Idempotency-Key": key}
