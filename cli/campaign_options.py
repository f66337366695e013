"""How a send window and the variants of Message 1 are written on the command line."""

import re
from pathlib import Path
from typing import Any

import typer

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def message(text: str) -> str:
    """The text itself, or the content of a file named as `@path`."""
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{text[1:]} cannot be read as UTF-8 text: {error}") from error


def variant(text: str) -> dict[str, Any]:
    """`NAME:WEIGHT:TEXT`; the text may be `@file`, and may hold colons."""
    found = re.fullmatch(r"([^:]+):(\d+):(.+)", text, flags=re.DOTALL)
    if found is None:
        raise typer.BadParameter(f"{text!r}: write NAME:WEIGHT:TEXT, such as Short:50:'Hello!', or NAME:WEIGHT:@file")
    return {"name": found[1].strip(), "weight": int(found[2]), "text": message(found[3])}


def days(text: str) -> list[int]:
    """`mon-fri`, `sat,sun` or `fri-mon` as the API's numbers."""
    found: set[int] = set()
    for part in text.lower().split(","):
        names = [name.strip()[:3] for name in part.split("-")]
        if len(names) > 2 or not set(names) <= set(DAY_NAMES):
            raise typer.BadParameter(f"{part!r} is not a day: write mon-fri, or mon,wed,sat")
        start, end = DAY_NAMES.index(names[0]), DAY_NAMES.index(names[-1])
        found.update((start + ahead) % 7 for ahead in range((end - start) % 7 + 1))
    return sorted(found)


def window(hours: str | None, on: str | None, zone: str | None, *, message_2: bool) -> dict[str, Any] | None:
    """The API's send window of `--window 09:00-18:00 --days mon-fri --zone contact`; None when none is asked for."""
    if hours is None:
        if on is not None or zone is not None or message_2:
            raise typer.BadParameter("--days, --zone and --window-for-message-2 belong to --window 09:00-18:00")
        return None
    found = re.fullmatch(r"(\d{2}:\d{2})\s*[-–]\s*(\d{2}:\d{2})", hours.strip())
    if found is None:
        raise typer.BadParameter(f"{hours!r} is not a window: write 09:00-18:00")
    said: dict[str, Any] = {"start": found[1], "end": found[2], "days": None if on is None else days(on), "zone": zone}
    return {name: value for name, value in said.items() if value is not None} | (
        {"message_2": True} if message_2 else {}
    )
