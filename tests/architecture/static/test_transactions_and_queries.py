"""Transactions are begun at the edge and committed by `db` alone; queries stand in the repositories."""

from __future__ import annotations

import ast
import re

from tests.architecture.static.source import REPOSITORY, agency_os

_EDGES = ("orchestration/tasks", "api", "cli", "stack", "wiring")
_QUERY = re.compile(
    r"^\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|WITH\s+\w+\s+AS\s*\()", re.DOTALL
)
_DELETE = re.compile(r"\bDELETE\s+FROM\b|\bTRUNCATE\b")


def test_nothing_but_db_commits_or_begins() -> None:
    found = [
        module.at(call)
        for module in agency_os()
        if not module.within("db")
        for name, call in module.calls()
        if name in {"commit", "begin", "begin_nested", "rollback"}
    ]
    assert found == []


def test_transactions_are_opened_at_the_edge_alone() -> None:
    found = [
        module.at(call)
        for module in agency_os()
        if not module.within("db", *_EDGES)
        for name, call in module.calls()
        if name == "transaction"
    ]
    assert found == []


def test_sql_stands_in_the_repositories_alone() -> None:
    found = [
        module.at(string)
        for module in agency_os()
        if not module.within("db", "models", "repositories")
        for string in module.strings()
        if _QUERY.match(str(string.value))
    ]
    assert found == []


def test_nothing_deletes_rows() -> None:
    found = [
        module.at(node)
        for module in agency_os()
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Constant) and isinstance(node.value, str) and _DELETE.search(node.value))
        or (isinstance(node, ast.ImportFrom) and "sqlalchemy" in (node.module or "") and _imports(node, "delete"))
    ]
    assert found == []


def test_migrations_delete_nothing() -> None:
    found = [
        f"{path.name}:{number}"
        for path in sorted((REPOSITORY / "supabase" / "migrations").glob("*.sql"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(r"ON DELETE (CASCADE|SET)|^\s*(DELETE FROM|TRUNCATE|DROP TABLE)\b", line, re.IGNORECASE)
    ]
    assert found == []


def _imports(node: ast.ImportFrom, name: str) -> bool:
    return any(alias.name == name for alias in node.names)
