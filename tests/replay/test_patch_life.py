"""The worked example of a named patch: each stage replays what the stage before it left, and nothing older."""

from collections.abc import Callable
from unittest.mock import Mock

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import PatchActivationInput, Replayer, Worker

from domain import ids
from tests.replay.baseline import HISTORIES, commands_of, history_of
from tests.replay.enrollment_stories import SHORT_WINDOW_SECONDS
from tests.replay.patched import WAIT_A_MOMENT_LONGER, Deprecated, Gone, Patched, Unpatched
from tests.replay.record import ordinary_server
from tests.replay.world import Handle, World, seen
from tests.waiting import until
from tests.workflows.doubles import sent
from workflows import patches
from workflows.enrollment import Enrollment

ENROLLMENTS = 12

Activates = Callable[[PatchActivationInput], bool]

# A worker that forgets a run also cancels its local activities, those that have just ended too.
forgetful = pytest.mark.filterwarnings("ignore:Cannot find activity to cancel")


async def replays(code: type, history: WorkflowHistory) -> bool:
    """Whether this code takes up that run."""
    replayer = Replayer(workflows=[code], data_converter=pydantic_data_converter)
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    assert result.replay_failure is None or isinstance(result.replay_failure, workflow.NondeterminismError)
    return result.replay_failure is None


def worker(client: Client, world: World, code: type, activates: Activates | None = None) -> Worker:
    """One of some version, that forgets every run between two of its steps."""
    return Worker(
        client,
        task_queue=ids.TASK_QUEUE,
        workflows=[code],
        activities=world.records,
        max_cached_workflows=0,
        patch_activation_callback=activates,
    )


def sender(world: World) -> Worker:
    """Sends."""
    return Worker(world.client, task_queue=ids.SEND_TASK_QUEUE, activities=[world.deliveries.send])


async def history_by(client: Client, code: type) -> WorkflowHistory:
    """An enrollment without a reply, from its start to its end on this code."""
    world = short_world(client)
    async with worker(client, world, code), sender(world):
        handle = await world.enroll(SHORT_WINDOW_SECONDS)
        await handle.result()
    return await handle.fetch_history()


def short_world(client: Client) -> World:
    """One where a window ends soon."""
    world = World(client)
    world.deliveries.answers = [lambda request: sent(request).model_copy(update={"reply_deadline": None})]
    return world


async def test_a_run_from_before_the_change_replays_with_the_patch_and_not_without() -> None:
    before = history_of(HISTORIES / "enrollment_no_reply.json")

    assert await replays(Patched, before)
    assert not await replays(Unpatched, before)
    assert not await replays(Deprecated, before), "a patch is deprecated only when no run of the old way is left"


@forgetful
async def test_each_stage_of_a_patch_takes_up_what_the_one_before_left() -> None:
    async with ordinary_server() as environment:
        added = await history_by(environment.client, Patched)
        deprecated = await history_by(environment.client, Deprecated)

    assert f"patch {WAIT_A_MOMENT_LONGER}" in commands_of(added)
    assert f"patch {WAIT_A_MOMENT_LONGER}, deprecated" in commands_of(deprecated)
    assert [await replays(code, added) for code in (Patched, Deprecated, Gone)] == [True, True, False]
    assert [await replays(code, deprecated) for code in (Patched, Deprecated, Gone)] == [True, True, True]


def asleep(_patch: PatchActivationInput) -> bool:
    """The new version while old workers still run: it can read the mark and does not make it."""
    return False


async def run_on_both(client: Client, activates: Activates | None) -> list[Handle]:
    """Enrollments whose steps fall to an old or a new worker as it happens, to the end or to a step that failed."""
    world = short_world(client)
    elsewhere = await Client.connect(client.service_client.config.target_host, data_converter=pydantic_data_converter)
    old, new = worker(client, world, Enrollment), worker(elsewhere, world, Patched, activates)
    async with old, new, sender(world):
        handles: list[Handle] = [await world.enroll(SHORT_WINDOW_SECONDS) for _ in range(ENROLLMENTS)]
        await until(lambda: settled(handles), "every run has ended, or one could not go on", within=60)
    return handles


async def settled(handles: list[Handle]) -> bool:
    """Whether all have ended, or one step failed."""
    open_runs = [handle for handle in handles if (await handle.describe()).close_time is None]
    return not open_runs or await steps(open_runs, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED) > 0


async def steps(handles: list[Handle], kind: "EventType.ValueType") -> int:
    """How many events of a kind the runs have together."""
    return sum([await seen(handle, kind) for handle in handles])


@forgetful
async def test_an_old_and_a_new_worker_share_every_run_while_the_patch_is_dormant() -> None:
    async with ordinary_server() as environment:
        handles = await run_on_both(environment.client, asleep)

        assert await steps(handles, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED) == 0
        assert await steps(handles, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED) == ENROLLMENTS


@forgetful
async def test_an_awake_patch_stops_runs_as_long_as_an_old_worker_is_there() -> None:
    async with ordinary_server() as environment:
        handles = await run_on_both(environment.client, None)

        assert await steps(handles, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED) > 0


def test_a_dormant_patch_does_not_begin_and_any_other_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "DORMANT", frozenset({WAIT_A_MOMENT_LONGER}))

    asked = [Mock(spec=PatchActivationInput, patch_id=name) for name in (WAIT_A_MOMENT_LONGER, "another")]
    assert [patches.may_begin(patch) for patch in asked] == [False, True]
