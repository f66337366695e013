"""The stack as `make up` runs it, each part a process of its own, and a house in it whose tenant is new."""

from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from cli.stack.probes import free_port
from cli.stack.stack import ALL_PARTS, Stack, running_stack
from db.engine import Database
from settings import Settings
from tests.benchmarks.usage import Memory, Spent, memory, processor_seconds
from tests.journeys.building import new_tenant
from tests.journeys.house import House

MEASURED = ("worker", "temporal", "postgres", "api", "simulator")
FICTION = ("+3363998", "+3319900", "+3326191", "+3335301", "+3346571", "+3353649")
"""The blocks of ten thousand numbers that the French regulator keeps for fiction."""


@dataclass
class Bench:
    """A running stack, what its parts cost, and houses in it."""

    stack: Stack
    client: Client
    database: Database
    simulator: httpx.AsyncClient
    leave: AsyncExitStack
    others: dict[str, int] = field(default_factory=dict)
    """Processes beside the stack that are to be measured too: pid by name."""

    @property
    def pids(self) -> dict[str, int]:
        """The parts that are measured apart."""
        wanted = [part for part in MEASURED if part in self.stack.wanted]
        return {part: self.stack.pid(part) for part in wanted} | self.others

    def spent(self) -> Spent:
        """Processor seconds of each part until now."""
        return processor_seconds(self.pids)

    def memory(self) -> Memory:
        """Memory of each part now."""
        return memory(self.pids)

    async def house(self) -> House:
        """A new tenant, reached over HTTP; nobody answers and no receipt is sent until it says so."""
        tenant_id, key = await new_tenant(self.database)
        api = await self.leave.enter_async_context(
            httpx.AsyncClient(
                base_url=self.stack.addresses.api, headers={"Authorization": f"Bearer {key}"}, timeout=120
            )
        )
        house = House(tenant_id, api, self.simulator, self.client, self.database, self.stack.settings)
        await house.behave()
        await house.fault()
        return house


@contextmanager
def reachable_directory() -> Iterator[Path]:
    """A temporary directory that PostgreSQL's own user can pass."""
    with TemporaryDirectory(prefix="relance-bench-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@asynccontextmanager
async def running_parts(parts: Collection[str] = ALL_PARTS, **settings: Any) -> AsyncIterator[Stack]:
    """A stack of its own in a temporary directory, on free ports, with the durability of `make up`; or parts of one."""
    ports = {name: free_port() for name in ("api_port", "temporal_port", "temporal_ui_port", "simulator_port")}
    with reachable_directory() as place:
        made = Settings(**{"data_dir": place / "data", **ports, **settings})
        async with running_stack(made, parts) as stack:
            yield stack


@asynccontextmanager
async def running_bench(parts: Collection[str] = ALL_PARTS, **settings: Any) -> AsyncIterator[Bench]:
    """A stack of its own, and what one needs to work with it; `parts` may leave out the worker."""
    async with AsyncExitStack() as leave:
        stack = await leave.enter_async_context(running_parts(parts, **settings))
        client = await Client.connect(stack.addresses.temporal, data_converter=pydantic_data_converter)
        database = Database.connect(stack.addresses.database, pool_size=10)
        leave.push_async_callback(database.close)
        simulator = await leave.enter_async_context(httpx.AsyncClient(base_url=stack.addresses.simulator, timeout=60))
        yield Bench(stack, client, database, simulator, leave)


def phones(count: int, start: int = 0) -> list[str]:
    """Numbers kept for fiction, always the same: sixty thousand there are. Tenants do not share contacts."""
    numbers = (f"{block}{number:04d}" for block in FICTION for number in range(10_000))
    found = list(islice(numbers, start, start + count))
    assert len(found) == count, "there are only sixty thousand such numbers"
    return found
