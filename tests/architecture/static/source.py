"""The source files as syntax trees, for the checks beside this file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
SOURCE = REPOSITORY / "src"


@dataclass(frozen=True)
class Module:
    """One file: its path below ``src`` with ``/``, its text and its tree."""

    path: str
    text: str
    tree: ast.Module

    def within(self, *folders: str) -> bool:
        """Whether the file is, or stands below, one of the folders or files (below ``src/agency_os``)."""
        return any(self.path == f"agency_os/{each}" or self.path.startswith(f"agency_os/{each}/") for each in folders)

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Every call with the last name of what is called: ``a.b.commit()`` is ``commit``."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                if isinstance(node.func, ast.Attribute):
                    yield node.func.attr, node
                elif isinstance(node.func, ast.Name):
                    yield node.func.id, node

    def strings(self) -> Iterator[ast.Constant]:
        """Every string that is not a docstring; the fixed parts of f-strings too."""
        documentation = {
            id(node.body[0].value)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
                yield node

    def at(self, node: ast.expr | ast.stmt) -> str:
        """``path:line`` of a node."""
        return f"{self.path}:{node.lineno}"


@cache
def modules() -> tuple[Module, ...]:
    """All modules of both programs."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text("utf-8")
        found.append(Module(path.relative_to(SOURCE).as_posix(), text, ast.parse(text)))
    return tuple(found)


def agency_os() -> tuple[Module, ...]:
    """The modules of Agency OS alone."""
    return tuple(module for module in modules() if module.path.startswith("agency_os/"))
