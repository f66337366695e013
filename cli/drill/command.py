"""`relance drill`: brings about every fault that Relance must survive; exit status 0 only if it survived them all."""

import asyncio
import secrets
import shutil
import signal
from collections.abc import Coroutine
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated, Any

import typer

from cli.drill.fault import Fault
from cli.drill.performance import Result, perform
from cli.drill.registry import FAULTS
from cli.drill.report import as_json, print_result, write_section
from cli.output import print_json
from cli.stack.errors import StackError
from cli.words import in_words, say


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("drill")(drill)


def drill(
    only: Annotated[str | None, typer.Option(help="Only these faults, by name: F03,F08.")] = None,
    seed: Annotated[int | None, typer.Option(help="Repeats a drill; every drill prints its own.")] = None,
    short: Annotated[bool, typer.Option("--short", help="Seconds for each fault instead of minutes.")] = False,
    table: Annotated[Path | None, typer.Option(dir_okay=False, help="Also write the table into this document.")] = None,
    as_data: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Break a stack of its own in every way that Relance must survive, and judge it by the simulated platform's log.

    Afterwards the logs of all parts are searched for tracebacks, dropped signals, deadlocks and non-determinism.
    """
    with in_words():
        faults = chosen(only)
        result = _drill(faults, secrets.randbelow(1_000_000) if seed is None else seed, short=short)
    if as_data:
        print_json(as_json(result))
    else:
        print_result(result)
    if table is not None:
        write_section(table, result)
    raise typer.Exit(0 if result.passed else 1)


def chosen(only: str | None) -> list[Fault]:
    """The faults of a comma separated list; all without one. Raises StackError for a name that is not known."""
    if only is None:
        return list(FAULTS)
    wanted = [name.strip().upper() for name in only.split(",") if name.strip()]
    unknown = sorted(set(wanted) - {fault.name for fault in FAULTS})
    if unknown or not wanted:
        names = ", ".join(fault.name for fault in FAULTS)
        raise StackError(f"no such fault: {', '.join(unknown) or '(none named)'}; there are {names}")
    return [fault for fault in FAULTS if fault.name in wanted]


def _drill(faults: list[Fault], seed: int, *, short: bool) -> Result:
    """A drill in a directory that stays when something went wrong."""
    place = Path(mkdtemp(prefix="relance-drill-"))
    place.chmod(0o755)  # PostgreSQL's own user must get through
    say(f"seed {seed}; logs are in {place / 'data' / 'logs'}")
    try:
        result = asyncio.run(_terminable(perform(place / "data", faults, seed, short=short, say=say)))
    except asyncio.CancelledError:
        shutil.rmtree(place, ignore_errors=True)
        say(f"stopped; --seed {seed} repeats it")
        raise typer.Exit(130) from None
    if result.passed:
        shutil.rmtree(place, ignore_errors=True)
    else:
        say(f"everything is kept in {place}")
    return result


async def _terminable(performance: Coroutine[Any, Any, Result]) -> Result:
    """Lets SIGTERM end the drill as Ctrl-C does, so that its stack is stopped in good order."""
    task = asyncio.ensure_future(performance)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task
