"""The declared matrix: every operation of the API with the right it asks for, and every role and scope with its rights.

Written by hand, apart from the code that it judges: a route that is missing here, or asks for another right, fails.
"""

from __future__ import annotations

from typing import Final

PUBLIC: Final = "public"
"""Anybody: providers prove themselves by signature, recipients by the token in their link."""
CALLER: Final = "caller"
"""Whoever proves who he is."""
PERSON: Final = "person"
"""Whoever proves to be a person: no API key."""

OPERATIONS: Final = {
    "live": PUBLIC,
    "ready": PUBLIC,
    "resend_events": PUBLIC,
    "postmark_events": PUBLIC,
    "cal_com_events": PUBLIC,
    "clay_events": PUBLIC,
    "apify_events": PUBLIC,
    "deepgram_events": PUBLIC,
    "heyreach_events": PUBLIC,
    "lob_events": PUBLIC,
    "stripe_events": PUBLIC,
    "twilio_events": PUBLIC,
    "vapi_events": PUBLIC,
    "unsubscribe_page": PUBLIC,
    "unsubscribe": PUBLIC,
    "get_me": CALLER,
    "list_clients": CALLER,
    "create_client": PERSON,
    "accept_invitation": PERSON,
    "get_client": "client:read",
    "change_client": "client:write",
    "list_members": "members:read",
    "change_member": "members:write",
    "remove_member": "members:write",
    "list_invitations": "members:read",
    "create_invitation": "members:write",
    "revoke_invitation": "members:write",
    "list_api_keys": "api_keys:read",
    "create_api_key": "api_keys:write",
    "revoke_api_key": "api_keys:write",
    "list_senders": "senders:read",
    "create_sender": "senders:write",
    "change_sender": "senders:write",
    "delete_sender": "senders:write",
    "list_campaigns": "campaigns:read",
    "create_campaign": "campaigns:write",
    "get_campaign": "campaigns:read",
    "change_campaign": "campaigns:write",
    "delete_campaign": "campaigns:write",
    "activate_campaign": "campaigns:write",
    "pause_campaign": "campaigns:write",
    "list_leads": "leads:read",
    "create_lead": "leads:write",
    "get_lead": "leads:read",
    "change_lead": "leads:write",
    "delete_lead": "leads:write",
    "enrich_lead": "leads:write",
    "list_touches": "touches:read",
    "get_touch": "touches:read",
    "list_meetings": "meetings:read",
    "get_meeting": "meetings:read",
    "list_imports": "imports:read",
    "upload_list": "imports:write",
    "get_import": "imports:read",
    "preview_import": "imports:read",
    "change_mapping": "imports:write",
    "run_import": "imports:write",
    "list_import_rows": "imports:read",
    "list_suppressions": "suppression:read",
    "suppress": "suppression:write",
    "list_audit_entries": "audit:read",
}

_READ = {
    "client:read", "members:read", "senders:read", "campaigns:read", "leads:read", "imports:read", "touches:read",
    "meetings:read", "suppression:read",
}  # fmt: skip
_MEMBER = _READ | {"campaigns:write", "leads:write", "imports:write", "suppression:write"}
_MANAGER = _MEMBER | {
    "client:write", "members:write", "api_keys:read", "api_keys:write", "senders:write", "audit:read",
}  # fmt: skip
ROLES: Final = {"owner": _MANAGER, "admin": _MANAGER, "member": _MEMBER, "viewer": _READ}
SCOPES: Final = frozenset(
    "client:read senders:read senders:write campaigns:read campaigns:write leads:read leads:write imports:read "
    "imports:write touches:read meetings:read suppression:read suppression:write".split()
)
"""What an API key may be given; each alone gives that right and no other."""
