"""The `relance doctor` command: runs every check and says what to do; exit status 1 if anything is wrong."""

import asyncio
from collections.abc import AsyncIterator

import typer

from cli.client import Api, ApiError
from cli.connection import ApiKey, ApiUrl, AsJson, found_key
from cli.doctor.database import check_database
from cli.doctor.findings import Finding, State, wrong
from cli.doctor.machine import check_machine
from cli.doctor.network import check_api, check_channels, check_platform
from cli.doctor.temporal import check_temporal
from cli.output import console, print_json
from cli.stack.environment import Addresses
from cli.stack.state import StackState, read_state
from cli.words import in_words
from settings import Settings, external_temporal, load_settings, temporal_connect_config

MARKS = {State.OK: "ok   ", State.NOTE: "note ", State.WRONG: "WRONG"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(as_json: AsJson = False, api: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Look at this installation and say what is wrong with it and what to do. Exit status 1 if anything is."""
    with in_words():
        findings = asyncio.run(examine(load_settings(), api, api_key))
    sick = any(finding.state is State.WRONG for finding in findings)
    if as_json:
        print_json({"healthy": not sick, "findings": [finding.model_dump(mode="json") for finding in findings]})
    else:
        _print(findings)
    raise typer.Exit(1 if sick else 0)


async def examine(settings: Settings, api_url: str | None = None, api_key: str | None = None) -> list[Finding]:
    """Every finding. Parts that are not running are looked for where they would be. Raises SettingsError."""
    state = read_state(settings.data_dir)
    findings = list(check_machine(settings, state))
    findings += [finding async for finding in _services(settings, state)]
    addresses = _addresses(state)
    url = api_url or addresses.api or settings.api_url
    api = await asyncio.to_thread(lambda: list(check_api(url)))
    findings += api
    if addresses.simulator or not settings.uses_simulator:
        findings += await asyncio.to_thread(lambda: list(check_platform(settings, addresses.simulator)))
    if all(finding.state is State.OK for finding in api):
        findings += await asyncio.to_thread(_channels, settings, url, api_key)
    return findings


def _addresses(state: StackState | None) -> Addresses:
    return state.addresses if state is not None and state.running else Addresses()


async def _services(settings: Settings, state: StackState | None) -> AsyncIterator[Finding]:
    addresses = _addresses(state)
    url = settings.database_url.get_secret_value() if settings.database_url is not None else addresses.database
    if url:
        async for finding in check_database(url):
            yield finding
    else:
        yield wrong("database", "the embedded one is not running", "start it with `make up`")
    config = temporal_connect_config(settings)
    if addresses.temporal and not external_temporal():
        config["target_host"] = addresses.temporal
    async for finding in check_temporal(config):
        yield finding


def _channels(settings: Settings, url: str, api_key: str | None) -> list[Finding]:
    try:
        key = api_key or found_key(settings)
    except ApiError:
        return []  # that the key is missing is told by the machine's checks
    with Api(url, key) as api:
        return list(check_channels(api))


def _print(findings: list[Finding]) -> None:
    screen = console()
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        screen.print(f"{MARKS[finding.state]}  {finding.name:<{width}}  {finding.words}", soft_wrap=True)
        if finding.advice:
            screen.print(f"       {'':<{width}}  → {finding.advice}", soft_wrap=True)
    count = sum(finding.state is State.WRONG for finding in findings)
    screen.print(f"\n{count} of {len(findings)} checks found something wrong." if count else "\nAll is well.")
