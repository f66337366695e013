"""`relance demo`: plays one campaign from CSV to verdict; exit status 0 only if the platform's log agrees."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from cli.client import Api, ApiError
from cli.demo.collection import gather
from cli.demo.filling import fill
from cli.demo.judgement import judge
from cli.demo.place import Place, stage
from cli.demo.platform import Platform
from cli.demo.preparation import patiently, prepare
from cli.demo.report import figures, print_addresses, print_report
from cli.demo.runs import Run, load_run, new_run, save_run
from cli.following import follow
from cli.output import print_json
from cli.progress_view import ProgressView
from cli.stack.errors import StackError
from cli.words import in_words, say
from settings import Settings, load_settings

CONTACTS = Path(__file__).resolve().parents[2] / "examples" / "contacts.csv"
PATIENCE_SECONDS = 60.0
OVER = frozenset({"completed", "cancelled"})


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    contacts: Path
    rate: float
    window: float
    limit: float
    fresh: bool = False
    resume: bool = False
    verify: bool = False
    keep: bool = False
    as_json: bool = False


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    contacts: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="CSV file to import.")] = CONTACTS,
    rate: Annotated[float, typer.Option(min=0.1, max=50, help="The channel's messages per second.")] = 10.0,
    window: Annotated[float, typer.Option(min=2, help="Reply window in seconds (24 h in real life).")] = 15.0,
    limit: Annotated[float, typer.Option(min=1, help="Give up after so many seconds.")] = 600.0,
    fresh: Annotated[bool, typer.Option("--new", help="Start over even if the last demo was interrupted.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Finish the last demo; an error if there is none.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Only judge the last demo again.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Fill the installation to look at, and leave it running until Ctrl-C.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON; progress on standard error.")
    ] = False,
) -> None:
    """Run a whole campaign against the simulated platform, with a reply window of seconds.

    Uses the stack that runs in the data directory, else starts one for the time of the demo. A demo that was
    interrupted, even by kill -9, is finished by the next one (or by `relance up` alone; judge it with --verify).
    """
    options = Options(contacts, rate, window, limit, fresh, resume, verify, keep, as_json)
    with in_words(ApiError), _terminable():
        agrees = play(load_settings(), options)
    raise typer.Exit(0 if agrees else 1)


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end the demo as Ctrl-C does: in good order, and it can be resumed."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        say("interrupted; the next `relance demo` goes on where this one stopped")
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def play(settings: Settings, options: Options) -> bool:
    """One demo from the first step that is missing to the verdict. Raises StackError or ApiError in words."""
    began = time.monotonic()
    run = _choose(settings, options)
    console = Console(file=sys.stderr if options.as_json else sys.stdout, highlight=False, markup=False)
    with stage(settings) as place:
        up_seconds = time.monotonic() - began
        agrees = _perform(settings, options, place, run, console, (began, up_seconds))
        if options.keep and place.own is not None:
            _keep(place)
    return agrees


def _keep(place: Place) -> None:
    """Until Ctrl-C or SIGTERM, which end a demo that is over and leave its verdict as it is."""
    say("the stack keeps running; Ctrl-C stops it")
    with suppress(KeyboardInterrupt):
        while True:
            place.check()
            time.sleep(0.5)


def _choose(settings: Settings, options: Options) -> Run:
    last = load_run(settings.data_dir)
    if options.verify or options.resume:
        if last is None:
            raise StackError(f"there is no demo in {settings.data_dir} to go on with: run `relance demo` first")
        return last
    if last is not None and not last.judged and not options.fresh and (last.started or last.contacts.exists()):
        say("the last demo was interrupted; going on with it (--new starts over)")
        return last
    return new_run(options.contacts, options.rate, options.window)


def _perform(
    settings: Settings, options: Options, place: Place, run: Run, console: Console, times: tuple[float, float]
) -> bool:
    platform = Platform(place.addresses.simulator)
    with Api(place.addresses.api, place.key) as api:
        if not options.verify:
            run = prepare(api, platform, run, lambda step: save_run(settings.data_dir, step))
            _watch(api, place, run, console, deadline=times[0] + options.limit)
        evidence = gather(api, platform, run, place.check)
        filled = patiently(lambda: fill(api, platform, run)) if options.keep and evidence.status in OVER else []
    platform.close()
    verdict = judge(evidence)
    save_run(settings.data_dir, run.model_copy(update={"judged": evidence.status in OVER}))
    seconds = {"until_the_stack_was_up": round(times[1], 1), "in_all": round(time.monotonic() - times[0], 1)}
    numbers = {**figures(evidence, verdict), "seconds": seconds, "campaign_id": run.campaign_id}
    _tell(options, place, run, console, numbers, filled)
    return verdict.agrees


def _watch(api: Api, place: Place, run: Run, console: Console, *, deadline: float) -> None:
    def check() -> None:
        place.check()
        if time.monotonic() > deadline:
            raise StackError("the demo takes too long (--limit): look at the logs in the data directory")

    words = f"campaign {run.campaign_id}: {run.added} of {run.rows} rows imported, {run.rate:g} messages/s"
    console.print(words, soft_wrap=True)
    with ProgressView(console) as view:
        for page in follow(api, run.campaign_id or "", patience_seconds=PATIENCE_SECONDS, check=check):
            view.show(page)


def _tell(
    options: Options, place: Place, run: Run, console: Console, numbers: dict[str, object], filled: list[str]
) -> None:
    if options.as_json:
        print_json({**numbers, "addresses": place.addresses.present()})
        return
    console.print()
    print_report(console, numbers)
    print_addresses(console, run, place, stays=options.keep or place.own is None)
    if filled:
        console.print("\nAlso there, to look at:")
        for line in filled:
            console.print(f"  {line}", soft_wrap=True)
