"""Every send takes one road (SPEC DEL-1)."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("activities", "api", "cli", "db", "domain", "rehearsal", "workflows", "worker.py")


def connector_sends(source: Path) -> list[str]:
    """Places that call `send` of something that is named or typed as a connector."""
    calls = [node for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Call)]
    return [
        f"{source.relative_to(ROOT)}:{call.lineno}"
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in {"send", "publish", "reply_comment"}
        and "connector" in ast.unparse(call.func.value)
    ]


def test_one_place_in_the_code_calls_a_connectors_send() -> None:
    files = [
        file for room in ROOMS for file in ([ROOT / room] if room.endswith(".py") else (ROOT / room).rglob("*.py"))
    ]
    places = [place for file in files for place in connector_sends(file)]
    assert [place.split(":")[0] for place in places] == ["activities/deliveries.py"]


def test_only_sends_the_check_of_an_account_and_the_composition_know_connectors_clients() -> None:
    importers = {
        str(file.relative_to(ROOT))
        for room in ROOMS
        for file in ([ROOT / room] if room.endswith(".py") else (ROOT / room).rglob("*.py"))
        if "from connectors.registry" in file.read_text() or "from connectors.base" in file.read_text()
    }
    # The check of a channel asks for its account; that nobody else sends is what the test above holds.
    assert importers == {"activities/channels.py", "activities/deliveries.py", "worker.py"}
