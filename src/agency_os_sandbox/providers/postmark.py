"""Postmark's inbound webhook: a letter as it arrives at the Reply-To address, in the published shape.

Promises: a pure function but for the GUID; the mailbox hash is what stands behind ``+``; the thread's ids stand in
``Headers``. An address that no server would take gives no payload at all.
"""

from __future__ import annotations

import json
import re
from email.utils import parseaddr

from agency_os_sandbox.world.letters import Letter

WEBHOOK_PATH = "/webhooks/postmark"
# RFC 5321 4.5.3.1: at most 64 characters before the @.
_USABLE = re.compile(r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=.{1,253}$)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")


def usable(address: str) -> bool:
    """Whether a mail server would take mail for this bare address."""
    return _USABLE.match(address) is not None


def inbound_body(letter: Letter, guid: str) -> str | None:
    """The webhook's body under Postmark's own id ``guid``; None when the letter cannot be delivered."""
    name, address = parseaddr(letter.to)
    if not usable(address):
        return None
    mailbox_hash = address.rpartition("@")[0].partition("+")[2]
    payload = {
        "FromName": letter.sender_name,
        "MessageStream": "inbound",
        "From": letter.sender,
        "FromFull": {"Email": letter.sender, "Name": letter.sender_name, "MailboxHash": ""},
        "To": f'"{name}" <{address}>' if name else address,
        "ToFull": [{"Email": address, "Name": name, "MailboxHash": mailbox_hash}],
        "Cc": "",
        "CcFull": [],
        "Bcc": "",
        "BccFull": [],
        "OriginalRecipient": address,
        "Subject": letter.subject,
        "MessageID": guid,
        "ReplyTo": "",
        "MailboxHash": mailbox_hash,
        "Date": letter.date,
        "TextBody": letter.text,
        "HtmlBody": letter.html,
        "StrippedTextReply": letter.stripped,
        "Tag": "",
        "Headers": [{"Name": header, "Value": value} for header, value in letter.headers],
        "Attachments": [],
    }
    return json.dumps(payload, ensure_ascii=False)
