"""`relance rehearse`: plays a campaign in seconds on this machine, and prints when what would go out."""

import asyncio
import sys
from contextlib import aclosing
from typing import Annotated, Any
from uuid import UUID

import typer
from pydantic import ValidationError

from cli.campaigns import seconds
from cli.client import Api, ApiError
from cli.connection import ApiKey, ApiUrl, AsJson, connect
from cli.rehearsal_words import print_rehearsal
from cli.words import in_words, say
from rehearsal.apart import RehearsalFailed, rehearsing
from rehearsal.facts import Assumptions, Brief, CampaignFacts
from rehearsal.result import Progress, Rehearsed


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rehearse")(rehearse)


def rehearse(
    campaign: Annotated[str, typer.Argument(help="Id of the campaign, or its name.")],
    reply_share: Annotated[float, typer.Option(min=0, max=1, help="Share of the people who answer.")] = 0.3,
    reply_after: Annotated[
        float, typer.Option(parser=seconds, metavar="DURATION", help="When half of those have answered.")
    ] = "10m",  # type: ignore[assignment]  # the parser reads the default as it reads what is typed
    failure_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the messages that the platform refuses.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed has the same people answer.")] = 1,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Rehearse a campaign: its real workflows on a clock that skips. Nothing is sent, nothing is changed.

    Facts come from the API; the rehearsal itself runs on this machine, in a process that knows no platform.
    """
    assumptions = _assumptions(
        reply_share=reply_share, reply_after_seconds=reply_after, failure_share=failure_share, seed=seed
    )
    with in_words(ApiError, RehearsalFailed):
        with connect(api, api_key) as client:
            facts = CampaignFacts.model_validate(client.rehearsal_facts(find(client, campaign)).as_json())
        result = asyncio.run(_played(Brief(campaign=facts, assumptions=assumptions)))
    print_rehearsal(facts, result, as_json=as_json)


def _assumptions(**given: Any) -> Assumptions:
    try:
        return Assumptions.model_validate(given)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise typer.BadParameter(f"{wrong['loc'][0]}: {wrong['msg']}") from error


def find(client: Api, campaign: str) -> str:
    """The campaign's id, given that or its exact name. Raises ApiError."""
    try:
        return str(UUID(campaign))
    except ValueError:
        named = [one for one in client.campaigns(search=campaign) if one.name == campaign]
    if len(named) != 1:
        found = "no campaign has" if not named else f"{len(named)} campaigns have"
        raise ApiError(f"{found} the name {campaign!r}: give the id (`relance campaign list` shows it)")
    return str(named[0].id)


async def _played(brief: Brief) -> Rehearsed:
    async with aclosing(rehearsing(brief)) as steps:
        async for step in steps:
            if isinstance(step, Rehearsed):
                return step
            _tell(step)
    raise RehearsalFailed("the rehearsal ended without a result")


def _tell(progress: Progress) -> None:
    if sys.stderr.isatty():
        say(f"{progress.out} of {progress.contacts} contacts, at {progress.at:%Y-%m-%d %H:%M:%S} UTC")
