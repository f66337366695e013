"""`relance channel …`: connects accounts and says how they are."""

import secrets
from typing import Annotated, Any

import typer

from cli.client import ApiError
from cli.connection import ApiKey, ApiUrl, AsJson, connect
from cli.output import print_facts, print_json, print_table
from cli.shapes import Channel
from cli.words import in_words, say

ChannelId = Annotated[str, typer.Argument(metavar="CHANNEL", help="Id of the channel.")]
Token = Annotated[
    str,
    typer.Option(
        envvar="RELANCE_CHANNEL_TOKEN",
        prompt="API key of the account at the platform",
        hide_input=True,
        help="API key of the account; asked for when not given, so that it stays out of the shell's history.",
    ),
]

family = typer.Typer(no_args_is_help=True, help="Connect accounts, pause them, give them new credentials.")


def register(app: typer.Typer) -> None:
    """Add the family."""
    app.add_typer(family, name="channel")


@family.command()
def create(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    device_id: Annotated[str, typer.Option(help="Id of the number at the platform (24 hex digits).")],
    token: Token,
    platform: Annotated[str, typer.Option(help="Which platform.")] = "wassenger",
    webhook_secret: Annotated[str | None, typer.Option(help="Default: a random one.")] = None,
    rate: Annotated[float | None, typer.Option(help="Messages per second at most; default 1.")] = None,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Connect an account, and print the webhook address to enter at the platform (it holds the channel's secret)."""
    body: dict[str, Any] = {
        "platform": platform,
        "name": name,
        "credentials": {"token": token, "device_id": device_id},
        "webhook_secret": webhook_secret or secrets.token_urlsafe(24),
    }
    if rate is not None:
        body["rate_per_second"] = rate
    with in_words(ApiError), connect(api, api_key) as client:
        _print(client.create_channel(body), as_json=as_json)


@family.command("list")
def list_all(as_json: AsJson = False, api: ApiUrl = None, api_key: ApiKey = None) -> None:
    """List the channels."""
    with in_words(ApiError), connect(api, api_key) as client:
        found = client.channels()
    if as_json:
        print_json([channel.as_json() for channel in found])
        return
    rows = [(each.id, each.platform, each.name, each.status, each.rate_per_second) for each in found]
    print_table(["id", "platform", "name", "status", "per second"], rows)


@family.command()
def show(channel: ChannelId, as_json: AsJson = False, api: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Show one channel and how it is."""
    with in_words(ApiError), connect(api, api_key) as client:
        _print(client.channel(channel), as_json=as_json)


@family.command()
def pause(channel: ChannelId, as_json: AsJson = False, api: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Send nothing through this channel until it is resumed; what is due is held."""
    with in_words(ApiError), connect(api, api_key) as client:
        _print(client.command_channel(channel, "pause"), as_json=as_json)


@family.command()
def resume(channel: ChannelId, as_json: AsJson = False, api: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Let the channel send again; what it held goes out."""
    with in_words(ApiError), connect(api, api_key) as client:
        _print(client.command_channel(channel, "resume"), as_json=as_json)


@family.command()
def reconnect(
    channel: ChannelId,
    token: Token,
    device_id: Annotated[str, typer.Option(help="Id of the number at the platform.")],
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Give the channel new credentials; what was parked when the old ones expired goes out."""
    change = {"credentials": {"token": token, "device_id": device_id}}
    with in_words(ApiError), connect(api, api_key) as client:
        answer = client.change_channel(channel, change)
    say("new credentials are in use")
    _print(answer, as_json=as_json)


def _print(channel: Channel, *, as_json: bool) -> None:
    if as_json:
        print_json(channel.as_json())
        return
    facts = {
        "id": channel.id,
        "platform": channel.platform,
        "name": channel.name,
        "status": channel.status,
        "reason": channel.status_reason,
        "per second": channel.rate_per_second,
        "webhook": channel.webhook_url,
    }
    print_facts(facts)
