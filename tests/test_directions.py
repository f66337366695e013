"""The list of rooms that import-linter guards is complete, and the files at the root keep their directions."""

import ast
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOT_ROOMS = {"tests"}
FILES = {
    "settings.py": set[str](),
    "worker.py": {"activities", "connectors", "db", "domain", "settings", "telemetry", "workflows"},
}


def rooms() -> set[str]:
    """The packages at the root."""
    return {path.parent.name for path in ROOT.glob("*/__init__.py")} - NOT_ROOMS


def contracts() -> ConfigParser:
    """The import-linter configuration."""
    parser = ConfigParser()
    parser.read(ROOT / ".importlinter")
    return parser


def imported(path: Path) -> set[str]:
    """Top names of everything that a file imports, wherever in it."""
    names = set[str]()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_every_room_is_known_to_the_linter_and_has_a_contract() -> None:
    found = contracts()
    assert set(found["importlinter"]["root_packages"].split()) == rooms()
    sources = {
        name for section in found.sections() for name in found.get(section, "source_modules", fallback="").split()
    }
    assert sources == rooms()


def test_every_contract_speaks_of_every_room_and_file() -> None:
    files = {name.removesuffix(".py") for name in FILES}
    allowed = {
        "workflows": {"domain"},
        "db": {"domain"},
        "activities": {"domain", "db", "connectors"},
        "api": {"domain", "db", "rehearsal", "workflows"},
        "migrations": {"domain", "db", "settings"},
        "rehearsal": {"domain", "workflows"},
        "cli": {"connectors", "db", "domain", "migrations", "rehearsal", "settings", "telemetry", "workflows"},
    }
    for section in contracts().sections():
        if section.startswith("importlinter:contract:"):
            source = contracts()[section]["source_modules"].strip()
            forbidden = set(contracts()[section]["forbidden_modules"].split())
            assert (rooms() | files) - forbidden == {source} | allowed.get(source, set()), source


def test_every_file_at_the_root_is_listed_here() -> None:
    assert {path.name for path in ROOT.glob("*.py")} == set(FILES)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_at_the_root_imports_only_what_it_may(name: str) -> None:
    ours = rooms() | {file.removesuffix(".py") for file in FILES}
    assert imported(ROOT / name) & ours <= FILES[name]
