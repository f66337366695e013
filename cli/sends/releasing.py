"""Telling what was held to ask again, once sends are allowed."""

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from cli.stack.errors import StackError
from cli.stack.state import read_state
from db.engine import Database
from db.installation import channels_that_wait
from settings import Settings, external_temporal, temporal_connect_config
from workflows.handles import EngineUnavailable, Workflows


async def release_held(settings: Settings, database_url: str) -> int:
    """Starts the release of every channel with held work; returns how many. Raises StackError when Temporal is away."""
    config = temporal_connect_config(settings)
    state = read_state(settings.data_dir)
    if state is not None and state.running and state.addresses.temporal and not external_temporal():
        config["target_host"] = state.addresses.temporal
    database = Database.connect(database_url, pool_size=1)
    try:
        waiting = await channels_that_wait(database)
        if not waiting:
            return 0
        workflows = Workflows(await Client.connect(**config, data_converter=pydantic_data_converter))
        for tenant_id, channel_id in waiting:
            await workflows.release_channel(tenant_id, channel_id)
    except (EngineUnavailable, RPCError, RuntimeError) as error:
        raise StackError(
            "sends are allowed, but Temporal does not answer, so that what was held was not told to go on: "
            "repeat `relance sends confirm` when it does"
        ) from error
    finally:
        await database.close()
    return len(waiting)
