"""What a check of the doctor finds."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class State(StrEnum):
    """`note` is worth knowing and stops nothing."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


class Finding(BaseModel):
    """One thing that was looked at: what is so, why it matters, and what mends it."""

    model_config = ConfigDict(frozen=True)

    name: str
    state: State
    words: str
    why: str = ""
    advice: str = ""


def fine(name: str, words: str) -> Finding:
    """All is well."""
    return Finding(name=name, state=State.OK, words=words)


def note(name: str, words: str, advice: str = "") -> Finding:
    """Worth knowing."""
    return Finding(name=name, state=State.NOTE, words=words, advice=advice)


def wrong(name: str, words: str, advice: str, *, why: str) -> Finding:
    """Stops something from working."""
    return Finding(name=name, state=State.WRONG, words=words, why=why, advice=advice)
