"""A stored webhook call and its effects: acted on, then told."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

import structlog

from api.dependencies import Services
from db.away import DATABASE_ERRORS
from db.inbound import mark_processed, process_event
from db.intake import Door, is_quick, take_quickly
from domain.inbound import IncomingEvent
from domain.signals import Signal
from workflows.handles import EngineUnavailable

PROCESS_WITHIN = timedelta(seconds=4)
"""Platforms wait about ten seconds for an answer; what takes longer is left to the sweep."""

QUICK_WITHIN = timedelta(seconds=3)
"""After this the event is stored by itself, and then acted on: together that is within the platform's ten seconds. Much
less, and a server that is merely busy would do its work twice."""

logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class Taken(StrEnum):
    """How far an event came while the platform waited."""

    PROCESSED = "processed"
    STORED = "stored"
    REPEATED = "repeated"


async def take_in_quickly(services: Services, door: Door, event: IncomingEvent) -> Taken | None:
    """Stores, records and tells at once; None, with nothing stored, leaves the event to the thorough way."""
    if not is_quick(event):
        return None
    try:
        async with asyncio.timeout(QUICK_WITHIN.total_seconds()), services.database.quick(door.tenant_id) as connection:
            taken = await take_quickly(connection, door, event)
    except DATABASE_ERRORS as error:
        logger.warning("webhook.not_quick", channel_id=str(door.channel_id), error=type(error).__name__)
        return None
    if taken is None:
        return None
    if not taken.signals:
        return Taken.PROCESSED
    return await _in_time(_tell(services, door.tenant_id, taken.event_id, taken.signals), taken.event_id)


async def take_in(services: Services, tenant_id: UUID, event_id: UUID | None) -> Taken:
    """Processes a stored event at once if all is well; None stands for one that had been processed before.

    It was committed and cannot be lost: whatever is away now, the sweep takes it up.
    """
    if event_id is None:
        return Taken.REPEATED
    return await _in_time(_process(services, tenant_id, event_id), event_id)


async def _in_time(work: Awaitable[bool], event_id: UUID) -> Taken:
    try:
        async with asyncio.timeout(PROCESS_WITHIN.total_seconds()):
            done = await work
    except (EngineUnavailable, *DATABASE_ERRORS) as error:
        logger.warning("webhook.left_to_sweep", event_id=str(event_id), error=type(error).__name__)
        return Taken.STORED
    return Taken.PROCESSED if done else Taken.STORED


async def _process(services: Services, tenant_id: UUID, event_id: UUID) -> bool:
    """Records, commits, tells, and only then ends the event: a crash anywhere leaves it to be processed again."""
    async with services.database.tenant(tenant_id) as session:
        signals = await process_event(session, tenant_id, event_id)
        if not signals:  # nobody to tell, so its end is part of its record
            return await mark_processed(session, event_id)
    return await _tell(services, tenant_id, event_id, signals)


async def _tell(services: Services, tenant_id: UUID, event_id: UUID, signals: list[Signal]) -> bool:
    await services.workflows.deliver(signals)
    async with services.database.tenant(tenant_id) as session:
        return await mark_processed(session, event_id)
