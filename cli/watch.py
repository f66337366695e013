"""`relance watch`: follows one campaign until it is over."""

import json
import sys
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import Console

from cli.client import ApiError
from cli.connection import ApiKey, ApiUrl, connect
from cli.following import follow
from cli.progress_view import ProgressView
from cli.shapes import Campaign
from cli.words import in_words, say

COMPLETED, NOT_COMPLETED = 0, 3


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("watch")(watch)


def watch(
    campaign: Annotated[str, typer.Argument(help="Id of the campaign.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print each change as one line of JSON.")] = False,
    leave_when_paused: Annotated[
        bool, typer.Option(help="End with status 3 when the campaign pauses, instead of waiting for its resume.")
    ] = False,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to go on without an answer from the API.")] = 60.0,
    api: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Show a campaign's progress live, until it is over.

    Exit status: 0 when it completed; 3 when it was cancelled (or paused, with --leave-when-paused); 1 when the API
    cannot be reached or refuses.
    """
    with in_words(ApiError), connect(api, api_key) as client:
        pages = follow(client, campaign, patience_seconds=patience)
        last = _print_lines(pages, leave_when_paused) if as_json else _show(pages, leave_when_paused)
    raise typer.Exit(COMPLETED if last == "completed" else NOT_COMPLETED)


def _print_lines(pages: Iterable[Campaign], leave_when_paused: bool) -> str:
    for page in pages:
        print(json.dumps(page.as_json(), ensure_ascii=False), flush=True)
        if page.over or (leave_when_paused and page.status == "paused"):
            return page.status
    return ""


def _show(pages: Iterable[Campaign], leave_when_paused: bool) -> str:
    with ProgressView(Console(file=sys.stdout, highlight=False)) as view:
        for page in pages:
            view.show(page)
            if page.over or (leave_when_paused and page.status == "paused"):
                break
    say(f"the campaign is {page.status}" + (f": {page.paused_reason}" if page.paused_reason else ""))
    return page.status
