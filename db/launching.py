"""Whose turn it is when a campaign launches a batch: the next in line for whom its send window is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlmodel.ext.asyncio.session import AsyncSession

from db import running
from db.running import Next
from domain.campaign_window import CampaignWindow, Hours
from domain.campaigns import CampaignRef


@dataclass(frozen=True, slots=True)
class Turn:
    """A batch; `is_last`: nobody is left behind it; `opens_at`: it is empty since the window is closed for all."""

    batch: Sequence[Next]
    is_last: bool
    opens_at: datetime | None = None


async def take_turn(
    session: AsyncSession, campaign: CampaignRef, plan: Row[Any], size: int, first_at: datetime, delay_seconds: float
) -> Turn:
    """The next `size` contacts at most, the first of them to be written to at `first_at`; each gets its variant.

    Contacts for whom the window is closed stay in line: they cost nothing, and do not all come at once when it opens.
    """
    names = (session, campaign.tenant_id, campaign.campaign_id)
    if plan.send_window is None:
        line = await running.next_to_launch(*names, size + 1)
        turn = Turn(line[:size], is_last=len(line) <= size)
    else:
        hours = Hours(CampaignWindow.model_validate(plan.send_window), plan.time_zone)
        turn = await _in_hours(names, hours, size, first_at, delay_seconds)
    if plan.variants and turn.batch:
        weights = [variant["weight"] for variant in plan.variants]
        await running.give_variants(*names, weights, [contact.contact_id for contact in turn.batch])
    return turn


async def _in_hours(
    names: tuple[AsyncSession, UUID, UUID], hours: Hours, size: int, first_at: datetime, delay_seconds: float
) -> Turn:
    asleep: dict[str, datetime] = {}
    if not hours.window.is_same_for_all:
        asleep = hours.openings(await running.prefixes_in_line(*names), first_at)
    elif (opens_at := hours.opening(None, first_at)) is not None:
        is_last = not await running.is_anybody_in_line(*names)
        return Turn([], is_last, opens_at=None if is_last else opens_at)
    line = await running.next_to_launch(*names, size + 1, asleep=list(asleep))
    batch = hours.in_time(line[:size], first_at, delay_seconds)
    is_last = len(batch) == len(line) and not asleep
    return Turn(batch, is_last, opens_at=None if batch else min(asleep.values(), default=None))
