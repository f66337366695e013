"""Errors reach Sentry where a DSN is set: with ids to find them by, and with nothing of a person (OPS-3)."""

import subprocess
import sys
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from temporalio.client import WorkflowFailureError
from temporalio.worker import Worker

from domain import ids
from domain.deliveries import DeliveryRequest
from domain.statuses import DeliveryKind
from telemetry import reports
from telemetry.reports import cleaned
from tests.journeys.house import House
from tests.operations.broken import Broken
from tests.operations.fleet import ROOT, Fleet
from tests.operations.sentry import Sentry
from tests.waiting import until


async def test_a_failed_activity_is_reported_with_its_workflow_and_waiting_is_not(
    fleet: Fleet, house: House, sentry: Sentry
) -> None:
    channel = await house.channel(rate=4)
    waiting = await house.campaign(channel, 6)  # most of them wait for the channel's slot: no error of anybody
    await house.until_count(waiting, "out", 6)
    request = DeliveryRequest(
        tenant_id=uuid4(),
        channel_id=uuid4(),
        contact_id=uuid4(),
        kind=DeliveryKind.TEST,
        idempotency_key="+33639981234",
    )
    workflow_id = f"delivery/{uuid4()}"
    handle = await fleet.client.start_workflow("SingleDelivery", request, id=workflow_id, task_queue=ids.TASK_QUEUE)

    async def reported() -> bool:
        return bool(sentry.of(workflow_id=workflow_id))

    await until(reported, "the failure is reported")
    await handle.terminate()
    [event, *_] = sentry.of(workflow_id=workflow_id)
    assert event["tags"] == {
        "process": "worker",
        "workflow_id": workflow_id,
        "workflow_type": "SingleDelivery",
        "activity_type": "deliveries.send",
        "task_queue": ids.SEND_TASK_QUEUE,
        "attempt": event["tags"]["attempt"],
    }
    assert event["exception"]["values"][-1]["type"] == "IntegrityError"
    assert event["release"].startswith("relance@")
    assert event["environment"] == "tests"
    assert {"user", "request", "server_name", "breadcrumbs"} & event.keys() == set()
    assert all("vars" not in frame for value in event["exception"]["values"] for frame in value["stacktrace"]["frames"])
    assert not [body for body in sentry.bodies if "33639981234" in body]
    assert not [found for found in sentry.events if waiting.id in found["tags"].get("workflow_id", "")]


async def test_a_workflow_that_meets_a_bug_is_reported_and_one_that_ends_benignly_is_not(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(reports, "report", lambda error, tags: told.append((type(error).__name__, tags["workflow_id"])))
    queue = f"reports-{uuid4()}"
    worker = Worker(fleet.client, task_queue=queue, workflows=[Broken], interceptors=[reports.ReportingInterceptor()])
    async with worker:
        benign = await fleet.client.start_workflow(Broken.run, False, id=f"{queue}/benign", task_queue=queue)
        with pytest.raises(WorkflowFailureError):
            await benign.result()
        bug = await fleet.client.start_workflow(Broken.run, True, id=f"{queue}/bug", task_queue=queue)

        async def reported() -> bool:
            return bool(told)

        await until(reported, "the bug is reported")
        await bug.terminate()
    assert set(told) == {("ValueError", f"{queue}/bug")}


async def test_a_bug_in_the_api_is_reported_with_its_route_and_without_what_was_asked(
    fleet: Fleet, house: House, sentry: Sentry
) -> None:
    engine = create_async_engine(fleet.stack.addresses.database)
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE suppressions RENAME TO hidden"))
    try:
        answer = await house.api.post("/api/suppressions", json={"phone": "+33639987654", "note": "Jean Dupont"})
    finally:
        async with engine.begin() as connection:
            await connection.execute(text("ALTER TABLE hidden RENAME TO suppressions"))
        await engine.dispose()
    assert answer.status_code == 500

    async def reported() -> bool:
        return bool(sentry.of(process="api"))

    await until(reported, "the bug is reported")
    [event] = sentry.of(process="api")
    assert event["tags"] == {"process": "api", "route": "/api/suppressions", "method": "POST"}
    assert event["exception"]["values"][-1]["type"] == "ProgrammingError"
    everything = "".join(sentry.bodies)
    assert "33639987654" not in everything
    assert "Dupont" not in everything
    assert house.api.headers["Authorization"].removeprefix("Bearer ") not in everything


def test_what_an_event_says_is_masked_and_what_it_is_found_by_stays() -> None:
    workflow_id = f"campaign/{uuid4()}/contact/{uuid4()}"
    event = cleaned(
        {
            "event_id": "12345678901234567890123456789012",
            "exception": {"values": [{"type": "ValueError", "value": "no +33 6 39 98 12 34, jean@example.fr"}]},
            "tags": {"workflow_id": workflow_id},
            "extra": {"phone": "x", "authorization": "Bearer abc"},
            "request": {"url": "http://x/?secret=hush"},
            "user": {"ip_address": "127.0.0.1"},
        },
        {},
    )
    assert event == {
        "event_id": "12345678901234567890123456789012",
        "exception": {"values": [{"type": "ValueError", "value": "no ***, ***"}]},
        "tags": {"workflow_id": workflow_id},
        "extra": {"phone": "***", "authorization": "***"},
    }


@pytest.mark.parametrize("module", ["worker", "api.__main__"])
def test_without_a_dsn_nothing_of_sentry_is_loaded(module: str) -> None:
    program = f"import sys, {module}; sys.exit('sentry_sdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
