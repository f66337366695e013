"""One supervisor per data directory, and the file by which others find it."""

import asyncio
import os
import stat
import sys
from pathlib import Path

import psutil
import pytest

from cli.stack.environment import Addresses
from cli.stack.errors import AlreadyRunningError, StackError
from cli.stack.lock import locked
from cli.stack.state import (
    ProcessId,
    StackState,
    end_former_parts,
    read_api_key,
    read_state,
    write_private,
    write_state,
)


def myself() -> ProcessId:
    """This very process."""
    found = ProcessId.of(os.getpid())
    assert found is not None
    return found


def test_a_second_supervisor_is_told_who_runs(tmp_path: Path) -> None:
    with (
        locked(tmp_path),
        pytest.raises(AlreadyRunningError, match=rf"pid {os.getpid()}.*RELANCE_DATA_DIR"),
        locked(tmp_path),
    ):
        pytest.fail("the lock was given twice")


def test_a_lock_that_was_given_back_leaves_nothing_to_say(tmp_path: Path) -> None:
    with locked(tmp_path):
        pass
    with locked(tmp_path) as former:
        assert former is None


def test_a_stale_lock_is_taken_over_and_names_its_former_holder(tmp_path: Path) -> None:
    (tmp_path / "up.lock").write_text("4242\n")
    with locked(tmp_path) as former:
        assert former == 4242
        assert (tmp_path / "up.lock").read_text().strip() == str(os.getpid())


def test_a_lock_file_full_of_rubbish_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "up.lock").write_bytes(b"\xff\xfe\x00rubbish")
    with locked(tmp_path) as former:
        assert former is None


def test_a_data_directory_that_cannot_be_made_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StackError, match="RELANCE_DATA_DIR"), locked(tmp_path / "file" / "data"):
        pytest.fail("there is no such directory")


def test_the_state_file_comes_back_as_written_and_is_private(tmp_path: Path) -> None:
    state = StackState(myself(), Addresses(api="http://127.0.0.1:8000"), {"worker": ProcessId(1, 2.5)})
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state
    assert stat.S_IMODE((tmp_path / "stack.json").stat().st_mode) == 0o600


def test_a_stack_runs_only_while_the_very_supervisor_that_wrote_the_file_lives() -> None:
    me = myself()
    assert StackState(me, Addresses()).running
    assert not StackState(ProcessId(me.pid, me.created - 1000), Addresses()).running


@pytest.mark.parametrize("content", ["", "{", "[]", '{"parts": {}}', '{"supervisor": 1, "addresses": {}, "parts": {}}'])
def test_a_state_file_cut_short_reads_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "stack.json").write_text(content)
    assert read_state(tmp_path) is None


async def test_parts_of_a_killed_supervisor_are_stopped_and_other_processes_are_not(tmp_path: Path) -> None:
    sleeper = (sys.executable, "-c", "import time; time.sleep(60)")
    part = await asyncio.create_subprocess_exec(*sleeper)
    stranger = await asyncio.create_subprocess_exec(*sleeper)
    recorded = ProcessId.of(part.pid)
    assert recorded is not None
    other = ProcessId(
        stranger.pid, psutil.Process(stranger.pid).create_time() - 1000
    )  # its pid was somebody else's once
    write_state(tmp_path, StackState(myself(), Addresses(), {"worker": recorded, "api": other}))
    try:
        assert await asyncio.to_thread(end_former_parts, tmp_path) == ["worker"]
        assert recorded.find() is None
        assert stranger.returncode is None
    finally:
        stranger.kill()
        await asyncio.gather(part.wait(), stranger.wait())


def test_the_api_key_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    assert read_api_key(tmp_path) is None
    write_private(tmp_path / "api.key", "rl_key\n")
    assert read_api_key(tmp_path) == "rl_key"
    assert stat.S_IMODE((tmp_path / "api.key").stat().st_mode) == 0o600
