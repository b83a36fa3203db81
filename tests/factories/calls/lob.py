"""Lob's calls."""

from __future__ import annotations

from agency_os.integrations.lob import LobClient
from agency_os.integrations.postal_provider import Letter, MailUse, PostalAddress, Postcard
from tests.factories.calls import Calls

_PAT = PostalAddress("210 King St", "San Francisco", "CA", "94107", name="Pat Citizen")
_CARD = Postcard(_PAT, "<b>Front</b>", "<b>Back</b>", MailUse.MARKETING)
_LETTER = Letter(_PAT, _PAT, "<b>Dear Pat</b>", MailUse.MARKETING)

CALLS: Calls = {
    "create_postcard": lambda connection: LobClient(connection).create_postcard(_CARD, key="k-1"),
    "create_letter": lambda connection: LobClient(connection).create_letter(_LETTER, key="k-1"),
    "read_piece": lambda connection: LobClient(connection).read_piece("psc_208e45e48d271294"),
    "cancel_piece": lambda connection: LobClient(connection).cancel_piece("ltr_4868c3b754655f90"),
    "verify_address": lambda connection: LobClient(connection).verify_address(_PAT),
}
