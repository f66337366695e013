"""One webhook call from its storing to its effects: kept first, then acted on, then told."""

import asyncio
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from api.dependencies import Services
from db.inbound import mark_processed, process_event, store_event
from domain.inbound import IncomingEvent
from workflows.handles import EngineUnavailable

PROCESS_WITHIN = timedelta(seconds=4)
"""Platforms wait about ten seconds for an answer; what takes longer is left to the sweep."""

logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class Taken(StrEnum):
    """How far an event came while the platform waited."""

    PROCESSED = "processed"
    STORED = "stored"
    REPEATED = "repeated"


async def take_in(services: Services, tenant_id: UUID, event: IncomingEvent) -> Taken:
    """Stores the event once and, if all is well, processes it at once.

    From the first commit on the event cannot be lost: whatever is away afterwards, the sweep takes it up. What the
    database raises before that commit is raised, so that the platform sends the event again.
    """
    async with services.database.tenant(tenant_id) as session:
        event_id = await store_event(session, tenant_id, event)
    if event_id is None:
        return Taken.REPEATED
    try:
        async with asyncio.timeout(PROCESS_WITHIN.total_seconds()):
            done = await _process(services, tenant_id, event_id)
    except (EngineUnavailable, SQLAlchemyError, OSError) as error:
        logger.warning("webhook.left_to_sweep", event_id=str(event_id), error=type(error).__name__)
        return Taken.STORED
    return Taken.PROCESSED if done else Taken.STORED


async def _process(services: Services, tenant_id: UUID, event_id: UUID) -> bool:
    """Records, commits, tells, and only then ends the event: a crash anywhere leaves it to be processed again."""
    async with services.database.tenant(tenant_id) as session:
        signals = await process_event(session, tenant_id, event_id)
    await services.workflows.deliver(signals)
    async with services.database.tenant(tenant_id) as session:
        return await mark_processed(session, event_id)
