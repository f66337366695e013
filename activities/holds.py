"""Held deliveries: letting them go on."""

from uuid import UUID

from temporalio import activity
from temporalio.client import Client

from activities.heartbeats import heartbeating
from db.engine import Database
from db.holds import held_signals
from domain import ids
from workflows.handles import Workflows
from workflows.ports import Count, Holds, ReleaseRequest


class HeldDeliveries(Holds):
    """Finds held deliveries in the database and signals their workflows."""

    def __init__(self, database: Database, client: Client) -> None:
        self._database = database
        self._workflows = Workflows(client)

    @activity.defn(name="holds.release")
    async def release(self, request: ReleaseRequest) -> Count:
        """Signals `release` to the workflows of held deliveries; one that was released already asks again in vain."""
        after: UUID | None = None
        released = 0
        async with heartbeating():
            while True:
                size = ids.RELEASE_BATCH if request.limit is None else min(ids.RELEASE_BATCH, request.limit - released)
                async with self._database.tenant(request.tenant_id) as session:
                    signals, after = await held_signals(
                        session,
                        request.tenant_id,
                        campaign_id=request.campaign_id,
                        channel_id=request.channel_id,
                        after=after,
                        limit=size,
                        held_only=request.limit is not None,
                    )
                await self._workflows.deliver(signals)
                released += len(signals)
                if after is None or released == request.limit:
                    return Count(count=released)
