"""The `relance doctor` command: runs every check and says what to do; exit status 1 if anything is wrong."""

import asyncio
from collections.abc import AsyncIterator

import typer
from temporalio.client import Client
from temporalio.envconfig import ClientConnectConfig
from temporalio.service import RPCError

from cli.client import Api, ApiError
from cli.connection import ApiKey, ApiUrl, AsJson, found_key
from cli.doctor.database import check_database
from cli.doctor.findings import Finding, State, wrong
from cli.doctor.machine import check_machine
from cli.doctor.network import check_api, check_channels, check_platform
from cli.doctor.standstill import check_standstill
from cli.doctor.temporal import check_temporal
from cli.doctor.work import check_work, reading_database
from cli.output import console, print_json
from cli.stack.environment import Addresses
from cli.stack.state import StackState, read_state
from cli.words import in_words
from db.away import DATABASE_ERRORS
from settings import Settings, external_temporal, load_settings, temporal_connect_config

NEEDED_FOR_WORK = {"database", "schema", "application role", "rights"}
"""While one of these is wrong, the rows that wait cannot be looked at."""

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
    sick = set[str]()
    if url:
        async for finding in check_database(url, settings.database_pool_size):
            sick |= {finding.name} if finding.state is State.WRONG else set()
            yield finding
    else:
        why = "nothing can be claimed, sent or recorded"
        yield wrong("database", "the embedded one is not running", "start it with `make up`", why=why)
    config = temporal_connect_config(settings)
    if addresses.temporal and not external_temporal():
        config["target_host"] = addresses.temporal
    temporal = [finding async for finding in check_temporal(config)]
    for finding in temporal:
        yield finding
    if not sick & NEEDED_FOR_WORK and url:
        answers = not any(finding.name == "Temporal" and finding.state is State.WRONG for finding in temporal)
        async for finding in _work(url, settings, config if answers else None):
            yield finding


async def _work(url: str, settings: Settings, temporal: ClientConnectConfig | None) -> AsyncIterator[Finding]:
    database = reading_database(url)
    try:
        async for finding in check_work(database, settings):
            yield finding
        if temporal is not None:
            async for finding in check_standstill(database, await Client.connect(**temporal)):
                yield finding
    except (*DATABASE_ERRORS, RPCError) as error:
        why = "what waits could not be looked at"
        yield wrong("work", f"the look at it broke off ({type(error).__name__})", "run the doctor again", why=why)
    finally:
        await database.close()


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
        if finding.why:
            screen.print(f"       {'':<{width}}    {finding.why}", soft_wrap=True)
        if finding.advice:
            screen.print(f"       {'':<{width}}  → {finding.advice}", soft_wrap=True)
    count = sum(finding.state is State.WRONG for finding in findings)
    screen.print(f"\n{count} of {len(findings)} checks found something wrong." if count else "\nAll is well.")
