"""The whole drill in its short form, for real: every fault, on a stack of its own, judged by the platform's log."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from cli.drill.registry import FAULTS
from cli.stack.programs import ROOT

SEED = 20261125
RELANCE = Path(sys.executable).with_name("relance")


COUNTS_CALLS = "F14"
"""How many calls a platform in trouble still meets depends on how soon their failures are on record."""

OTHERS = tuple(fault.name for fault in FAULTS if fault.name != COUNTS_CALLS)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("names", [pytest.param((COUNTS_CALLS,), marks=pytest.mark.alone), OTHERS], ids=",".join)
async def test_every_fault_in_short_form_loses_nothing_and_doubles_nothing(names: tuple[str, ...]) -> None:
    process = await asyncio.create_subprocess_exec(
        *(str(RELANCE), "drill", "--short", "--json", "--seed", str(SEED), "--only", ",".join(names)),
        cwd=ROOT,
        env=dict(os.environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, words = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()

    assert process.returncode == 0, words.decode() + output.decode()
    said = json.loads(output)
    assert said["seed"] == SEED
    assert tuple(row["fault"] for row in said["faults"]) == names
    assert all((row["doubles"], row["lost"], row["unknown"]) == (0, 0, 0) for row in said["faults"])
    assert said["logs"] == []
