"""`relance campaign …`: one function per thing that an operator does with a campaign."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import campaign_options as options
from cli.campaign_options import message
from cli.campaign_words import print_campaign, print_check, print_import, print_variants
from cli.client import ApiError
from cli.connection import ApiKey, ApiUrl, AsJson, connect
from cli.output import print_facts, print_json, print_table
from cli.shapes import Commanded
from cli.words import in_words, say

CampaignId = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Id of the campaign.")]
UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}

family = typer.Typer(no_args_is_help=True, help="Create campaigns, fill them with contacts, run them.")


def register(app: typer.Typer) -> None:
    """Add the family."""
    app.add_typer(family, name="campaign")


def seconds(text: str) -> float:
    """`90`, `90s`, `15m`, `24h` or `2d` in seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is not a duration: write 90s, 15m, 24h or 2d")
    return float(found[1]) * UNITS[found[2]]


@family.command()
def create(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    channel: Annotated[str, typer.Option(help="Id of the channel that sends.")],
    message_2: Annotated[str, typer.Option("--message-2", parser=message, help="What a reply is answered with.")],
    message_1: Annotated[
        str | None, typer.Option("--message-1", parser=message, help="Text, or @file; {{ variables }}.")
    ] = None,
    variants: Annotated[
        list[str] | None,
        typer.Option("--variant", metavar="NAME:WEIGHT:TEXT", help="Instead of --message-1, two to five: an A/B test."),
    ] = None,
    window: Annotated[str | None, typer.Option(metavar="09:00-18:00", help="Outside of it messages wait.")] = None,
    days: Annotated[str | None, typer.Option(help="Of the window: mon-fri, or mon,wed,sat. Default every day.")] = None,
    zone: Annotated[
        str | None, typer.Option(help="Whose clock: contact (default), tenant, or a zone such as Europe/Paris.")
    ] = None,
    window_for_message_2: Annotated[bool, typer.Option(help="Let Message 2 wait for the window too.")] = False,
    reply_window: Annotated[float | None, typer.Option(parser=seconds, metavar="DURATION", help="Default 24h.")] = None,
    delay: Annotated[float | None, typer.Option(help="Seconds between two messages.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Messages per batch.")] = None,
    batch_pause: Annotated[float | None, typer.Option(help="Seconds between batches.")] = None,
    min_delay: Annotated[float | None, typer.Option(help="Least delay that adaptation may choose.")] = None,
    max_delay: Annotated[float | None, typer.Option(help="Greatest delay that adaptation may choose.")] = None,
    start_at: Annotated[str | None, typer.Option(help="Earliest start, RFC 3339 with offset.")] = None,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Make a draft. Fill it with `import`, look at it with `check`, then `start` it."""
    pacing = {
        "delay_seconds": delay,
        "batch_size": batch_size,
        "batch_pause_seconds": batch_pause,
        "min_delay_seconds": min_delay,
        "max_delay_seconds": max_delay,
    }
    body = {
        "name": name,
        "channel_id": channel,
        "message_1": message_1,
        "variants": [options.variant(one) for one in variants or []],
        "send_window": options.window(window, days, zone, message_2=window_for_message_2),
        "message_2": message_2,
        "reply_window_seconds": reply_window,
        "pacing": _given(pacing),
        "start_at": start_at,
    }
    with in_words(ApiError), connect(api, api_key) as client:
        print_campaign(client.create_campaign(_given(body)), as_json=as_json)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, {}, [])}


@family.command("list")
def list_all(
    status: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    search: Annotated[str | None, typer.Option(help="Only those with this in their name or messages.")] = None,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """List campaigns, newest first."""
    with in_words(ApiError), connect(api, api_key) as client:
        found = list(client.campaigns(status=status, search=search))
    if as_json:
        print_json([campaign.as_json() for campaign in found])
        return
    print_table(["id", "name", "status", "created"], [(one.id, one.name, one.status, one.created_at) for one in found])


def _writable(path: Path | None) -> Path | None:
    """Tried before anything is sent: an upload would not be undone for want of a place to write its errors to."""
    if path is None:
        return None
    new = not path.exists()
    try:
        path.open("ab").close()
        if new:
            path.unlink()
    except OSError as error:
        raise typer.BadParameter(_cannot_be_written(path, error)) from error
    return path


def _cannot_be_written(path: Path, error: OSError) -> str:
    return f"{path} cannot be written: {error.strerror}"


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        say(_cannot_be_written(path, error))
        raise typer.Exit(1) from error


@family.command("import")
def import_contacts(
    campaign: CampaignId,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV with a phone column.")],
    errors_to: Annotated[
        Path | None, typer.Option(callback=_writable, help="Write the rows that were not taken to this CSV file.")
    ] = None,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Add the contacts of a CSV file. The same file again changes nothing."""
    with in_words(ApiError), connect(api, api_key) as client:
        result = client.import_contacts(campaign, file)
        # Before the download, which may fail: what was done is done.
        print_import(result, as_json=as_json)
        if errors_to is not None and result.errors_url is not None:
            with _told(errors_to):
                client.download(result.errors_url, errors_to)


@family.command()
def check(campaign: CampaignId, as_json: AsJson = False, api: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Say what stands in the way of a start. Exit status 1 when something does."""
    with in_words(ApiError), connect(api, api_key) as client:
        answer = client.check_campaign(campaign)
    if as_json:
        print_json(answer.as_json())
        ok = bool(answer.as_json().get("ok"))
    else:
        ok = print_check(answer)
    raise typer.Exit(0 if ok else 1)


@family.command()
def variants(campaign: CampaignId, as_json: AsJson = False, api: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Compare the variants of Message 1."""
    with in_words(ApiError), connect(api, api_key) as client:
        answer = client.variants(campaign)
    if as_json:
        print_json(answer.as_json())
    else:
        print_variants(answer)


@family.command()
def status(campaign: CampaignId, as_json: AsJson = False, api: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Show where a campaign stands."""
    with in_words(ApiError), connect(api, api_key) as client:
        print_campaign(client.campaign(campaign), as_json=as_json)


@family.command("test-send")
def send_test(
    campaign: CampaignId,
    phone: Annotated[str, typer.Argument(help="A number of your own.")],
    message_number: Annotated[int, typer.Option("--message", min=1, max=2, help="Which of the two.")] = 1,
    variant: Annotated[str | None, typer.Option(help="Of an A/B test: which variant of Message 1.")] = None,
    variable: Annotated[list[str] | None, typer.Option("--var", metavar="NAME=VALUE", help="May be repeated.")] = None,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Send one of the messages to yourself; no campaign counts it."""
    values = dict(map(_pair, variable or []))
    body = {"phone": phone, "message": message_number, "variables": values, "variant": variant}
    with in_words(ApiError), connect(api, api_key) as client:
        answer = client.test_send(campaign, {name: said for name, said in body.items() if said is not None}).as_json()
    if as_json:
        print_json(answer)
    else:
        print_facts({"delivery": answer.get("delivery_id"), "status": answer.get("status"), "text": answer.get("text")})


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise typer.BadParameter(f"{text!r}: write NAME=VALUE")
    return name, value


def _affected(answer: Commanded) -> str:
    if answer.stopped is not None:
        return f"; {answer.stopped} contacts will get no Message 1 any more"
    return f"; {answer.retried} contacts are in line again" if answer.retried is not None else ""


def _command(path: str, sentence: str) -> None:
    """Add a command that asks the API for one change of state."""

    def command(campaign: CampaignId, as_json: AsJson = False, api: ApiUrl = None, api_key: ApiKey = None) -> None:
        with in_words(ApiError), connect(api, api_key) as client:
            answer = client.command_campaign(campaign, path)
        if as_json:
            print_json(answer.as_json())
        else:
            say(f"campaign {answer.id} is {answer.status}{_affected(answer)}")

    command.__doc__ = sentence
    family.command(path)(command)


_command("start", "Start a draft, or plan it for its start time.")
_command("pause", "Stop sending at once; what the platform already has still counts.")
_command("resume", "Go on; after a pause by the circuit breaker one probe goes first.")
_command("cancel", "End for good, without sending what is left.")
_command("retry-failed", "Put the failed contacts back in line.")
