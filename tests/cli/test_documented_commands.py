"""Every `relance …` command that the documents name exists, with the options that they give it."""

import re
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from cli.main import app
from tests.api.test_tenants_api import DOCUMENT

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ["README.md", "docs/runbook.md", "deploy/README.md"]
COMMAND = re.compile(r"(?<![\w/.-])relance ((?:[a-z<][^\n`#;&]*)?)")


def code(document: str) -> list[str]:
    """The lines of the blocks, and the spans between backticks outside of them."""
    inside, lines, prose = False, list[str](), list[str]()
    for line in (ROOT / document).read_text().splitlines():
        if line.startswith("```"):
            inside = not inside
        else:
            (lines if inside else prose).append(line)
    return lines + re.findall(r"`([^`]+)`", "\n".join(prose))


def commands(document: str) -> set[str]:
    """What follows the word `relance` in code."""
    return {found.strip() for line in code(document) for found in COMMAND.findall(line) if found.strip()}


def find(words: list[str]) -> tuple[set[str], list[str]]:
    """The options of the command that the words name, and the words after its name. `a|b` names several."""
    command = typer.main.get_command(app)
    rest = list(words)
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        names = rest.pop(0).split("|")
        for name in names:
            assert name in command.commands, f"{name} is no command of `{command.name}`"
        command = command.commands[names[-1]]
    return {option for parameter in command.params for option in parameter.opts} | {"--help"}, rest


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_in_the_documents_exists(document: str) -> None:
    found = commands(document)
    assert found
    for line in sorted(found):
        known, rest = find(line.split())
        given = {word.split("=")[0] for word in rest if word.startswith("--")}
        assert given <= known, f"relance {line}: {given - known}"


def test_every_command_is_told_of_somewhere() -> None:
    told = {line.split()[0] for document in DOCUMENTS for line in commands(document)}
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    assert set(root.commands) - told == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_address_of_the_api_in_the_documents_exists(document: str) -> None:
    known = {
        (method.upper(), re.sub(r"{\w+}", "*", path))
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
    }
    for line in code(document):
        for methods, path in re.findall(r"\b((?:GET|POST|PATCH|DELETE)(?:\|[A-Z]+)*) (/[\w/<>-]+)", line):
            for method in methods.split("|"):
                assert (method, re.sub(r"<[^>]*>", "*", path)) in known, line
