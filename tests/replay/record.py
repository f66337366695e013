"""Records the history of stories: `python -m tests.replay.record [NAME ...]`, all of them without a name.

Run it for a path that is new. A history that is recorded anew no longer speaks for the runs that are under way: see
docs/changing-workflows.md before you replace one.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from cli.stack.temporal import temporal_program
from tests.replay.baseline import write_baselines
from tests.replay.stories import IMPATIENT, ORDINARY, Story
from tests.replay.world import World

HISTORIES = Path(__file__).parent / "histories"
IDENTITY = "recorder"
"""Instead of the name of the machine that recorded them."""

SUGGEST_A_NEW_RUN_SOON = "limit.historyCount.suggestContinueAsNew=25"


@asynccontextmanager
async def ordinary_server(*settings: str) -> AsyncIterator[WorkflowEnvironment]:
    """A development server with some dynamic configuration."""
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=temporal_program(),
        dev_server_log_level="error",
        dev_server_extra_args=[word for setting in settings for word in ("--dynamic-config-value", setting)],
        data_converter=pydantic_data_converter,
        identity=IDENTITY,
    )
    async with environment:
        yield environment


async def told(client: Client, story: Story) -> WorkflowHistory:
    """Tells one story to its end and returns its history."""
    world = World(client)
    async with world.working():
        handle = await asyncio.wait_for(story(world), 30)
        await asyncio.wait_for(handle.result(), 30)
    return await handle.fetch_history()


def kept(history: WorkflowHistory) -> dict[str, Any]:
    """A history as its file holds it."""
    return {"workflow_id": history.workflow_id, "history": of_no_machine(history.to_json_dict())}


def of_no_machine(value: Any) -> Any:
    """Without the paths and the name of the machine that recorded it; replaying looks at neither."""
    if isinstance(value, list):
        return [of_no_machine(item) for item in value]
    if not isinstance(value, dict):
        return value
    instead = {"stackTrace": "", "identity": IDENTITY}
    return {key: instead.get(key, of_no_machine(item)) for key, item in value.items()}


async def record(wanted: Iterable[str]) -> None:
    """The stories of these names, each on a server that suits it."""
    names = set(wanted)
    for stories, server in (
        (ORDINARY, ordinary_server()),
        (IMPATIENT, ordinary_server(SUGGEST_A_NEW_RUN_SOON)),
    ):
        chosen = [story for story in stories if not names or story.__name__ in names]
        if not chosen:
            continue
        async with server as environment:
            for story in chosen:
                history = await told(environment.client, story)
                file = HISTORIES / f"{story.__name__}.json"
                file.write_text(json.dumps(kept(history), indent=1, sort_keys=True) + "\n")
                sys.stdout.write(f"{file.name}: {len(history.events)} events\n")


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1:]))
    write_baselines()
