"""`relance up` as people and process managers meet it: words, signals, exit status."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from signal import SIGINT, SIGTERM, Signals

import pytest

from cli.stack.programs import ROOT
from cli.stack.state import StackState, read_state
from settings import Settings

COMMAND = (sys.executable, "-m", "cli.main", "up", "--only", "postgres", "--only", "temporal", "--json")


def environment(settings: Settings) -> dict[str, str]:
    """The variables that an operator would set."""
    ours = {
        "RELANCE_DATA_DIR": str(settings.data_dir),
        "RELANCE_TEMPORAL_PORT": str(settings.temporal_port),
        "RELANCE_TEMPORAL_UI_PORT": str(settings.temporal_ui_port),
    }
    return {**os.environ, **ours}


@asynccontextmanager
async def relance_up(settings: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command as a process, killed at the end if it still runs."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *COMMAND, stdout=pipe, stderr=pipe, env=environment(settings), cwd=ROOT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def addresses(process: asyncio.subprocess.Process) -> dict[str, str]:
    """What it prints once everything runs."""
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 60)
    found = json.loads(line)["addresses"]
    assert isinstance(found, dict)
    return found


def running_state(settings: Settings) -> StackState:
    """The state file of a stack that runs."""
    state = read_state(settings.data_dir)
    assert state is not None
    assert state.parts
    return state


@pytest.mark.parametrize("signal", [SIGTERM, SIGINT])
async def test_a_stop_signal_stops_every_part_and_exits_with_success(stack_settings: Settings, signal: Signals) -> None:
    async with relance_up(stack_settings) as process:
        assert set(await addresses(process)) == {"temporal", "temporal_ui", "database"}
        parts = running_state(stack_settings).parts
        process.send_signal(signal)
        process.send_signal(signal)  # an impatient second one must not interrupt the stopping
        _, words = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    assert words.decode().splitlines()[-1] == "relance: stopped"
    assert [name for name, part in parts.items() if part.find() is not None] == []


async def test_after_a_hard_kill_the_next_start_says_so_and_goes_on(stack_settings: Settings) -> None:
    async with relance_up(stack_settings) as first:
        await addresses(first)
        parts = running_state(stack_settings).parts
        first.kill()
        await first.wait()
    async with relance_up(stack_settings) as second:
        await addresses(second)
        assert [name for name, part in parts.items() if part.find() is not None] == []
        second.send_signal(SIGTERM)
        _, words = await second.communicate()
    assert f"the last run (pid {first.pid}) ended without cleaning up" in words.decode()


async def test_a_port_in_use_is_one_sentence_and_exit_status_1(stack_settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", stack_settings.temporal_port)):
        async with relance_up(stack_settings) as process:
            _, words = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert "RELANCE_TEMPORAL_PORT" in words.decode()
    assert "Traceback" not in words.decode()


async def test_a_wrong_setting_is_one_sentence_and_exit_status_1(
    stack_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELANCE_API_PORT", "eighty")
    async with relance_up(stack_settings) as process:
        _, words = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert words.decode().startswith("relance: RELANCE_API_PORT: ")
