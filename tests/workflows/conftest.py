"""A server whose clock skips ahead while workflows wait."""

from collections.abc import AsyncIterator

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from tests.time_skipping import skipping_server


@pytest_asyncio.fixture
async def skipping() -> AsyncIterator[WorkflowEnvironment]:
    """One server per test: its clock belongs to all that runs on it."""
    async with skipping_server() as environment:
        yield environment
