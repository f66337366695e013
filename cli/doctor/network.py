"""Checks over HTTP: the API's own word, the platform, and the health of the channels."""

from collections.abc import Iterator
from typing import Any

import httpx

from cli.client import Api, ApiError
from cli.doctor.findings import Finding, fine, note, wrong
from settings import Settings

TIMEOUT_SECONDS = 5.0


def check_api(url: str) -> Iterator[Finding]:
    """`/readyz`: whether the API answers, and what it misses."""
    answer = _get(f"{url}/readyz")
    if answer is None:
        advice = "start it with `make up` (or `python -m api`) and look at logs/api.log"
        yield wrong("API", f"{url} does not answer", advice, why="webhooks are refused and nobody can give commands")
        return
    if answer.is_success:
        yield fine("API", f"{url} is ready")
        return
    missing = [check for check in _checks(answer) if not check.get("ok")]
    words = (
        "; ".join(f"{check.get('name')}: {check.get('detail')}" for check in missing) or f"answers {answer.status_code}"
    )
    advice = "start what is missing; the API recovers by itself"
    yield wrong("API", f"{url} is not ready ({words})", advice, why="what it misses stands still")


def _checks(answer: httpx.Response) -> list[dict[str, Any]]:
    try:
        body = answer.json()
    except ValueError:
        return []
    checks = body.get("checks") if isinstance(body, dict) else None
    return [check for check in checks if isinstance(check, dict)] if isinstance(checks, list) else []


def check_platform(settings: Settings, simulator: str) -> Iterator[Finding]:
    """The simulator, or the Wassenger API that the operator named; a refusal for lack of a key is an answer."""
    url = simulator or settings.wassenger_url
    name = "platform simulator" if simulator else "Wassenger"
    answer = _get(f"{url}/healthz" if simulator else f"{url}/v1/devices")
    if answer is None:
        advice = "look at logs/simulator.log" if simulator else "check RELANCE_WASSENGER_URL, DNS and the firewall"
        yield wrong(name, f"{url} does not answer", advice, why="no message can be handed over")
        return
    if answer.status_code >= 500:
        advice = "wait, or ask the vendor: sends are retried by themselves"
        yield wrong(name, f"{url} answers {answer.status_code}", advice, why="no message can be handed over")
        return
    yield fine(name, url)


def check_channels(api: Api) -> Iterator[Finding]:
    """Channels that do not send, and why."""
    try:
        channels = api.channels()
    except ApiError as error:
        yield wrong("channels", str(error), "give a key that may read", why="channels that stopped cannot be seen")
        return
    for channel in channels:
        name, reason = f"channel {channel.name}", channel.status_reason or channel.status
        if channel.status == "credentials_expired":
            advice = f"relance channel reconnect {channel.id} --device-id …"
            yield wrong(name, reason, advice, why="its messages are parked until it has a key that the platform takes")
        elif channel.status != "active":
            yield note(name, reason, f"relance channel resume {channel.id}")
    yield fine("channels", f"{sum(channel.status == 'active' for channel in channels)} of {len(channels)} active")


def _get(url: str) -> httpx.Response | None:
    try:
        return httpx.get(url, timeout=TIMEOUT_SECONDS, trust_env=False)
    except httpx.HTTPError:
        return None
