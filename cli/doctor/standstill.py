"""Checks that what the database believes to be under way has a workflow that moves it."""

from collections.abc import AsyncIterator

from sqlalchemy import text
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from cli.doctor.findings import Finding, fine, wrong
from cli.doctor.work import tenants
from db.engine import Database
from domain.ids import campaign_workflow_id, enrollment_workflow_id

MOST_LOOKED_AT = 500
"""Campaigns, and contacts: the oldest ones of each tenant, since those have missed a workflow for longest."""

SETTLED_SECONDS = 120
"""A row is written a moment before or after its workflow starts or ends."""

WHY = "nothing will move it: it neither sends nor ends"


async def check_standstill(database: Database, client: Client) -> AsyncIterator[Finding]:
    """Campaigns and contacts that are open in the database and have no running workflow."""
    campaigns, contacts = list[str](), list[str]()
    for tenant in await tenants(database):
        async with database.tenant(tenant) as session:
            for row in await session.execute(_CAMPAIGNS, _limits(campaigns)):
                campaigns.append(campaign_workflow_id(row.id))
            for row in await session.execute(_ENROLLMENTS, _limits(contacts)):
                contacts.append(enrollment_workflow_id(row.campaign_id, row.contact_id))
    yield _finding("campaigns", await _lost(client, campaigns), "running in the database without a workflow")
    yield _finding("contacts", await _lost(client, contacts), "open in a campaign without a workflow")


def _limits(found: list[str]) -> dict[str, int]:
    return {"most": max(0, MOST_LOOKED_AT - len(found)), "settled": SETTLED_SECONDS}


async def _lost(client: Client, workflow_ids: list[str]) -> int:
    return sum([not await _runs(client, workflow_id) for workflow_id in workflow_ids])


def _finding(name: str, count: int, words: str) -> Finding:
    if count == 0:
        return fine(name, "each one under way has its workflow")
    return wrong(name, f"{count} {words}", "see “Stuck campaign” in docs/runbook.md", why=WHY)


async def _runs(client: Client, workflow_id: str) -> bool:
    try:
        found = await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return False
        raise
    return found.status == WorkflowExecutionStatus.RUNNING


_CAMPAIGNS = text("""
    SELECT id FROM campaigns
    WHERE status IN ('running', 'paused', 'scheduled')
      AND coalesce(started_at, created_at) < now() - make_interval(secs => :settled)
    ORDER BY created_at LIMIT :most
""")
_ENROLLMENTS = text("""
    SELECT campaign_id, contact_id FROM enrollments
    WHERE launched_at < now() - make_interval(secs => :settled) AND closed_at IS NULL
    ORDER BY launched_at LIMIT :most
""")
