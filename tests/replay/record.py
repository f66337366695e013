"""Records the history of every story: `python -m tests.replay.record` (run it when a path is meant to be new)."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from cli.stack.temporal import temporal_program
from tests.replay.stories import STORIES, Story, World

HISTORIES = Path(__file__).parent / "histories"
IDENTITY = "recorder"
"""Instead of the name of the machine that recorded them."""


async def record(client: Client, story: Story) -> dict[str, Any]:
    """Tells one story to its end and returns its workflow's id and history."""
    world = World(client)
    async with world.working():
        handle = await asyncio.wait_for(story(world), 30)
        await asyncio.wait_for(handle.result(), 30)
    history = await handle.fetch_history()
    return {"workflow_id": history.workflow_id, "history": history.to_json_dict()}


async def record_all() -> None:
    """Every story on one server."""
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=temporal_program(),
        dev_server_log_level="error",
        data_converter=pydantic_data_converter,
        identity=IDENTITY,
    )
    async with environment:
        for story in STORIES:
            recorded = await record(environment.client, story)
            file = HISTORIES / f"{story.__name__}.json"
            file.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n")
            sys.stdout.write(f"{file.name}: {len(recorded['history']['events'])} events\n")


if __name__ == "__main__":
    asyncio.run(record_all())
