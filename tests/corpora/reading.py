"""Reads a corpus: named bodies, as bytes. README.md beside this says how an item is written."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOM = Path(__file__).parent


@dataclass(frozen=True)
class Item:
    """Something hostile."""

    name: str
    content: bytes
    text: str = ""
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def corpus(name: str) -> list[Item]:
    """Every item of a file."""
    return [_item(entry) for entry in yaml.safe_load((ROOM / f"{name}.yaml").read_text())]


def _item(entry: dict[str, Any]) -> Item:
    more = {key: entry[key] for key in ("status", "headers") if key in entry}
    if "hex" in entry:
        return Item(str(entry["name"]), bytes.fromhex(entry["hex"]), **more)
    text = _text(entry["body"])
    return Item(str(entry["name"]), text.encode(entry.get("encoding", "utf-8")), text, **more)


def _text(body: str | list[str | dict[str, Any]]) -> str:
    pieces = [body] if isinstance(body, str) else body
    return "".join(piece if isinstance(piece, str) else piece["text"] * piece["times"] for piece in pieces)
