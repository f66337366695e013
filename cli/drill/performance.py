"""One drill from the first fault to the last, on a stack of its own, and the reading of its logs."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import httpx

from cli.client import ApiError
from cli.commit import commit
from cli.drill.fault import Fault
from cli.drill.logs import Finding, scan
from cli.drill.outcome import Outcome
from cli.drill.scene import Scene, opened
from cli.drill.waiting import NotInTime
from cli.stack.errors import StackError
from cli.stack.probes import free_port
from cli.stack.stack import running_stack
from settings import Settings, external_temporal

STACK_LOG = "logs/stack.log"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One fault and what it came to."""

    fault: Fault
    seconds: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Result:
    """A whole drill."""

    seed: int
    short: bool
    seconds: float
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    commit: str | None = None
    """Of which code this speaks; None where that cannot be told."""

    @property
    def passed(self) -> bool:
        """True when every fault passed and the logs hold nothing that must not be in them."""
        return all(row.outcome.passed for row in self.rows) and not self.findings


def drill_settings(data_dir: Path, *, short: bool = False) -> Settings:
    """Settings of a stack that meets no other; a short lease, so that a dead attempt is soon settled."""
    given = Settings()
    if not given.uses_simulator or given.database_url is not None or external_temporal():
        raise StackError(
            "the drill kills what it runs on, so that must be its own: "
            "unset RELANCE_WASSENGER_URL, RELANCE_DATABASE_URL and TEMPORAL_*"
        )
    return Settings(
        data_dir=data_dir,
        api_port=free_port(),
        temporal_port=free_port(),
        temporal_ui_port=free_port(),
        simulator_port=free_port(),
        send_timeout_seconds=2 if short else 3,
        settle_grace_seconds=1 if short else 2,
        unprocessed_after_seconds=2,
        sweep_interval_seconds=3,
    )


def noted(path: Path) -> Say:
    """Keeps what the stack says of its parts' deaths and lives, with the time, beside their logs."""

    def say(sentence: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {sentence}\n")

    return say


async def perform(data_dir: Path, faults: Sequence[Fault], seed: int, *, short: bool, say: Say) -> Result:
    """Runs the faults one after the other. Raises StackError when the stack itself cannot run."""
    began, code = time.monotonic(), await asyncio.to_thread(commit)
    async with (
        running_stack(drill_settings(data_dir, short=short), say=noted(data_dir / STACK_LOG)) as stack,
        opened(stack) as scene,
    ):
        given_up = asyncio.create_task(stack.wait_failed())
        try:
            rows = []
            for group in groups(faults, short=short):
                turns = [_one(scene, fault, seed, short=short, given_up=given_up, say=say) for fault in group]
                rows += await asyncio.gather(*turns)
            with suppress(NotInTime):  # the log of a platform that is stopped in the middle of a call tells of it
                await scene.until_no_call_waits()
        finally:
            given_up.cancel()
            await asyncio.gather(given_up, return_exceptions=True)
    findings = await asyncio.to_thread(scan, stack.data_dir / "logs")
    rows.sort(key=lambda row: row.fault.name)
    return Result(seed, short, time.monotonic() - began, tuple(rows), tuple(findings), code)


def groups(faults: Sequence[Fault], *, short: bool) -> list[list[Fault]]:
    """Faults that go on at once: each alone, but in the short form those that do not meet."""
    found: dict[str, list[Fault]] = {}
    for fault in faults:
        found.setdefault((short and fault.beside) or fault.name, []).append(fault)
    return list(found.values())


async def _one(scene: Scene, fault: Fault, seed: int, *, short: bool, given_up: "asyncio.Task[None]", say: Say) -> Row:
    """One fault, on a stack that is well at its beginning; a condition that never came about is its verdict."""
    say(f"{fault.name}: {fault.title} …")
    began, part = time.monotonic(), scene.part_of(fault.name)
    async with _watched(given_up):
        try:
            await part.seconds_until_ready()
            chance = Random(f"{seed}:{fault.name}")  # noqa: S311 - a drill must repeat from its seed
            outcome = await fault.run(part, chance, short)
        except (NotInTime, ApiError, httpx.HTTPError) as error:
            outcome = Outcome(f"broke off: {type(error).__name__}", conditions={str(error) or repr(error): False})
        await part.fault()
    row = Row(fault, time.monotonic() - began, outcome)
    say(f"{fault.name}: {'passed' if outcome.passed else 'FAILED'} after {row.seconds:.0f} s: {outcome.done}")
    for words in outcome.complaints:
        say(f"  {words}")
    return row


@asynccontextmanager
async def _watched(given_up: "asyncio.Task[None]") -> AsyncIterator[None]:
    """Ends the block with the stack's own error as soon as one of its parts is given up."""
    body = asyncio.current_task()

    def end(_task: "asyncio.Task[None]") -> None:
        if body is not None:
            body.cancel()

    given_up.add_done_callback(end)
    try:
        yield
    except asyncio.CancelledError:
        if given_up.done() and not given_up.cancelled():
            await given_up
        raise
    finally:
        given_up.remove_done_callback(end)
