"""Inbound events that were stored but not processed."""

from datetime import timedelta
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import select
from temporalio import activity
from temporalio.client import Client

from activities.heartbeats import heartbeating
from db.engine import Database
from db.inbound import mark_processed, note_problem, process_event, waiting_events
from db.tables import Tenant
from workflows.handles import Workflows
from workflows.ports import Count, Inbound, SweepRequest


class InboundEvents(Inbound):
    """Processes stored events as the webhook route does."""

    def __init__(self, database: Database, client: Client) -> None:
        self._database = database
        self._workflows = Workflows(client)

    @activity.defn(name="inbound.sweep")
    async def sweep(self, request: SweepRequest) -> Count:
        """Processes events that were stored but not processed, tenant by tenant, oldest first."""
        processed = 0
        async with heartbeating():
            async with self._database.every_tenant() as session:
                tenants = (await session.exec(select(Tenant.id))).all()
            for tenant_id in tenants:
                for event_id in await self._waiting(tenant_id, request):
                    processed += await self._process(tenant_id, event_id)
        return Count(count=processed)

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
            # One event that cannot be read must not keep those behind it waiting; it is tried ever more rarely.
            async with self._database.tenant(tenant_id) as session:
                await note_problem(session, event_id, f"could not be processed: {type(error).__name__}")
            return False
        await self._workflows.deliver(signals)
        async with self._database.tenant(tenant_id) as session:
            return await mark_processed(session, event_id)
