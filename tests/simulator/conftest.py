"""A simulator and a webhook receiver on free loopback ports, emptied for each test."""

from collections.abc import AsyncIterator

import httpx
import pytest

from simulator.app import SimulatorConfig
from simulator.behaviour import Behaviour
from simulator.server import serving
from tests.simulator.stage import QUIET, Hand, Receiver, receiving


@pytest.fixture(scope="session")
async def running_simulator(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hand]:
    """One for all tests, since stopping a server takes longer than most of them."""
    config = SimulatorConfig(tmp_path_factory.mktemp("simulator"), seed=7, behaviour=Behaviour.model_validate(QUIET))
    async with serving(config) as base_url, httpx.AsyncClient(base_url=base_url, timeout=10) as http:
        yield Hand(http)


@pytest.fixture
async def simulator(running_simulator: Hand) -> Hand:
    """A simulator that knows nothing, in which nothing happens by itself until a test changes its behaviour."""
    await running_simulator.control("POST", "reset")
    return running_simulator


@pytest.fixture(scope="session")
async def running_receiver() -> AsyncIterator[Receiver]:
    async with receiving() as here:
        yield here


@pytest.fixture
def receiver(running_receiver: Receiver) -> Receiver:
    running_receiver.forget()
    return running_receiver
