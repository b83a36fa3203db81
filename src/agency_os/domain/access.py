"""Who may do what: permissions, the four roles of a membership, and the scopes of API keys.

The one table that routes, keys and the documentation read. Row-level security is the second wall behind it
(`supabase/migrations/009`, `015`); the matrix test of the API proves route by route that both agree.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class MembershipRole(StrEnum):
    """What a person is in a client."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


class Permission(StrEnum):
    """A right in one client: a noun, and whether it is read or written."""

    CLIENT_READ = "client:read"
    CLIENT_WRITE = "client:write"
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    API_KEYS_READ = "api_keys:read"
    API_KEYS_WRITE = "api_keys:write"
    SENDERS_READ = "senders:read"
    SENDERS_WRITE = "senders:write"
    CAMPAIGNS_READ = "campaigns:read"
    CAMPAIGNS_WRITE = "campaigns:write"
    LEADS_READ = "leads:read"
    LEADS_WRITE = "leads:write"
    IMPORTS_READ = "imports:read"
    IMPORTS_WRITE = "imports:write"
    TOUCHES_READ = "touches:read"
    MEETINGS_READ = "meetings:read"
    SUPPRESSION_READ = "suppression:read"
    SUPPRESSION_WRITE = "suppression:write"
    AUDIT_READ = "audit:read"

    @property
    def is_write(self) -> bool:
        """Whether it changes anything."""
        return self.value.endswith(":write")


_PEOPLE_ONLY: Final = frozenset(
    {
        Permission.CLIENT_WRITE,
        Permission.MEMBERS_READ,
        Permission.MEMBERS_WRITE,
        Permission.API_KEYS_READ,
        Permission.API_KEYS_WRITE,
        Permission.AUDIT_READ,
    }
)
_MANAGERS_ONLY: Final = frozenset({Permission.API_KEYS_READ, Permission.AUDIT_READ})
_MEMBERS_WRITE: Final = frozenset(
    {Permission.CAMPAIGNS_WRITE, Permission.LEADS_WRITE, Permission.IMPORTS_WRITE, Permission.SUPPRESSION_WRITE}
)
_ALL: Final = frozenset(Permission)
_READ: Final = frozenset(each for each in Permission if not each.is_write) - _MANAGERS_ONLY

ROLE_PERMISSIONS: Final = MappingProxyType(
    {
        MembershipRole.OWNER: _ALL,
        MembershipRole.ADMIN: _ALL,
        MembershipRole.MEMBER: _READ | _MEMBERS_WRITE,
        MembershipRole.VIEWER: _READ,
    }
)
KEY_SCOPES: Final = _ALL - _PEOPLE_ONLY
"""What an API key may be given: never rights over people, other keys, the client itself or the trail."""


def permitted(role: str | None, scopes: list[str] | None) -> frozenset[Permission]:
    """What a caller may do in a client: by role, else by the scopes of a key, of which unknown ones count nothing."""
    if role is not None:
        return ROLE_PERMISSIONS[MembershipRole(role)]
    return frozenset(each for each in KEY_SCOPES if each.value in (scopes or ()))


def may_grant(granter: str, role: str) -> bool:
    """Whether ``granter`` may give or take away ``role``: an owner any, an admin any but the owner's."""
    return granter == MembershipRole.OWNER or (granter == MembershipRole.ADMIN and role != MembershipRole.OWNER)
