"""Agency OS and its sandbox know each other only by HTTP, and neither names the other to import it at run time."""

from __future__ import annotations

import ast
import re

from tests.architecture.static.source import modules


def test_neither_program_imports_the_other_even_by_name() -> None:
    found = []
    for module in modules():
        other = "agency_os" if module.path.startswith("agency_os_sandbox/") else "agency_os_sandbox"
        pattern = re.compile(rf"{other}(\.|$)")
        for node in ast.walk(module.tree):
            if any(pattern.match(name) for name in _named(node)):
                found.append(f"{module.path} -> {other}")  # noqa: PERF401  # a comprehension of four levels is worse
    assert found == []


def _named(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        if name in {"import_module", "__import__", "find_spec", "files"}:
            return [str(part.value) for part in node.args if isinstance(part, ast.Constant)]
    return []
