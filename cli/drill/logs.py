"""Reads the logs after a drill for what must never be in them, however well everything seems to have gone."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

LINE_SHOWN = 300

TROUBLES = {
    "dropped signal": r"dropping the signal|dropped signal",
    "potential deadlock": r"potential deadlock|TMPRL1101",
    "non-determinism": r"non-?determinis|TMPRL1100",
    "unfinished handler": r"handlers? (?:are|is) still running|unfinished|TMPRL1102",
    "traceback": r"Traceback \(most recent call last\)",
    "panic": r"\bpanicked at\b|^panic: |^fatal error: ",
    "bug answered with 500": r"\bapi\.bug\b",
    "never retrieved": r"was never retrieved|was never awaited|was destroyed but it is pending",
}
PATTERNS = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in TROUBLES.items()}


@dataclass(frozen=True, slots=True)
class Allowance:
    """A line that a fault brings about by itself, so that it is no trouble; the reason is told in the report."""

    log: str
    kind: str
    pattern: str
    reason: str

    def covers(self, log: str, kind: str, line: str) -> bool:
        """Whether this very line is meant."""
        return self.log == log and self.kind == kind and re.search(self.pattern, line) is not None


ALLOWANCES: tuple[Allowance, ...] = ()
"""None: an outage is one line without a traceback, wherever it is met."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of trouble in one log: how often, and the first line."""

    log: str
    kind: str
    count: int
    first: str


def scan(logs: Path, allowances: Iterable[Allowance] = ALLOWANCES) -> list[Finding]:
    """Every trouble in the logs of a directory, older generations included."""
    allowed = tuple(allowances)
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for path in sorted(logs.glob("*.log*")):
        for kind, line in _troubles(path, allowed):
            count, first = found.get((path.name, kind), (0, line))
            found[path.name, kind] = (count + 1, first)
    return [Finding(log, kind, count, first[:LINE_SHOWN]) for (log, kind), (count, first) in found.items()]


def _troubles(path: Path, allowed: tuple[Allowance, ...]) -> Iterator[tuple[str, str]]:
    name = path.name.split(".", 1)[0]
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            for kind, pattern in PATTERNS.items():
                if pattern.search(line) and not any(each.covers(name, kind, line) for each in allowed):
                    yield kind, line.strip()
