"""Children: how they are stopped, how they die with their supervisor, and that their logs stay small."""

import asyncio
import signal
import sys
from pathlib import Path

import psutil
import pytest

from cli.stack.process import Command, bare_environment, last_lines, rotate_log, spawn, stop
from cli.stack.programs import ROOT

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)
SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from cli.stack.process import Command, bare_environment, spawn

async def main():
    sleeper = (sys.executable, "-c", "import time; time.sleep(60)")
    child = await spawn(Command(sleeper, Path(sys.argv[1]), bare_environment()))
    print(child.pid, flush=True)
    await child.ended()

asyncio.run(main())
"""


def python(code: str, log_file: Path, stop_seconds: float = 5.0) -> Command:
    """A command that runs some Python."""
    return Command((sys.executable, "-c", code), log_file, bare_environment(), stop_seconds=stop_seconds)


async def wait_for_log(log_file: Path, words: str) -> None:
    """Wait, at most 20 s, until the words are in the log."""
    for _ in range(400):
        if words in last_lines(log_file):
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"{words!r} never came: {last_lines(log_file)}")


async def test_a_child_that_ignores_the_stop_signal_is_killed_after_its_time(tmp_path: Path) -> None:
    child = await spawn(python(STUBBORN, tmp_path / "log", stop_seconds=0.2))
    await wait_for_log(tmp_path / "log", "deaf")
    assert await stop(child) == -signal.SIGKILL


async def test_stopping_a_dead_child_gives_its_exit_status(tmp_path: Path) -> None:
    child = await spawn(python("raise SystemExit(3)", tmp_path / "log"))
    await child.ended()
    assert await stop(child) == 3


async def test_a_child_stands_in_a_session_of_its_own(tmp_path: Path) -> None:
    child = await spawn(python("import os; print('sid', os.getsid(0) == os.getpid())", tmp_path / "log"))
    await child.ended()
    assert last_lines(tmp_path / "log") == "sid True"


async def test_the_operators_secrets_do_not_reach_foreign_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELANCE_DATABASE_URL", "postgresql://u:hush@h/d")
    assert "hush" not in str(bare_environment())


async def test_a_supervisor_killed_hard_takes_its_children_along(tmp_path: Path) -> None:
    command = (sys.executable, "-c", SUPERVISOR, str(tmp_path / "log"))
    supervisor = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
    assert supervisor.stdout is not None
    child = psutil.Process(int(await supervisor.stdout.readline()))
    supervisor.kill()
    await supervisor.wait()
    gone, alive = await asyncio.to_thread(psutil.wait_procs, [child], 10)
    assert (gone, alive) == ([child], [])


def test_a_log_is_cut_to_its_limit_and_one_older_generation_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    log.write_bytes(b"old\n" * 100)
    rotate_log(log, limit_bytes=100)
    assert log.read_bytes() == b""
    assert (tmp_path / "part.log.1").read_bytes() == b"old\n" * 25


def test_a_small_log_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    log.write_text("one\n")
    rotate_log(log, limit_bytes=100)
    assert log.read_text() == "one\n"
