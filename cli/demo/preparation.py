"""Sets the stage of the demo: channel, webhook, people, campaign, contacts, start; each step may be repeated."""

import time
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

from cli.client import Api, ApiRefused, ApiUnreachable
from cli.demo import script
from cli.demo.platform import Platform
from cli.demo.runs import Run

PATIENCE_SECONDS = 90.0
"""A request that a killed API was working on keeps its Idempotency-Key for a while; then it may be repeated."""

PAUSE_SECONDS = 0.5

Save = Callable[[Run], Run]
Result = TypeVar("Result")


def prepare(api: Api, platform: Platform, run: Run, save: Save) -> Run:
    """Bring the run to the point where its campaign is under way, from wherever it was."""
    run = patiently(lambda: _with_channel(api, run, save))
    platform.ensure_webhook(f"demo {run.id}", _address(run, api.url), run.device)
    if not run.started:
        platform.teach(script.behaviour(run.window_seconds))
    run = patiently(lambda: _with_campaign(api, run, save))
    run = patiently(lambda: _with_contacts(api, run, save))
    patiently(lambda: _start(api, _known(run.campaign_id)))
    return run


def patiently(step: Callable[[], Result]) -> Result:
    """What a step gives, tried again while the API is away; every step here may be repeated without harm."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return step()
        except ApiUnreachable:
            if time.monotonic() > deadline:
                raise
        time.sleep(PAUSE_SECONDS)


def _start(api: Api, campaign_id: str) -> None:
    """Start a draft. A start whose answer was lost may still take effect between the look and the call."""
    if api.campaign(campaign_id).status != "draft":
        return
    try:
        api.command_campaign(campaign_id, "start")
    except ApiRefused:
        if api.campaign(campaign_id).status == "draft":
            raise


def _with_channel(api: Api, run: Run, save: Save) -> Run:
    if run.channel_id is not None:
        return run
    channel = api.create_channel(script.channel(run.device, run.secret, run.rate), key=f"demo-{run.id}-channel")
    return save(run.model_copy(update={"channel_id": str(channel.id), "webhook_url": channel.webhook_url}))


def _with_campaign(api: Api, run: Run, save: Save) -> Run:
    if run.campaign_id is not None:
        return run
    body = script.campaign(_known(run.channel_id), run.window_seconds, f"Demo {run.id}")
    campaign = api.create_campaign(body, key=f"demo-{run.id}-campaign")
    return save(run.model_copy(update={"campaign_id": str(campaign.id)}))


def _with_contacts(api: Api, run: Run, save: Save) -> Run:
    if run.started:
        return run
    result = api.import_contacts(_known(run.campaign_id), run.contacts, key=f"demo-{run.id}-contacts")
    counts = {"added": result.added, "duplicates": result.duplicates, "invalid": result.invalid}
    return save(run.model_copy(update=counts))


def _address(run: Run, api_url: str) -> str:
    """The channel's webhook at the API's present address: the port may be another than when the channel was made."""
    here, path = urlsplit(api_url), urlsplit(_known(run.webhook_url))
    return urlunsplit((here.scheme, here.netloc, path.path, path.query, ""))


def _known(value: str | None) -> str:
    if value is None:
        raise ValueError("a step of the demo was taken before the one that it needs")
    return value
