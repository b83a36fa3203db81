"""By whom people's letters reach the product: Postmark, unless control has said Resend.

Promises: the choice is kept on disk; a letter is handed to one provider alone, in the caller's transaction.
"""

from __future__ import annotations

from datetime import datetime
from email.utils import parseaddr
from typing import Any

from agency_os_sandbox.ids import new_guid
from agency_os_sandbox.outbox import Parcel
from agency_os_sandbox.providers import postmark
from agency_os_sandbox.providers.resend_inbound import LetterError, ReceivedLetters
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.letters import Letter

PROVIDERS = ("postmark", "resend")
_CHOICE = "inbound_provider"


class Inbound:
    """Turns letters into what is sent to the product."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._resend = ReceivedLetters(store)

    @property
    def provider(self) -> str:
        """Who receives at present."""
        return str(self._store.get_json(_CHOICE, PROVIDERS[0]))

    def choose(self, data: Any) -> None:
        """Let the provider that ``data`` names receive from now on. Raises LetterError."""
        provider = data.get("provider") if isinstance(data, dict) else None
        if provider not in PROVIDERS:
            raise LetterError(f'who receives is said by {{"provider": one of {", ".join(PROVIDERS)}}}')
        self._store.set_json(_CHOICE, provider)

    def parcel(self, letter: Letter, lane: str, at: datetime) -> Parcel | None:
        """What tells the product of a letter; None for an address to which no server would deliver."""
        if self.provider == "resend":
            return self._resend.take_from(letter, lane, at) if postmark.usable(parseaddr(letter.to)[1]) else None
        guid = new_guid()
        body = postmark.inbound_body(letter, guid)
        return None if body is None else Parcel("postmark", "inbound", guid, lane, postmark.WEBHOOK_PATH, body)

    def receive(self, data: Any, at: datetime) -> Parcel:
        """Let Resend receive a letter given as JSON. Raises LetterError."""
        return self._resend.take(data, at)
