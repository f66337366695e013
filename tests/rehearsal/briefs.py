"""Campaigns to rehearse."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from domain.campaign_window import CampaignWindow
from domain.pacing import Pacing
from rehearsal.facts import Assumptions, Brief, CampaignFacts, ChannelFacts, ContactFacts

DAY = 86_400.0


def brief(
    contacts: int,
    *,
    delay: float = 1.0,
    batch: int = 50,
    pause: float = 0.0,
    window: float = DAY,
    start_at: datetime | None = None,
    people: dict[str, Any] | None = None,
    facts: list[ContactFacts] | None = None,
    hours: dict[str, Any] | None = None,
    **channel: Any,
) -> Brief:
    """So many contacts with ids of their own, on a channel of one message a second unless said.

    `hours` is the campaign's own send window, `send_window` among the channel's fields the channel's.
    """
    line = facts or [ContactFacts(id=UUID(int=number + 1)) for number in range(contacts)]
    campaign = CampaignFacts(
        tenant_id=UUID(int=1),
        campaign_id=UUID(int=2),
        name="Autumn",
        time_zone="Europe/Paris",
        pacing=Pacing(delay_seconds=delay, batch_size=batch, batch_pause_seconds=pause),
        delay_seconds=delay,
        reply_window_seconds=window,
        start_at=start_at,
        send_window=None if hours is None else CampaignWindow.model_validate(hours),
        channel=ChannelFacts.model_validate({"id": UUID(int=3), "rate_per_second": 1.0, **channel}),
        waiting=len(line),
        contacts=line,
    )
    return Brief(campaign=campaign, assumptions=Assumptions.model_validate(people or {}))


def tomorrow_at(hour: int) -> datetime:
    """An instant that lies ahead of any run of the tests."""
    return datetime(2027, 3, 3, hour, tzinfo=UTC)
