"""`relance up`: runs the stack until it is told to stop, and says where to look."""

import asyncio
import json
import signal
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer

from cli.stack.stack import ALL_PARTS, Stack, running_stack
from cli.stack.state import KEY_FILE
from cli.words import in_words, say
from settings import Settings, load_settings

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LABELS = {
    "api": "Pages and API",
    "docs": "API reference",
    "temporal_ui": "Temporal Web UI",
    "temporal": "Temporal address",
    "simulator": "Platform simulator",
    "worker": "Worker's metrics",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up")(up)


def up(
    only: Annotated[
        list[str] | None, typer.Option(help=f"Run only this part; repeatable: {', '.join(ALL_PARTS)}.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the addresses as one JSON object.")] = False,
) -> None:
    """Run the whole of Relance on this machine: database, Temporal, simulator, worker and API.

    What TEMPORAL_ADDRESS, RELANCE_DATABASE_URL or RELANCE_WASSENGER_URL name is used instead of the embedded part.
    Ctrl-C stops everything; the next `relance up` goes on where this one stopped.
    """
    with in_words():
        asyncio.run(run_until_stopped(load_settings(), only or ALL_PARTS, as_json=as_json))


async def run_until_stopped(settings: Settings, parts: Collection[str], *, as_json: bool) -> None:
    """Run the stack until a stop signal arrives (then return) or a part is given up (then raise PartFailedError)."""
    asked = _stop_by_signal(asyncio.current_task())
    try:
        say(f"starting; logs are in {settings.data_dir / 'logs'}")
        async with running_stack(settings, parts, say=say) as stack:
            print(_as_json(stack) if as_json else _as_text(stack), flush=True)
            await stack.wait_failed()
    except asyncio.CancelledError:
        if not asked.is_set():
            raise
        say("stopped")


def _stop_by_signal(task: asyncio.Task[None] | None) -> asyncio.Event:
    """Let the first signal end the task in good order; later ones must not interrupt the stopping."""
    asked = asyncio.Event()

    def ask() -> None:
        if task is None or asked.is_set():
            return
        asked.set()
        say("stopping …")
        task.cancel()

    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, ask)
    return asked


def _as_json(stack: Stack) -> str:
    made = {"new_api_key": stack.new_api_key, "welcome_url": stack.welcome_url}
    return json.dumps({"addresses": stack.addresses.present(), **made})


def _as_text(stack: Stack) -> str:
    present = stack.addresses.present()
    lines = [f"  {label:<20}{present[name]}" for name, label in LABELS.items() if name in present]
    lines.append(f"  {'API key':<20}{_key(stack)}")
    if stack.welcome_url is not None:
        lines.append(f"  {'First sign-in':<20}{stack.welcome_url}  (once, within three days)")
    return "\n".join(
        ["", "Relance is running.", *lines, f"  {'Logs':<20}{stack.data_dir / 'logs'}", "", "Ctrl-C stops it."]
    )


def _key(stack: Stack) -> str:
    file = _shown(stack.data_dir / KEY_FILE)
    if stack.new_api_key is not None:
        return f"{stack.new_api_key}  (shown this once; kept in {file})"
    if stack.settings.bootstrap_api_key is not None:
        return "as set by RELANCE_BOOTSTRAP_API_KEY"
    return f"in {file}" if stack.api_key else "made at the first start and not kept here"


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
