"""Two tenants with a row each in every table, made from the catalogue, so that a new table is covered unasked.

What stands in the way of a change (constraints, triggers) is taken off first: then only grants and policies can refuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from agency_os.kit.ids import new_id
from tests.support.matrix import SCOPES

_TABLES = """
    SELECT c.relname AS table_name, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, t.typcategory::text
        AS category, a.attnotnull AND NOT a.atthasdef AS is_needed, a.attgenerated <> '' AS is_generated,
        (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = t.oid)
        AS labels, i.indrelid IS NOT NULL AS is_key
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS t ON t.oid = a.atttypid
    LEFT JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey)
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    ORDER BY c.relname, a.attnum
"""
_STRIP = """
    DO $$
    DECLARE each record;
    BEGIN
        FOR each IN SELECT conrelid::regclass AS t, conname FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace AND contype IN ('f', 'c') LOOP
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I', each.t, each.conname);
        END LOOP;
        FOR each IN SELECT conrelid::regclass AS t, conname FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace AND contype = 'u' LOOP
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I', each.t, each.conname);
        END LOOP;
        FOR each IN SELECT indexrelid::regclass AS i FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indrelid
            WHERE c.relnamespace = 'public'::regnamespace AND x.indisunique AND NOT x.indisprimary LOOP
            EXECUTE format('DROP INDEX %s', each.i);
        END LOOP;
        FOR each IN SELECT c.oid::regclass AS t FROM pg_class AS c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') LOOP
            EXECUTE format('ALTER TABLE %s DISABLE TRIGGER ALL', each.t);
        END LOOP;
    END
    $$
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column; ``labels`` are those of its enum."""

    name: str
    type: str
    category: str
    is_needed: bool
    is_generated: bool
    is_key: bool
    labels: tuple[str, ...]

    def sample(self, number: int, client_id: UUID) -> str:
        """A literal of the column's type, another one for each ``number``."""
        if self.name == "client_id":
            return f"CAST('{client_id}' AS uuid)"
        if self.type == "uuid":
            return f"CAST('{new_id()}' AS uuid)"
        by_category = {
            "S": f"sample {number}",
            "N": str(number),
            "B": str(number % 2 == 0).lower(),
            "D": f"2026-11-{number:02}",
            "A": "{}",
            "E": self.labels[number % len(self.labels)] if self.labels else "",
        }
        text = {"bytea": f"\\x{number:02}", "jsonb": f'{{"n": {number}}}'}.get(self.type) or by_category[self.category]
        return f"CAST('{text}' AS {self.type})"


@dataclass(slots=True)
class Table:
    """A table of schema public."""

    name: str
    columns: list[Column] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The one column of the primary key."""
        (name,) = (column.name for column in self.columns if column.is_key)
        return name

    @property
    def names(self) -> set[str]:
        """Its columns that can be written."""
        return {column.name for column in self.columns if not column.is_generated}

    def insert(self, columns: Iterable[str], number: int, client_id: UUID, key: str | None = None) -> str:
        """An INSERT of these columns for a client, under ``key`` or a new one."""
        chosen = [column for column in self.columns if column.name in set(columns)]
        if not chosen:
            return f"INSERT INTO {self.name} DEFAULT VALUES"  # names come from the catalogue
        given = [f"'{key}'" if key and column.is_key else column.sample(number, client_id) for column in chosen]
        values = ", ".join(given)
        return f"INSERT INTO {self.name} ({', '.join(c.name for c in chosen)}) VALUES ({values})"  # noqa: S608


@dataclass(slots=True)
class Tenants:
    """Clients ``a``, ``b`` and the deleted ``gone``, people by name, API keys by name with the client that is claimed
    to be theirs, and every row's key by table and client."""

    a: UUID
    b: UUID
    gone: UUID
    people: dict[str, UUID]
    keys: dict[str, tuple[UUID, UUID | None]]
    tables: dict[str, Table]
    rows: dict[str, dict[UUID | None, set[str]]] = field(default_factory=dict)

    def of(self, table: str, client_id: UUID | None) -> set[str]:
        """The keys of a client's rows; of the platform's with None."""
        return self.rows[table].get(client_id, set())


