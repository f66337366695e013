"""Inbound events that were stored but not processed."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import select
from temporalio import activity
from temporalio.client import Client

from activities.heartbeats import heartbeating
from db.answers import forget_old
from db.away import is_away
from db.engine import Database
from db.inbound import mark_processed, note_problem, process_event, waiting_events
from db.tables import Tenant
from workflows.handles import Workflows
from workflows.ports import Count, Inbound, SweepRequest

FORGETS_EVERY = timedelta(hours=1)
FORGOTTEN_AT_ONCE = 10_000


class InboundEvents(Inbound):
    """Processes stored events as the webhook route does; now and then it clears away answers whose time is over."""

    def __init__(self, database: Database, client: Client) -> None:
        self._database = database
        self._workflows = Workflows(client)
        self._forgets_at = datetime.min.replace(tzinfo=UTC)

    @activity.defn(name="inbound.sweep")
    async def sweep(self, request: SweepRequest) -> Count:
        """Processes events that were stored but not processed, tenant by tenant, oldest first."""
        processed = 0
        async with heartbeating():
            async with self._database.every_tenant() as session:
                tenants = (await session.exec(select(Tenant.id))).all()
            forgets = self._is_time_to_forget()
            for tenant_id in tenants:
                if forgets:
                    await self._forget_answers(tenant_id)
                for event_id in await self._waiting(tenant_id, request):
                    processed += await self._process(tenant_id, event_id)
        return Count(count=processed)

    def _is_time_to_forget(self) -> bool:
        """Once an hour in each process: to look for them reads all that a tenant was answered in a day."""
        now = datetime.now(UTC)
        if now < self._forgets_at:
            return False
        self._forgets_at = now + FORGETS_EVERY
        return True

    async def _forget_answers(self, tenant_id: UUID) -> None:
        forgotten = FORGOTTEN_AT_ONCE
        while forgotten == FORGOTTEN_AT_ONCE:
            async with self._database.tenant(tenant_id) as session:
                forgotten = await forget_old(session, FORGOTTEN_AT_ONCE)

    async def _waiting(self, tenant_id: UUID, request: SweepRequest) -> list[UUID]:
        older_than = timedelta(seconds=request.older_than_seconds)
        async with self._database.tenant(tenant_id) as session:
            return await waiting_events(session, tenant_id, older_than, request.limit)

    async def _process(self, tenant_id: UUID, event_id: UUID) -> bool:
        """Records, then signals, then marks: dying in between means that it is done again."""
        try:
            async with self._database.tenant(tenant_id) as session:
                signals = await process_event(session, tenant_id, event_id)
        except (ValidationError, SQLAlchemyError) as error:
            # Not the event's fault; with a problem noted, its window could end without its reply.
            if is_away(error):
                raise
            # One event that cannot be read must not keep those behind it waiting; it is tried ever more rarely.
            async with self._database.tenant(tenant_id) as session:
                await note_problem(session, event_id, f"could not be processed: {type(error).__name__}")
            return False
        await self._workflows.deliver(signals)
        async with self._database.tenant(tenant_id) as session:
            return await mark_processed(session, event_id)
