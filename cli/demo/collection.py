"""Gathers the evidence: waits until the platform has told everything, then reads both accounts."""

import time
from collections.abc import Callable
from datetime import datetime

from cli.client import Api
from cli.demo.evidence import Evidence, Imported, Told
from cli.demo.platform import Platform
from cli.demo.runs import Run
from cli.shapes import CampaignContact, MessageState

SETTLE_SECONDS = 30.0
POLL_SECONDS = 0.2
PAGE = "200"
OPTED_OUT = "opted_out"


def wait_until_told(platform: Platform, device: str, check: Callable[[], None]) -> None:
    """Wait, at most `SETTLE_SECONDS`, until the platform has told its last receipt and reply.

    What is still untold then is counted in the evidence; other devices may keep the platform busy for longer.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    while platform.busy() and time.monotonic() < deadline:
        check()
        time.sleep(POLL_SECONDS)


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
