"""Roles, scopes and who may give which role away."""

from __future__ import annotations

import pytest

from agency_os.domain.access import KEY_SCOPES, ROLE_PERMISSIONS, Permission, may_grant, permitted
from tests.support.matrix import ROLES, SCOPES


def test_the_roles_have_the_declared_rights() -> None:
    assert {role.value: {each.value for each in rights} for role, rights in ROLE_PERMISSIONS.items()} == ROLES


def test_keys_may_have_the_declared_scopes() -> None:
    assert {each.value for each in KEY_SCOPES} == SCOPES


@pytest.mark.parametrize("scopes", [["members:write"], ["everything"], [""], []])
def test_a_scope_that_no_key_may_have_gives_nothing(scopes: list[str]) -> None:
    assert permitted(None, scopes) == frozenset()


def test_a_key_may_what_its_scopes_name() -> None:
    assert permitted(None, ["leads:read", "members:write"]) == {Permission.LEADS_READ}


@pytest.mark.parametrize(
    ("granter", "role", "may"),
    [
        ("owner", "owner", True),
        ("owner", "viewer", True),
        ("admin", "owner", False),
        ("admin", "admin", True),
        ("member", "viewer", False),
        ("viewer", "viewer", False),
    ],
)
def test_only_an_owner_gives_the_owners_role_away(granter: str, role: str, may: bool) -> None:
    assert may_grant(granter, role) is may
