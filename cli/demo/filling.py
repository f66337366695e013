"""Fills the installation of a demo that is kept: campaigns in every state, and messages that wait for somebody."""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cli.client import Api
from cli.demo import script
from cli.demo.platform import Platform
from cli.demo.runs import Run

DAY_SECONDS = 86_400.0
FIRST_NAMES = ("Ann", "Bruno", "Chloé", "Dilek", "Émile", "Fatou", "Grégoire", "Hana", "Inès", "Jonas")
CITIES = ("Lyon", "Nantes", "", "Lille")
LOST = 3
"""Messages whose answer is lost at a platform that cannot be asked: a fifth in a row would open the breaker."""


def fill(api: Api, platform: Platform, run: Run) -> list[str]:
    """Makes what a person wants to look at, once for each demo; returns a line for each.

    Nothing of it writes from the account of the demo's own campaign: there the platform's log must hold that one alone.
    """
    second, _ = _channel(api, platform, run, "running", "Second number (simulated)", rate=0.2)
    told = [
        _draft(api, run, second),
        _scheduled(api, run, second),
        _running(api, run, second),
        _paused(api, run, second),
        _held(api, run),
        _unknown(api, platform, run),
    ]
    return [f"{name}: {words}" for name, words in told]


def _draft(api: Api, run: Run, channel: str) -> tuple[str, str]:
    name = "Winter letter"
    body = script.campaign(channel, DAY_SECONDS, name)
    body["message_1"] = "Dear {{ first_name }}, our winter list from {{ city }} is ready. Shall we send it to you?"
    campaign = _campaign(api, run, "draft", body, 24)
    api.check_campaign(campaign)
    return name, "a draft; some of its contacts lack their city"


def _scheduled(api: Api, run: Run, channel: str) -> tuple[str, str]:
    name = "New Year's wishes"
    body = script.campaign(channel, DAY_SECONDS, name)
    body["start_at"] = (datetime.now(UTC) + timedelta(days=5)).isoformat(timespec="minutes")
    _started(api, _campaign(api, run, "scheduled", body, 30))
    return name, "starts in five days"


def _running(api: Api, run: Run, channel: str) -> tuple[str, str]:
    name = "Autumn menu"
    body = script.campaign(channel, DAY_SECONDS, name)
    body["pacing"] = {"delay_seconds": 5, "batch_size": 20}
    _started(api, _campaign(api, run, "running", body, 120))
    return name, "under way, a message every five seconds"


def _paused(api: Api, run: Run, channel: str) -> tuple[str, str]:
    name = "Opening hours"
    body = script.campaign(channel, DAY_SECONDS, name)
    body["pacing"] = {"delay_seconds": 5, "batch_size": 10}
    campaign = _campaign(api, run, "paused", body, 40)
    _started(api, campaign)
    if api.campaign(campaign).status == "running":
        api.command_campaign(campaign, "pause")
    return name, "paused"


def _held(api: Api, run: Run) -> tuple[str, str]:
    name = "Thank you"
    channel, _ = _channel(api, None, run, "held", "Shop's number (paused)", rate=2)
    api.command_channel(channel, "pause")
    _started(api, _campaign(api, run, "held", script.campaign(channel, DAY_SECONDS, name), 12))
    return name, "held, since its channel is paused"


def _unknown(api: Api, platform: Platform, run: Run) -> tuple[str, str]:
    name = "Delivery dates"
    # Its webhook stays unknown to the platform: a receipt would tell that the message had arrived.
    channel, device = _channel(api, None, run, "unknown", "Workshop's number (answers get lost)", rate=1)
    platform.lose_answers(device)
    _started(api, _campaign(api, run, "unknown", script.campaign(channel, DAY_SECONDS, name), LOST))
    return name, f"{LOST} messages of unknown outcome, for a person to decide"


def _channel(api: Api, platform: Platform | None, run: Run, what: str, name: str, rate: float) -> tuple[str, str]:
    """A connected account and its device at the platform."""
    device = f"{run.device[:-4]}{abs(hash_of(what)) % 10_000:04d}"
    body = {**script.channel(device, run.secret, rate), "name": name}
    made = api.create_channel(body, key=f"demo-{run.id}-{what}-channel")
    if platform is not None and made.webhook_url is not None:
        platform.ensure_webhook(f"demo {what} {run.id}", made.webhook_url, device)
    return str(made.id), device


def hash_of(word: str) -> int:
    """A number for a word, the same in every process."""
    return sum((place + 1) * ord(letter) for place, letter in enumerate(word))


def _campaign(api: Api, run: Run, what: str, body: dict[str, Any], people: int) -> str:
    made = api.create_campaign(body, key=f"demo-{run.id}-{what}")
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "people.csv"
        file.write_text("\n".join(_people(what, people)) + "\n", encoding="utf-8")
        api.import_contacts(str(made.id), file, key=f"demo-{run.id}-{what}-contacts")
    return str(made.id)


def _people(what: str, count: int) -> Sequence[str]:
    """Rows of a CSV file: numbers that are kept for fiction (ARCEP: +33 6 39 98), another hundred for each list."""
    first = 2000 + hash_of(what) % 70 * 100
    rows = (
        f"+3363998{first + place:04d},{FIRST_NAMES[place % len(FIRST_NAMES)]},{CITIES[place % len(CITIES)]}"
        for place in range(count)
    )
    return ["phone,first_name,city", *rows]


def _started(api: Api, campaign: str) -> None:
    if api.campaign(campaign).status == "draft":
        api.command_campaign(campaign, "start")
