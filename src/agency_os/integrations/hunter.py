"""Hunter.io (hunter.io/api-documentation/v2): finds a person's work email at a domain, and verifies an address.

Hunter's codes are its own: 202 still working (ask again, counts once), 222 no verdict, 403 too fast, 429 the plan
is used up, 451 the person asked Hunter not to process their data, which we honour by never asking or writing again.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from agency_os.exceptions import ProviderLimitError, ProviderRefusedError
from agency_os.integrations.json_fields import Fields
from agency_os.integrations.provider_api import Connection, Dialect, Problem, ProviderApi
from agency_os.kit.http import HttpResponse, Timeouts
from agency_os.kit.retry import RetryPolicy

NAME = "hunter"
CREDITS_PER_EMAIL = Decimal(1)
CREDITS_PER_VERIFICATION = Decimal("0.5")
"""hunter.io/pricing: 1 credit per email found, half a credit per verification; null results are not charged."""

PERSON_OBJECTED = "person_objected"
"""``provider_code`` of the refusal (451) that means: suppress this person, never ask again."""


def _read_problem(response: HttpResponse) -> Problem:
    if response.status == 451:
        return Problem(PERSON_OBJECTED, "the person asked not to be processed")
    try:
        first = next(iter(Fields.of_body(response.body).each("errors")), Fields(None))
    except ValueError:
        return Problem(None, "an answer that is no JSON")
    return Problem(first.text("id"), first.text("details") or "")


_DIALECT = Dialect(
    NAME,
    _read_problem,
    kinds={
        202: ProviderLimitError,
        222: ProviderLimitError,
        401: ProviderLimitError,  # a wrong key is mended by the operator, and says nothing of the person
        403: ProviderLimitError,
        429: ProviderLimitError,
        451: ProviderRefusedError,
    },
    passing=frozenset({202, 403}),
)


@dataclass(frozen=True, slots=True)
class HunterEmail:
    """An answer of Hunter. ``email`` is None when none was found; ``score`` is 0 to 100, Hunter's confidence.

    ``verification`` is valid, invalid, accept_all, webmail, disposable, unknown, or None if not verified. ``units`` are
    credits.
    """

    email: str | None
    score: int | None
    verification: str | None
    units: Decimal
    position: str | None = None
    linkedin_url: str | None = None
    phone: str | None = None


class HunterClient:
    """Looks emails up at Hunter; one per API key."""

    name = NAME

    def __init__(self, connection: Connection) -> None:
        self._api = ProviderApi(
            connection,
            _DIALECT,
            {"X-API-KEY": connection.api_key},
            timeouts=Timeouts(read=25.0, total=35.0),
            policy=RetryPolicy(attempts=4, first_wait=1.0, longest_wait=8.0),
        )

    async def find_email(self, domain: str, first_name: str, last_name: str) -> HunterEmail:
        """The likeliest work email of a person at a domain; ``email`` None and no cost when there is none.

        Raises ProviderError; ``provider_code`` PERSON_OBJECTED means: suppress.
        """
        query: dict[str, str | int] = {
            "domain": domain,
            "first_name": first_name,
            "last_name": last_name,
            "max_duration": 10,
        }
        try:
            response = await self._api.look_up("find_email", "/email-finder", query)
        except ProviderRefusedError as error:
            # A 404 without Hunter's own words comes from a wrong address, and is nobody's answer about a person.
            if error.http_status == 404 and error.provider_code is not None:
                return HunterEmail(None, None, None, Decimal(0))
            raise
        data = self._api.read_answer("find_email", response, CREDITS_PER_EMAIL).inner("data")
        email = data.text("email")
        return HunterEmail(
            email=email,
            score=data.whole("score"),
            verification=data.inner("verification").text("status"),
            units=CREDITS_PER_EMAIL if email else Decimal(0),
            position=data.text("position"),
            linkedin_url=data.text("linkedin_url"),
            phone=data.text("phone_number"),
        )

    async def verify_email(self, email: str) -> HunterEmail:
        """Whether an address takes mail. No verdict (202 without end, 222) is ProviderLimitError. Raises
        ProviderError.
        """
        response = await self._api.look_up("verify_email", "/email-verifier", {"email": email})
        data = self._api.read_answer("verify_email", response, CREDITS_PER_VERIFICATION).inner("data")
        status = data.text("status")
        if status is None:
            raise self._api.unreadable("verify_email", response, "without a status", CREDITS_PER_VERIFICATION)
        return HunterEmail(
            email=data.text("email") or email,
            score=data.whole("score"),
            verification=status,
            units=CREDITS_PER_VERIFICATION,
        )
