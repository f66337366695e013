"""Whatever happens in whatever order, the promises hold (SPEC F16)."""

import asyncio

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from db.engine import Database
from tests.db.simulation import Simulation

# Hypothesis prints the steps and a blob that repeats a failure from its seed.
SEEDED = settings(
    max_examples=20,
    stateful_step_count=40,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


async def test_no_order_of_events_breaks_a_promise(database: Database) -> None:
    class Here(Simulation):
        loop = asyncio.get_running_loop()

    Here.database = database

    await asyncio.to_thread(run_state_machine_as_test, Here, settings=SEEDED)
