"""Many contacts who wait for a reply, cheaply: on record as sent, and real workflows brought to their real wait."""

import asyncio
import random
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import text
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowHandle

from domain import ids
from tests.benchmarks.stack import Bench
from tests.journeys.house import Campaign, Channel, House
from tests.waiting import until
from workflows.enrollment import Enrollment
from workflows.handles import search_attributes
from workflows.ports import EnrollmentInput, EnrollmentRef

STARTS_AT_ONCE = 40
WAITING_EVENTS = 11
"""Started, a workflow task, the activity, another workflow task, the timer: an enrollment that waits has as many."""
LOOKED_AT = 50
UNLIMITED = 1000.0
"""The highest rate that a channel can have. The sends that bring contacts to their wait only return the receipt that is
on record, so nothing but the send queue holds them back."""

_CONTACTS = text("""
    INSERT INTO contacts (id, tenant_id, phone)
    SELECT gen_random_uuid(), :tenant, phone FROM unnest(CAST(:phones AS text[])) AS phone
    ON CONFLICT (tenant_id, phone) DO NOTHING
""")
_ENROLLMENTS = text("""
    INSERT INTO enrollments (tenant_id, campaign_id, contact_id, channel_id, variables, status, launched_at,
                             message_1_at, reply_deadline)
    SELECT :tenant, :campaign, id, :channel, '{}', 'sent', now(), now(), now() + make_interval(secs => :window)
    FROM contacts WHERE tenant_id = :tenant AND phone = ANY(:phones)
    RETURNING contact_id
""")
_DELIVERIES = text("""
    INSERT INTO deliveries (id, tenant_id, channel_id, contact_id, campaign_id, kind, idempotency_key, body, status,
                            attempts, counted_attempts, provider_message_id, first_asked_at, scheduled_at, sent_at)
    SELECT gen_random_uuid(), :tenant, :channel, c.id, :campaign, 'message_1', c.key, 'Hello', 'sent', 1, 1,
           replace(CAST(gen_random_uuid() AS text), '-', ''), now(), now(), now()
    FROM unnest(CAST(:contacts AS uuid[]), CAST(:keys AS text[])) AS c (id, key)
""")
_MESSAGES = text("""
    INSERT INTO messages (id, tenant_id, channel_id, contact_id, direction, delivery_id, provider_message_id, body,
                          status, occurred_at)
    SELECT gen_random_uuid(), tenant_id, channel_id, contact_id, 'out', id, provider_message_id, body, 'sent', sent_at
    FROM deliveries WHERE tenant_id = :tenant AND campaign_id = :campaign
""")
_RUNNING = text(
    "UPDATE campaigns SET status = 'running', started_at = now() WHERE tenant_id = :tenant AND id = :campaign"
)


async def waiting_campaign(
    bench: Bench,
    house: House,
    channel: Channel,
    phones: list[str],
    *,
    rate: float = UNLIMITED,
    window_seconds: float = 86_400,
) -> Campaign:
    """A campaign all of whose contacts have Message 1 and wait; its enrollments are real, its Message 1 never went out.

    `rate` is the channel's. There is no Campaign workflow: nothing is left to launch, and who waits needs none.
    """
    campaign = await house.campaign(channel, phones=phones[:1], start=False, reply_window_seconds=window_seconds)
    campaign.phones = phones
    contacts = await _record(house, campaign, phones, window_seconds)
    start = EnrollmentInput(
        enrollment=EnrollmentRef(tenant_id=house.tenant_id, campaign_id=UUID(campaign.id), contact_id=UUID(int=0)),
        channel_id=UUID(channel.id),
        rate_per_second=rate,
        reply_window_seconds=window_seconds,
    )
    gate = asyncio.Semaphore(STARTS_AT_ONCE)
    async with asyncio.TaskGroup() as starts:
        for contact_id in contacts:
            starts.create_task(_start(bench.client, gate, start, contact_id))
    await until_waiting(bench.client, campaign, contacts)
    return campaign


async def _record(house: House, campaign: Campaign, phones: list[str], window_seconds: float) -> list[UUID]:
    """Contacts, enrollments, deliveries and messages as they stand once Message 1 is sent."""
    campaign_id = UUID(campaign.id)
    named = {"tenant": house.tenant_id, "campaign": campaign_id, "channel": UUID(campaign.channel.id)}
    contacts: list[UUID] = []
    async with house.database.tenant(house.tenant_id) as session:
        await session.execute(text("DELETE FROM enrollments WHERE campaign_id = :campaign"), named)
        for begin in range(0, len(phones), 5_000):
            part = phones[begin : begin + 5_000]
            await session.execute(_CONTACTS, {**named, "phones": part})
            rows = await session.execute(_ENROLLMENTS, {**named, "phones": part, "window": window_seconds})
            found = list(rows.scalars())
            keys = [ids.message_1_key(campaign_id, contact_id) for contact_id in found]
            await session.execute(_DELIVERIES, {**named, "contacts": found, "keys": keys})
            contacts += found
        await session.execute(_MESSAGES, named)
        await session.execute(_RUNNING, named)
    assert len(contacts) == len(phones)
    return contacts


async def _start(client: Client, gate: asyncio.Semaphore, model: EnrollmentInput, contact_id: UUID) -> None:
    enrollment = model.enrollment.model_copy(update={"contact_id": contact_id})
    async with gate:
        await client.start_workflow(
            Enrollment.run,
            model.model_copy(update={"enrollment": enrollment}),
            id=ids.enrollment_workflow_id(enrollment.campaign_id, contact_id),
            task_queue=ids.TASK_QUEUE,
            search_attributes=search_attributes(enrollment.tenant_id, model.channel_id, enrollment.campaign_id),
            memo={"generation": 0},
            static_summary="Message 1 → reply → Message 2",
        )


async def backlog(client: Client) -> int:
    """Tasks that wait in the queues for a worker."""
    waiting = 0
    queues = (
        (ids.TASK_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
        (ids.SEND_TASK_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
    )
    for name, kind in queues:
        request = DescribeTaskQueueRequest(
            namespace=client.namespace, task_queue=TaskQueue(name=name), task_queue_type=kind, report_stats=True
        )
        answer = await client.workflow_service.describe_task_queue(request)
        waiting += answer.stats.approximate_backlog_count
    return waiting


async def until_waiting(client: Client, campaign: Campaign, contacts: list[UUID], within: float = 900) -> None:
    """Waits until the queues are empty and every contact that is looked at has come to its timer."""

    async def drained() -> bool:
        return await backlog(client) == 0

    await until(drained, "the queues are empty", within)
    looked_at = {*random.sample(contacts, min(LOOKED_AT, len(contacts))), contacts[-1]}
    for contact_id in looked_at:
        handle = client.get_workflow_handle(ids.enrollment_workflow_id(UUID(campaign.id), contact_id))
        await until(partial(_waits, handle), f"{contact_id} waits for a reply")


async def _waits(handle: WorkflowHandle[Any, Any]) -> bool:
    return (await handle.describe()).history_length >= WAITING_EVENTS
