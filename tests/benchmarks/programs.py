"""Programs that a benchmark needs beside the stack, each in a process of its own."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from cli.stack.process import last_lines, open_log
from tests.benchmarks.machine import ROOT

STOP_SECONDS = 20.0


@asynccontextmanager
async def running_program(
    *argv: str, environment: Mapping[str, str], log: Path, pipes: bool = False
) -> AsyncIterator[Process]:
    """A program that is ended with the block; what it says goes to `log`, unless one talks with it through `pipes`."""
    with open_log(log) as file:
        process = await asyncio.create_subprocess_exec(
            *argv,
            env={**os.environ, **environment},
            cwd=ROOT,
            stdin=PIPE if pipes else DEVNULL,
            stdout=PIPE if pipes else file,
            stderr=file,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()


def module(name: str, *arguments: str) -> tuple[str, ...]:
    """This Python with a module."""
    return (sys.executable, "-m", name, *arguments)


async def line_of(process: Process, log: Path, within: float = 120.0) -> str:
    """The next line that a program prints; fails with the end of its log when it prints none."""
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), within)
    assert line, f"the program ended without a word:\n{last_lines(log, 20)}"
    return line.decode().strip()
