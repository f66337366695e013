"""Gathers the evidence: waits until all was told and taken in, then reads both accounts."""

import time
from collections.abc import Callable
from datetime import datetime

from prometheus_client.parser import text_string_to_metric_families

from cli.client import Api
from cli.demo.evidence import Evidence, Imported, Told
from cli.demo.platform import Platform
from cli.demo.preparation import patiently
from cli.demo.runs import Run
from cli.shapes import CampaignContact, MessageState
from cli.words import say

SETTLE_SECONDS = 30.0
TAKEN_IN_SECONDS = 90.0
"""What was acknowledged while something was away takes effect with the next sweep, within a minute."""

UNPROCESSED = "relance_inbound_unprocessed_events"
POLL_SECONDS = 0.2
PAGE = "200"
OPTED_OUT = "opted_out"


def gather(api: Api, platform: Platform, run: Run, check: Callable[[], None]) -> Evidence:
    """Both accounts of the run's campaign once all was told and taken in; `check` is called while it waits."""
    _wait_until_told(platform, check)
    _wait_until_taken_in(api, check)
    return patiently(lambda: collect(api, platform, run))


def _wait_until_told(platform: Platform, check: Callable[[], None]) -> None:
    """Wait, at most `SETTLE_SECONDS`, until the platform has told its last receipt and reply.

    What is still untold then is counted in the evidence; other devices may keep the platform busy for longer.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    while platform.busy() and time.monotonic() < deadline:
        check()
        time.sleep(POLL_SECONDS)


def _wait_until_taken_in(api: Api, check: Callable[[], None]) -> None:
    """Wait, at most `TAKEN_IN_SECONDS`, until Relance has acted on every event that it acknowledged."""
    deadline = time.monotonic() + TAKEN_IN_SECONDS
    told = False
    while (waiting := patiently(lambda: _waiting(api))) != 0 and time.monotonic() < deadline:
        if waiting and not told:
            say(f"{waiting:g} events of the platform are stored and wait for the next sweep")
            told = True
        check()
        time.sleep(POLL_SECONDS)


def _waiting(api: Api) -> float | None:
    """Events of the whole installation that are stored and not acted on; None while nobody knows."""
    for family in text_string_to_metric_families(api.metrics()):
        for sample in family.samples:
            if sample.name == UNPROCESSED and sample.labels["state"] == "waiting":
                return sample.value
    return None


def collect(api: Api, platform: Platform, run: Run) -> Evidence:
    """Both accounts of the run's campaign as they are now."""
    campaign_id = run.campaign_id or ""
    page = api.campaign(campaign_id)
    told = tuple(_told(contact) for contact in api.contacts(campaign_id, limit=PAGE))
    counts = page.counts.model_dump()
    return Evidence(
        status=page.status,
        counts={name: value for name, value in counts.items() if isinstance(value, int)},
        imported=Imported(run.rows, run.added or 0, run.duplicates, run.invalid),
        told=told,
        seen=platform.seen(run.device),
        window_seconds=run.window_seconds,
        unheard=platform.unheard(run.device),
        most_in_one_second=platform.most_in_one_second(run.device),
    )


def _told(contact: CampaignContact) -> Told:
    first, second = contact.message_1 or MessageState(), contact.message_2 or MessageState()
    return Told(
        phone=contact.phone,
        message_1=contact.status,
        sent_at=_unix(first.sent_at),
        replied_at=_unix(contact.replied_at),
        message_2=second.status,
        opted_out=contact.outcome == OPTED_OUT,
    )


def _unix(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
