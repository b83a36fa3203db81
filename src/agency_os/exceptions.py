"""The error hierarchy of Agency OS: every error says what to do, and carries the HTTP status it becomes.

::

    AgencyOSError (500)
    ├── SettingsError (500)            a setting is missing or malformed: names it, its form and where to get it
    ├── InvalidInputError (422)        the caller's data is wrong; ``field`` names the part
    ├── AuthenticationError (401)      no proof, or a wrong proof, of who is calling
    │   └── SignatureError (401)       a webhook's signature or credentials do not hold
    ├── ForbiddenError (403)           known caller, missing right
    ├── NotFoundError (404)            no such thing for this caller
    ├── ConflictError (409)            the state of the thing forbids this
    │   └── StaleFenceError (409)      another worker has taken the touch over since
    ├── PreconditionError (412)        it has changed since the caller read it
    ├── PayloadTooLargeError (413)     the body is over the limit
    ├── UnavailableError (503)         a part (database, cache, Prefect) is down; nothing is lost
    │   ├── MigrationError (503)       the schema is behind, half applied or of a newer version
    │   └── StackError (503)           the one-machine supervisor cannot start or keep a service
    ├── OpenTransactionError (500)     a network call was tried while a transaction is open: a defect
    └── ProviderError (502)            a provider's answer; ``outcome`` says accepted, not accepted or unknown
        ├── ProviderRefusedError (502) a definite refusal that a repeat of the same request will not change
        ├── ProviderLimitError (503)   refused for now (rate, quota, outage); ``retry_after`` seconds if told
        ├── ProviderUnknownError (504) the request left, the answer did not come or cannot be read
        └── ProviderAnswerError (502)  accepted, but the answer is not what the provider publishes

Statuses follow RFC 9110; the API turns each into problem details (RFC 9457).
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import ClassVar


class Outcome(StrEnum):
    """What an error says about the fate of the request at the provider."""

    ACCEPTED = "accepted"
    NOT_ACCEPTED = "not_accepted"
    UNKNOWN = "unknown"


class AgencyOSError(Exception):
    """Base of every error raised on purpose. ``str()`` is one plain sentence that says what to do."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"


class SettingsError(AgencyOSError):
    """A setting is missing or malformed."""

    code = "settings"


class InvalidInputError(AgencyOSError):
    """The caller's data is wrong. ``field`` is the dotted path of the offending part, if one is to blame."""

    status = 422
    code = "invalid_input"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class AuthenticationError(AgencyOSError):
    """No proof, or a wrong proof, of who is calling."""

    status = 401
    code = "unauthenticated"


class SignatureError(AuthenticationError):
    """A webhook's signature or credentials do not hold."""

    code = "bad_signature"


class ForbiddenError(AgencyOSError):
    """The caller is known and lacks the right."""

    status = 403
    code = "forbidden"


class NotFoundError(AgencyOSError):
    """No such thing for this caller."""

    status = 404
    code = "not_found"


class ConflictError(AgencyOSError):
    """The state of the thing forbids this."""

    status = 409
    code = "conflict"


class PreconditionError(AgencyOSError):
    """The thing has changed since the caller read it."""

    status = 412
    code = "precondition_failed"


class StaleFenceError(ConflictError):
    """Another worker has taken the touch over since it was claimed here."""

    code = "stale_fence"


class PayloadTooLargeError(AgencyOSError):
    """The body is over the limit."""

    status = 413
    code = "payload_too_large"


class UnavailableError(AgencyOSError):
    """A part that is needed is down; nothing is lost, try again."""

    status = 503
    code = "unavailable"


class MigrationError(UnavailableError):
    """The schema is behind, half applied or of a newer version."""

    code = "migration"


class StackError(UnavailableError):
    """The supervisor of one machine cannot start or keep a service."""

    code = "stack"


class OpenTransactionError(AgencyOSError):
    """A network call was tried while a database transaction is open. Always a defect of ours."""

    code = "open_transaction"


class ProviderError(AgencyOSError):
    """A provider's answer that is not a result.

    ``provider`` and ``operation`` name the call; ``request_id`` is the provider's, if it gave one; ``outcome``
    says what is known of the request's fate; ``cost_units`` is what the provider charges for it all the same
    (provider's units, usually 0); ``retry_after`` is in seconds of wall time, None if the provider did not say.
    """

    status = 502
    code = "provider"
    default_outcome: ClassVar[Outcome] = Outcome.NOT_ACCEPTED

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        operation: str,
        http_status: int | None = None,
        provider_code: str | None = None,
        request_id: str | None = None,
        outcome: Outcome | None = None,
        retry_after: float | None = None,
        cost_units: Decimal = Decimal(0),
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.operation = operation
        self.http_status = http_status
        self.provider_code = provider_code
        self.request_id = request_id
        self.outcome = outcome or self.default_outcome
        self.retry_after = retry_after
        self.cost_units = cost_units


class ProviderRefusedError(ProviderError):
    """A definite refusal that a repeat of the same request will not change."""

    code = "provider_refused"


class ProviderLimitError(ProviderError):
    """Refused for now: rate, quota or outage. It can heal."""

    status = 503
    code = "provider_limit"


class ProviderUnknownError(ProviderError):
    """The request left and its answer did not come, or cannot be read: it may have been accepted."""

    status = 504
    code = "provider_unknown"
    default_outcome = Outcome.UNKNOWN


class ProviderAnswerError(ProviderError):
    """Accepted, but the answer is not what the provider publishes."""

    code = "provider_answer"
    default_outcome = Outcome.ACCEPTED
