"""Cleaning of platform texts before they enter a history, a log or a page."""

import re
from collections.abc import Iterable

MAX_CHARS = 300
REMOVED = "[removed]"
_SHORTEST_SECRET = 4  # a shorter one ("hi") would blank ordinary words

_KEY_VALUE = re.compile(
    r"(?i)\b((?:api[_-]?key|access[_-]?token|token|secret|password|authorization)[\"']?\s*[=:]\s*[\"']?"
    r"(?:(?:bearer|basic)\s+)?|(?:bearer|basic)\s+)[^\s\"'&,;]+"
)
_LONG_TOKEN = re.compile(r"\b[A-Za-z0-9_\-]{32,}\b")
_PHONE = re.compile(r"(?<!\w)\+?\d(?:[ ().\-]{0,2}\d){6,}(?!\w)")
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f]+")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """The text without what PostgreSQL and JSON encoders refuse: NUL is dropped, lone surrogates become U+FFFD."""
    return _UNSTORABLE.sub(lambda match: "" if match.group() == "\x00" else "\ufffd", text)


def clip(text: str, limit: int = MAX_CHARS) -> str:
    """The text on one line, at most `limit` characters, with an ellipsis where it was cut."""
    line = _BLANKS.sub(" ", storable(text)).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def clean(text: str, private: Iterable[str] = (), limit: int = MAX_CHARS) -> str:
    """The text without `private` strings, tokens and phone numbers, on one line, cut to `limit` characters.

    `private` is what the caller knows to be secret or personal in this very call (key, phone, message text): patterns
    alone would miss a short key, or a sentence that the platform echoes back.
    """
    line = _BLANKS.sub(" ", storable(text))
    for secret in sorted({_BLANKS.sub(" ", item).strip() for item in private}, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            line = line.replace(secret, REMOVED)
    line = _KEY_VALUE.sub(rf"\1{REMOVED}", line)
    line = _LONG_TOKEN.sub(REMOVED, line)
    line = _PHONE.sub("[phone]", line)
    return clip(line, limit)
