"""How commands print data: tables for people, JSON for programs, both on standard output."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def print_json(data: Any) -> None:
    """One JSON document, indented, letters as they are."""
    print(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under headings; nothing is cut when the output goes to a file."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console().print(table)


def print_facts(facts: dict[str, object]) -> None:
    """Name and value, one per line; empty ones are left out."""
    shown = {name: value for name, value in facts.items() if value not in (None, "")}
    width = max(map(len, shown), default=0) + 2
    for name, value in shown.items():
        print(f"{name:<{width}}{value}")


def console() -> Console:
    """Standard output; wide enough that a table in a pipe is not folded."""
    screen = Console(highlight=False, markup=False)
    if not screen.is_terminal:
        screen.width = 200
    return screen


def duration(seconds: float | None) -> str:
    """Seconds as `1:02:03` or `4:05`; a dash when unknown."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