PEOPLE = {
    "owner of a": [("a", "owner", True, False)],
    "admin of a": [("a", "admin", True, False)],
    "member of a": [("a", "member", True, False)],
    "viewer of a": [("a", "viewer", True, False)],
    "removed from a": [("a", "owner", True, True)],
    "invited to a": [("a", "owner", False, False)],
    "owner of b": [("b", "owner", True, False)],
    "viewer of a, owner of b": [("a", "viewer", True, False), ("b", "owner", True, False)],
    "owner of a deleted client": [("gone", "owner", True, False)],
    "banned owner of a": [("a", "owner", True, False)],
    "owner of a whose account is deleted": [("a", "owner", True, False)],
    "once banned owner of a": [("a", "owner", True, False)],
    "stranger": [],
}
"""Memberships: client, role, whether accepted, whether removed since."""
_ACCOUNTS = {
    "banned owner of a": "banned_until = now() + interval '1 day'",
    "owner of a whose account is deleted": "deleted_at = now()",
    "once banned owner of a": "banned_until = now() - interval '1 day'",
}
KEYS: dict[str, tuple[str, str | None, list[str], str | None]] = {
    **{f"key of a: {scope}": ("a", "a", [scope], None) for scope in sorted(SCOPES)},
    "key of a: every scope": ("a", "a", sorted(SCOPES), None),
    "key of a: what no key may have": ("a", "a", ["members:write", "audit:read", "client:write", "*", ""], None),
    "key of a that runs out tomorrow": ("a", "a", sorted(SCOPES), "expires_at = now() + interval '1 day'"),
    "key of b: every scope": ("b", "b", sorted(SCOPES), None),
    "revoked key of a": ("a", "a", sorted(SCOPES), "revoked_at = now()"),
    "key of a that has run out": ("a", "a", sorted(SCOPES), "expires_at = now() - interval '1 second'"),
    "key of a under the id of b": ("a", "b", sorted(SCOPES), None),
    "key of b under the id of a": ("b", "a", sorted(SCOPES), None),
    "key of a under no id": ("a", None, sorted(SCOPES), None),
    "key of a deleted client": ("gone", "gone", sorted(SCOPES), None),
}
"""API keys: client, the client named with it, scopes, what has become of it."""


async def make_tenants(connection: asyncpg.Connection) -> Tenants:
    """Fill an empty migrated database, as its owner."""
    ids = {"a": new_id(), "b": new_id(), "gone": new_id()}
    people = {name: new_id() for name in PEOPLE}
    for name, client_id in ids.items():
        deleted = "now()" if name == "gone" else "NULL"
        statement = f"INSERT INTO clients (id, name, deleted_at) VALUES ($1, $2, {deleted})"  # noqa: S608
        await connection.execute(statement, client_id, f"client {name}")
    for name, user_id in people.items():
        await connection.execute("INSERT INTO auth.users (id, email) VALUES ($1, $2)", user_id, f"{name}@team.example")
    await connection.executemany(
        "INSERT INTO memberships (user_id, client_id, role, accepted_at, deleted_at) "
        "VALUES ($1, $2, $3::text::membership_role, CASE WHEN $4 THEN now() END, CASE WHEN $5 THEN now() END)",
        [(people[name], ids[client], *rest) for name, all_ in PEOPLE.items() for client, *rest in all_],
    )
    for name, change in _ACCOUNTS.items():
        await connection.execute(f"UPDATE auth.users SET {change} WHERE id = $1", people[name])  # noqa: S608
    keys = await _make_keys(connection, ids, people["owner of a"])
    await connection.execute(_STRIP)
    tenants = Tenants(ids["a"], ids["b"], ids["gone"], people, keys, await read_tables(connection))
    await _fill(connection, tenants)
    return tenants


async def _make_keys(
    connection: asyncpg.Connection, clients: Mapping[str, UUID], user_id: UUID
) -> dict[str, tuple[UUID, UUID | None]]:
    keys: dict[str, tuple[UUID, UUID | None]] = {}
    for name, (client, claimed, scopes, change) in KEYS.items():
        key_id = new_id()
        await connection.execute(
            "INSERT INTO api_keys (id, client_id, name, shown, digest, scopes, created_by) "
            "VALUES ($1, $2, $3, 'aos_', sha256(convert_to($3, 'UTF8')), $4, $5)",
            key_id, clients[client], name, scopes, user_id,
        )  # fmt: skip
        if change is not None:
            await connection.execute(f"UPDATE api_keys SET {change} WHERE id = $1", key_id)  # noqa: S608
        keys[name] = (key_id, clients[claimed] if claimed is not None else None)
    return keys


async def read_tables(connection: asyncpg.Connection) -> dict[str, Table]:
    """Every table of schema public."""
    tables: dict[str, Table] = {}
    for row in await connection.fetch(_TABLES):
        fields = dict(row)
        table = tables.setdefault(fields["table_name"], Table(fields.pop("table_name")))
        table.columns.append(Column(**{**fields, "labels": tuple(fields["labels"] or ())}))
    return tables


async def _fill(connection: asyncpg.Connection, tenants: Tenants) -> None:
    for name, table in tenants.tables.items():
        if name not in {"clients", "users", "memberships"}:
            for number, client_id in enumerate((tenants.a, tenants.b), start=1):
                needed = {column.name for column in table.columns if column.is_needed or column.is_key}
                await connection.execute(table.insert(needed | ({"client_id"} & table.names), number, client_id))
        owner = "id" if name == "clients" else "client_id" if "client_id" in table.names else "NULL::uuid"
        found = await connection.fetch(f"SELECT {table.key}::text AS key, {owner} AS owner FROM {name}")  # noqa: S608
        tenants.rows[name] = {}
        for row in found:
            tenants.rows[name].setdefault(row["owner"], set()).add(row["key"])
