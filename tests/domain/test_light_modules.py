"""What workflows import stays light: the sandbox loads it again for every workflow."""

import ast
import sys
from pathlib import Path

import pytest

DOMAIN = Path(__file__).parents[2] / "domain"


def imported_by(module: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse((DOMAIN / f"{module}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("module", ["pacing", "eta", "breaker", "progress", "receipts", "problems"])
def test_it_imports_the_standard_library_and_pydantic_alone(module: str) -> None:
    roots = {name.split(".")[0] for name in imported_by(module)}
    assert roots <= sys.stdlib_module_names | {"pydantic", "domain"}
    assert {name for name in imported_by(module) if name.startswith("domain")} <= {"domain.problems"}
