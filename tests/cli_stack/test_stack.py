"""The stack with its real database and its real Temporal: kills, restarts, ports, and what stays."""

import socket
from signal import SIGQUIT

import httpx
import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from temporalio.client import Client, WorkflowExecutionStatus

from cli.stack.errors import AlreadyRunningError, PartFailedError, PortInUseError, StackError
from cli.stack.restarts import OWN_DEATHS
from cli.stack.stack import Stack, running_stack
from cli.stack.state import read_state
from cli.stack.temporal import SEARCH_ATTRIBUTES
from settings import Settings
from tests.cli_stack.conftest import STACK_PARTS, Said


async def sql(stack: Stack, statement: str) -> object:
    """The single value of a statement on the stack's database."""
    engine = create_async_engine(stack.addresses.database)
    try:
        async with engine.begin() as connection:
            result = await connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None
    finally:
        await engine.dispose()


async def temporal(stack: Stack, path: str) -> httpx.Response:
    """A read of the default namespace through the Web UI's own API."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        return await client.get(f"{stack.addresses.temporal_ui}/api/v1/{path}")


async def test_killed_parts_come_back_with_their_data(stack_settings: Settings, said: Said) -> None:
    async with running_stack(stack_settings, STACK_PARTS, fast=True, say=said) as stack:
        await sql(stack, "CREATE TABLE kept AS SELECT 42 AS answer")
        client = await Client.connect(stack.addresses.temporal)
        await client.start_workflow("Nobody", id="campaign/1", task_queue="nowhere")
        for part in STACK_PARTS:
            before = stack.kill(part)
            await stack.wait_ready(part)
            assert stack.pid(part) != before
            assert f"{part} runs again" in said
        assert await sql(stack, "SELECT answer FROM kept") == 42
        assert (await client.get_workflow_handle("campaign/1").describe()).status == WorkflowExecutionStatus.RUNNING


async def test_crashes_that_a_drill_brings_about_are_not_held_against_a_part(
    stack_settings: Settings, said: Said
) -> None:
    async with running_stack(stack_settings, ["postgres"], fast=True, say=said) as stack:
        await sql(stack, "CREATE TABLE kept AS SELECT 42 AS answer")
        for _ in range(OWN_DEATHS + 1):
            stack.kill("postgres", SIGQUIT)
            await stack.wait_ready("postgres")
        assert await sql(stack, "SELECT answer FROM kept") == 42


async def test_a_part_may_be_kept_away_for_a_while(stack_settings: Settings, said: Said) -> None:
    async with running_stack(stack_settings, ["temporal"], fast=True, say=said) as stack:
        stack.kill("temporal", down_seconds=1.5)
        await stack.wait_ready("temporal")
        assert "temporal ended with status -9; starting it again in 1.5 s" in said


async def test_a_second_start_goes_on_with_the_same_data(stack_settings: Settings, said: Said) -> None:
    for turn in range(2):
        async with running_stack(stack_settings, STACK_PARTS, fast=True, say=said) as stack:
            if turn == 0:
                await sql(stack, "CREATE TABLE kept AS SELECT 42 AS answer")
            assert await sql(stack, "SELECT answer FROM kept") == 42
    assert said.sentences == []


async def test_temporal_has_the_search_attributes(stack_settings: Settings) -> None:
    async with running_stack(stack_settings, ["temporal"], fast=True) as stack:
        attributes = (await temporal(stack, "namespaces/default/search-attributes")).json()["customAttributes"]
    assert set(SEARCH_ATTRIBUTES) <= set(attributes)


async def test_stopping_leaves_no_process_and_no_state_file(stack_settings: Settings) -> None:
    async with running_stack(stack_settings, STACK_PARTS, fast=True) as stack:
        state = read_state(stack.data_dir)
        assert state is not None
        assert set(state.parts) == set(STACK_PARTS)
        assert state.running
        processes = [psutil.Process(stack.pid(part)) for part in STACK_PARTS]
    assert not any(process.is_running() for process in processes)
    assert read_state(stack.data_dir) is None


@pytest.mark.parametrize(
    ("field", "variable"),
    [("temporal_port", "RELANCE_TEMPORAL_PORT"), ("temporal_ui_port", "RELANCE_TEMPORAL_UI_PORT")],
)
async def test_a_port_in_use_is_said_in_words_before_anything_starts(
    stack_settings: Settings, field: str, variable: str
) -> None:
    port = getattr(stack_settings, field)
    words = rf"127\.0\.0\.1:{port}.*pid \d+.*set {variable}"
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortInUseError, match=words):
        async with running_stack(stack_settings, STACK_PARTS, fast=True):
            pytest.fail("it ran")
    assert not (stack_settings.data_dir / "postgres").exists()


async def test_a_second_stack_on_the_same_directory_is_refused(stack_settings: Settings) -> None:
    async with running_stack(stack_settings, ["postgres"], fast=True):
        with pytest.raises(AlreadyRunningError, match="already running"):
            async with running_stack(stack_settings, ["postgres"], fast=True):
                pytest.fail("it ran")


async def test_a_stale_lock_is_said_and_taken_over(stack_settings: Settings, said: Said) -> None:
    stack_settings.data_dir.mkdir()
    (stack_settings.data_dir / "up.lock").write_text("4242\n")
    async with running_stack(stack_settings, ["postgres"], fast=True, say=said) as stack:
        assert await sql(stack, "SELECT 1") == 1
    assert "the last run (pid 4242) ended without cleaning up" in said


async def test_a_part_that_cannot_start_stops_the_rest_and_names_its_log(stack_settings: Settings) -> None:
    before = set(psutil.Process().children(recursive=True))
    stack_settings.data_dir.mkdir()
    (stack_settings.data_dir / "temporal.db").mkdir()  # no server can use a directory as its file
    with pytest.raises(PartFailedError, match=r"temporal ended with status .*temporal\.log"):
        async with running_stack(stack_settings, STACK_PARTS, fast=True):
            pytest.fail("it ran")
    left = set(psutil.Process().children(recursive=True)) - before
    assert [process for process in left if process.name() == "postgres"] == []


async def test_a_part_that_is_not_run_has_no_pid(stack_settings: Settings) -> None:
    async with running_stack(stack_settings, ["postgres"], fast=True) as stack:
        with pytest.raises(StackError, match="temporal is not a part of this stack"):
            stack.pid("temporal")
