"""The reading of the logs after a drill finds every kind of planted trouble, and nothing in an honest log."""

from pathlib import Path

import pytest

from cli.drill.logs import TROUBLES, Allowance, scan

PLANTED = {
    "dropped signal": "Failed deserializing signal input for reply_received, dropping the signal",
    "potential deadlock": "[TMPRL1101] Potential deadlock detected: workflow didn't yield within 2 second(s).",
    "non-determinism": "[TMPRL1100] Nondeterminism error: Activity machine does not handle this event",
    "unfinished handler": "[TMPRL1102] Workflow finished while signal handlers are still running.",
    "traceback": '{"event": "x", "exception": "Traceback (most recent call last):\\n  File"}',
    "panic": "thread 'tokio-runtime' panicked at src/lib.rs:1",
    "bug answered with 500": '{"event": "api.bug", "level": "error"}',
    "never retrieved": "Task exception was never retrieved",
}
HONEST = """\
{"queues": ["relance"], "event": "worker ready", "level": "info"}
{"event": "activity.postponed", "away": "the database", "error": "ConnectionDoesNotExistError", "level": "warning"}
{"event": "api.database_away", "error": "CannotConnectNowError", "level": "warning"}
LOG:  database system was not properly shut down; automatic recovery in progress
"""


def test_every_kind_has_its_plant() -> None:
    assert PLANTED.keys() == TROUBLES.keys()


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_line_is_found_counted_and_shown(kind: str, tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_text(f"{HONEST}{PLANTED[kind]}\n{HONEST}{PLANTED[kind]} again\n")

    [finding] = scan(tmp_path)

    assert (finding.log, finding.kind, finding.count) == ("worker.log", kind, 2)
    assert finding.first == PLANTED[kind]


def test_an_honest_log_holds_nothing_and_older_generations_are_read(tmp_path: Path) -> None:
    (tmp_path / "api.log").write_text(HONEST)
    assert scan(tmp_path) == []

    (tmp_path / "api.log.1").write_text(PLANTED["traceback"] + "\n")
    assert [finding.log for finding in scan(tmp_path)] == ["api.log.1"]


def test_an_allowance_covers_its_own_log_and_line_only(tmp_path: Path) -> None:
    allowed = Allowance("api", "traceback", "event.*x", "the fault brings it about")
    (tmp_path / "api.log").write_text(PLANTED["traceback"] + "\n")
    assert scan(tmp_path, [allowed]) == []

    (tmp_path / "worker.log").write_text(PLANTED["traceback"] + "\n")
    assert [finding.log for finding in scan(tmp_path, [allowed])] == ["worker.log"]
