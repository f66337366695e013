"""Answers kept for an `Idempotency-Key` go when their day is over; the sweep of inbound events takes them along."""

from datetime import timedelta
from unittest.mock import Mock
from uuid import UUID

import pytest
from sqlmodel import col, select
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities import inbound
from activities.inbound import InboundEvents
from db.answers import KEPT
from db.engine import Database
from db.tables import IdempotentAnswer, Tenant
from db.tables.columns import utc_now
from workflows.ports import SweepRequest


async def keep_answers(database: Database, *ages: timedelta) -> UUID:
    """A tenant with answers of these ages; every key says how many hours old it is."""
    tenant = Tenant(name="A")
    async with database.tenant(tenant.id) as session:
        session.add(tenant)
        await session.flush()
        for age in ages:
            key = f"{age.total_seconds() / 3600:g}"
            at = utc_now() - age
            session.add(
                IdempotentAnswer(tenant_id=tenant.id, key=key, request_hash="h", status=200, body={}, created_at=at)
            )
    return tenant.id


async def keys(database: Database, tenant_id: UUID) -> list[str]:
    """What is left."""
    async with database.tenant(tenant_id) as session:
        return list(await session.exec(select(IdempotentAnswer.key).order_by(col(IdempotentAnswer.key))))


async def test_a_sweep_clears_away_every_answer_whose_time_is_over_and_no_other(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbound, "FORGOTTEN_AT_ONCE", 2)
    hour = timedelta(hours=1)
    old = [KEPT + hour * hours for hours in range(1, 6)]
    one = await keep_answers(database, hour, KEPT - hour, *old)
    other = await keep_answers(database, *old)
    sweeps = InboundEvents(database, Mock(spec=Client))

    await ActivityEnvironment().run(sweeps.sweep, SweepRequest())

    assert await keys(database, one) == ["1", "23"]
    assert await keys(database, other) == []


async def test_it_looks_for_them_once_an_hour(database: Database) -> None:
    sweeps = InboundEvents(database, Mock(spec=Client))
    await ActivityEnvironment().run(sweeps.sweep, SweepRequest())
    late = await keep_answers(database, KEPT * 2)

    await ActivityEnvironment().run(sweeps.sweep, SweepRequest())

    assert await keys(database, late) == ["48"]
