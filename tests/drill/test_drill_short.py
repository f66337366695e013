"""The whole drill in its short form, for real: every fault, on a stack of its own, judged by the platform's log."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from cli.drill.registry import FAULTS
from cli.stack.programs import ROOT

pytestmark = pytest.mark.alone

SEED = 20261125
RELANCE = Path(sys.executable).with_name("relance")


@pytest.mark.timeout(400)
async def test_every_fault_in_short_form_loses_nothing_and_doubles_nothing() -> None:
    process = await asyncio.create_subprocess_exec(
        *(str(RELANCE), "drill", "--short", "--json", "--seed", str(SEED)),
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
    assert [row["fault"] for row in said["faults"]] == [fault.name for fault in FAULTS]
    assert all((row["doubles"], row["lost"], row["unknown"]) == (0, 0, 0) for row in said["faults"])
    assert said["logs"] == []
