"""Has a campaign rehearsed by a process of its own, which knows no address, no key and no secret."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from rehearsal.facts import Brief
from rehearsal.result import Progress, Rehearsed
from rehearsal.words import Line

LONGEST_LINE = 2**22
STOPS_WITHIN = 10.0
KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "HOME", "SYSTEMROOT")
"""The rest of the environment, addresses and secrets among it, is not the rehearsal's."""


class RehearsalFailed(Exception):
    """There is no result; the message says why."""


async def rehearsing(brief: Brief) -> AsyncGenerator[Progress | Rehearsed, None]:
    """How far it is, again and again, and at last the result. Leaving the iteration stops the process."""
    async with _process() as (writer, reader):
        writer.write(brief.model_dump_json().encode() + b"\n")
        while line := await reader.readline():
            said = Line.model_validate_json(line)
            if said.error is not None:
                raise RehearsalFailed(said.error)
            if said.progress is not None:
                yield said.progress
            if said.result is not None:
                yield said.result
                return
    raise RehearsalFailed("The rehearsal's process ended without a result; its errors are on standard error.")


async def rehearsed(brief: Brief) -> Rehearsed:
    """The result alone. Raises RehearsalFailed."""
    async with aclosing(rehearsing(brief)) as steps:
        async for step in steps:
            if isinstance(step, Rehearsed):
                return step
    raise RehearsalFailed("The rehearsal ended without a result.")


@asynccontextmanager
async def _process() -> AsyncIterator[tuple[asyncio.StreamWriter, asyncio.StreamReader]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "rehearsal",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
        env={name: os.environ[name] for name in KEPT if name in os.environ},
        start_new_session=True,
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the process was started without its pipes")
    try:
        yield process.stdin, process.stdout
    finally:
        await asyncio.shield(_ended(process))


async def _ended(process: asyncio.subprocess.Process) -> None:
    """The end of its input stops it; one that does not heed that is killed."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOPS_WITHIN):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
