"""What a drill tells: a table for the terminal, JSON for programs, a section for the document."""

import platform
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from cli.drill.performance import Result, Row
from cli.output import print_table

COLUMNS = ("fault", "what was done", "seconds", "doubles", "lost", "unknown", "recovery s", "verdict")
BEGIN, END = "<!-- runs: written by `relance drill --table` -->", "<!-- end of runs -->"


def print_result(result: Result) -> None:
    """The table, then what is wrong, then the words that repeat it."""
    print_table(COLUMNS, [_cells(row) for row in result.rows])
    for row in result.rows:
        for words in row.outcome.complaints:
            print(f"{row.fault.name}: {words}")
    for finding in result.findings:
        print(f"{finding.log}: {finding.kind} × {finding.count}, first: {finding.first}")
    print(f"\n{summary(result)}")


def summary(result: Result) -> str:
    """One sentence on the whole."""
    verdict = "every fault passed" if result.passed else "NOT passed"
    logs = f"{sum(finding.count for finding in result.findings)} lines of trouble in the logs"
    form = ", short form" if result.short else ""
    return f"{verdict}; {logs}; {result.seconds:.0f} s in all; seed {result.seed}{form}"


def as_json(result: Result) -> dict[str, Any]:
    """The same for programs."""
    return {
        "seed": result.seed,
        "commit": result.commit,
        "short": result.short,
        "passed": result.passed,
        "seconds": round(result.seconds, 1),
        "faults": [_as_json(row) for row in result.rows],
        "logs": [
            {"log": each.log, "kind": each.kind, "count": each.count, "first": each.first} for each in result.findings
        ],
    }


def _as_json(row: Row) -> dict[str, Any]:
    outcome = row.outcome
    return {
        "fault": row.fault.name,
        "done": outcome.done,
        "seconds": round(row.seconds, 1),
        "doubles": outcome.tally.doubles,
        "lost": outcome.tally.lost,
        "unknown": outcome.tally.unknown,
        "recovery_seconds": outcome.recovery_seconds,
        "passed": outcome.passed,
        "complaints": list(outcome.complaints),
    }


def _cells(row: Row) -> tuple[str, ...]:
    outcome, tally = row.outcome, row.outcome.tally
    recovery = "–" if outcome.recovery_seconds is None else f"{outcome.recovery_seconds:.1f}"
    counts = (str(number) for number in (tally.doubles, tally.lost, tally.unknown))
    verdict = "passed" if outcome.passed else "FAILED"
    return (row.fault.name, outcome.done, f"{row.seconds:.0f}", *counts, recovery, verdict)


def write_section(document: Path, result: Result) -> None:
    """Puts the run into the document, in place of an earlier one with the same seed. The marks must be there."""
    text = document.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        text = f"{text.rstrip()}\n\n{BEGIN}\n{END}\n" if text.strip() else f"{BEGIN}\n{END}\n"
    before, rest = text.split(BEGIN, 1)
    runs, after = rest.split(END, 1)
    former = re.compile(rf"### Seed {result.seed}\n.*?(?=### Seed |\Z)", re.DOTALL)
    kept = former.sub("", runs).strip()
    sections = "\n\n".join(part for part in (kept, section(result).strip()) if part)
    document.write_text(f"{before}{BEGIN}\n\n{sections}\n\n{END}{after}", encoding="utf-8")


def section(result: Result) -> str:
    """The run as Markdown."""
    memory = psutil.virtual_memory().total / 2**30
    machine = f"{psutil.cpu_count()} cores, {memory:.0f} GB, Python {platform.python_version()}"
    code = "" if result.commit is None else f"commit {result.commit}, "
    lines = [f"### Seed {result.seed}", "", f"{datetime.now(UTC):%Y-%m-%d}, {code}{machine}: {summary(result)}.", ""]
    lines += [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    lines += [f"| {' | '.join(_cells(row))} |" for row in result.rows]
    faults = [f"- {row.fault.name}: {words}" for row in result.rows for words in row.outcome.complaints]
    logs = [f"- {each.log}: {each.kind} × {each.count}" for each in result.findings]
    return "\n".join([*lines, *([""] if faults or logs else []), *faults, *logs]) + "\n"
