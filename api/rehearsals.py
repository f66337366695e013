"""Rehearsals as the API knows them: what they start from, read from the caller's rows, and the turns they take."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlmodel.ext.asyncio.session import AsyncSession

from api.dependencies import Services
from api.problems import NotFound
from db.reading.rehearsal import InLine, who_waits
from rehearsal.apart import rehearsing
from rehearsal.facts import MOST_CONTACTS, Brief, CampaignFacts, ChannelFacts, ContactFacts
from rehearsal.result import Progress, Rehearsed

SIGN_OF_LIFE_SECONDS = 5.0


async def read_facts(session: AsyncSession, campaign_id: UUID) -> CampaignFacts:
    """What a rehearsal of the campaign starts from; raises NotFound."""
    line = await who_waits(session, campaign_id, limit=MOST_CONTACTS)
    if line is None:
        raise NotFound("campaign")
    return _facts(line)


def _facts(line: InLine) -> CampaignFacts:
    row = line.campaign
    channel = ChannelFacts(
        id=row.channel_id,
        rate_per_second=row.rate_per_second,
        sharers=row.others + 1,
        daily_quota=row.daily_quota,
        used_today=row.used_today,
        send_window=row.send_window,
    )
    return CampaignFacts(
        tenant_id=row.tenant_id,
        campaign_id=row.id,
        name=row.name,
        time_zone=row.time_zone,
        pacing=row.pacing,
        delay_seconds=row.delay_seconds,
        reply_window_seconds=row.reply_window_seconds,
        start_at=row.start_at,
        send_window=row.campaign_window,
        channel=channel,
        waiting=row.waiting,
        contacts=[_contact(one) for one in line.contacts],
    )


def _contact(row: Row[Any]) -> ContactFacts:
    return ContactFacts(id=row.contact_id, dial_prefix=row.dial_prefix, suppressed=row.suppressed, lacking=row.lacking)


async def in_turn(services: Services, brief: Brief) -> AsyncGenerator[Progress | Rehearsed | None, None]:
    """How far a rehearsal is and at last its result; None while another one of this process goes first.

    It stops with whoever iterates, and with the process. Raises RehearsalFailed.
    """
    while not await _has_turn(services.rehearsal_slots):
        yield None
        if services.draining.is_set():
            return
    try:
        async with aclosing(rehearsing(brief)) as steps:
            async for step in steps:
                yield step
                if services.draining.is_set():
                    return
    finally:
        services.rehearsal_slots.release()


async def _has_turn(slots: asyncio.Semaphore) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(SIGN_OF_LIFE_SECONDS):
            return await slots.acquire()
    return False
