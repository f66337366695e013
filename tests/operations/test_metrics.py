"""What the processes show of themselves is what happened (OPS-3)."""

import asyncio
import sys

import httpx

from tests.journeys.house import House, new_phones
from tests.operations.fleet import ROOT, Fleet
from tests.waiting import until

COUNTED: dict[str, tuple[str, dict[str, str]]] = {
    "message 1 sent": ("relance_deliveries_total", {"kind": "message_1", "outcome": "sent"}),
    "message 1 failed": ("relance_deliveries_total", {"kind": "message_1", "outcome": "failed"}),
    "message 1 held": ("relance_deliveries_total", {"kind": "message_1", "outcome": "held"}),
    "held by the channel": ("relance_holds_total", {"kind": "message_1", "reason": "channel_paused"}),
    "message 2 sent": ("relance_deliveries_total", {"kind": "message_2", "outcome": "sent"}),
    "replies measured": ("relance_reply_to_message_2_seconds_count", {}),
    "reply seconds": ("relance_reply_to_message_2_seconds_sum", {}),
    "webhooks processed": ("relance_webhooks_total", {"platform": "wassenger", "result": "processed"}),
    "webhooks repeated": ("relance_webhooks_total", {"platform": "wassenger", "result": "repeated"}),
    "webhooks forged": ("relance_webhooks_total", {"platform": "wassenger", "result": "forged"}),
    "webhooks malformed": ("relance_webhooks_total", {"platform": "wassenger", "result": "malformed"}),
    "doubles by webhook": ("relance_doubles_prevented_total", {"by": "repeated_webhook"}),
    "doubles by request": ("relance_doubles_prevented_total", {"by": "repeated_request"}),
    "doubles by look-up": ("relance_doubles_prevented_total", {"by": "look_up"}),
    "rows added": ("relance_import_rows_total", {"result": "added"}),
    "rows doubled": ("relance_import_rows_total", {"result": "duplicate"}),
    "rows invalid": ("relance_import_rows_total", {"result": "invalid"}),
    "webhook calls": ("relance_http_requests_total", {"route": "/webhooks/{platform}/{channel_id}", "status": "200"}),
    "webhook seconds": (
        "relance_http_request_duration_seconds_count",
        {"route": "/webhooks/{platform}/{channel_id}", "method": "POST"},
    ),
}


async def figures(fleet: Fleet) -> dict[str, float]:
    """Everything counted, over all processes."""
    pages = await fleet.pages()
    return {what: sum(page.total(name, **labels) for page in pages) for what, (name, labels) in COUNTED.items()}


async def test_the_pages_count_what_happened(fleet: Fleet, house: House) -> None:
    before = await figures(fleet)
    channel = await house.channel()
    phones = new_phones(6)
    lost, rejected = phones[0], phones[1]
    await house.fault(
        {"kind": "accept_then_drop", "match": {"phone": lost, "next_n": 1}},
        {"kind": "reject", "status": 400, "error_code": "number:invalid", "match": {"phone": rejected}},
    )
    campaign = await house.campaign(channel, phones=phones, start=False)
    rows = [{"phone": phones[0]}, {"phone": "no number"}, {"phone": "nor this"}]
    answer = await house.api.post(f"/api/campaigns/{campaign.id}/contacts", json={"contacts": rows})
    assert answer.status_code == 200, answer.text
    await house.call("POST", f"/api/channels/{channel.id}/pause", expect=200)
    await house.command(campaign, "start")

    async def held() -> bool:
        seen = await figures(fleet)
        return seen["message 1 held"] - before["message 1 held"] == len(phones)

    await until(held, "every Message 1 is held by the paused channel")
    await house.call("POST", f"/api/channels/{channel.id}/resume", expect=200)
    await house.until_count(campaign, "out", 5)
    await house.until_count(campaign, "failed", 1)
    await house.write(channel, phones[2], "Yes")
    await house.write(channel, phones[3], "Yes", id="told-before")
    await house.until_count(campaign, "message_2_sent", 2)
    for _ in range(2):
        await house.write(channel, phones[3], "Yes", id="told-before")
    async with httpx.AsyncClient(trust_env=False) as stranger:
        forged = await stranger.post(channel.webhook_url.split("?")[0] + "?secret=guessed", json={"event": "x"})
        malformed = await stranger.post(channel.webhook_url, content=b"[]")
    assert (forged.status_code, malformed.status_code) == (401, 400)
    [stopped] = new_phones(1)
    for _ in range(2):
        once = {"Idempotency-Key": stopped}
        answer = await house.api.post("/api/suppressions", json={"phone": stopped}, headers=once)
        assert answer.status_code == 201, answer.text

    async def all_told() -> bool:
        seen = await figures(fleet)
        return seen["webhook calls"] - before["webhook calls"] >= 4

    await until(all_told, "the platform has told everything")
    seen = await figures(fleet)
    change = {name: seen[name] - before[name] for name in COUNTED}
    seconds = change.pop("reply seconds")
    assert change == {
        "message 1 sent": 5,
        "message 1 failed": 1,
        "message 1 held": 6,
        "held by the channel": 6,
        "message 2 sent": 2,
        "replies measured": 2,
        "webhooks processed": 2,
        "webhooks repeated": 2,
        "webhooks forged": 1,
        "webhooks malformed": 1,
        "doubles by webhook": 2,
        "doubles by request": 1,
        "doubles by look-up": 1,
        "rows added": 6,
        "rows doubled": 1,
        "rows invalid": 2,
        "webhook calls": 4,
        "webhook seconds": 6,
    }
    sent = {post["phone"]: post["at"] for post in await house.received(channel)}
    assert 0 < seconds < 60
    assert set(sent) == set(phones) - {rejected}


async def test_what_waits_is_shown_once_however_many_tenants_there_are(fleet: Fleet, house: House) -> None:
    channel = await house.channel()
    other = await fleet.house()
    await other.channel()
    campaign = await house.campaign(channel, 3, start=False)
    await house.call("POST", f"/api/channels/{channel.id}/pause", expect=200)
    await house.command(campaign, "start")
    await house.fault({"kind": "error", "status": 503})

    async def held() -> bool:
        page = await fleet.apis[0].page()
        return page.total("relance_open_deliveries", status="held") == 3

    await until(held, "three deliveries are held")
    page = await fleet.apis[0].page()
    rows = await house.rows("SELECT count(*) AS number FROM channels WHERE tenant_id = :tenant AND status = 'paused'")
    assert page.total("relance_channels", status="paused") == rows[0].number == 1
    assert page.total("relance_channels", status="active") >= 1
    assert page.total("relance_inbound_unprocessed_events") == 0
    assert page.total("relance_channel_breaker_state", channel_id=channel.id) == 0
    assert page.labels("relance_channel_breaker_state") == {"channel_id", "platform"}
    assert page.total("relance_ready") == 4
    await house.command(campaign, "cancel")
    await other.api.aclose()
    await other.simulator.aclose()


async def test_each_page_holds_the_sdks_figures_and_the_process_own(fleet: Fleet, house: House) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel, 2)
    await house.until_count(campaign, "out", 2)

    for program in (fleet.workers[0], fleet.apis[0]):
        page = await program.page()
        assert page.total("temporal_request_total") > 0
        assert page.total("process_cpu_seconds_total") > 0
        assert page.total("relance_build_info", process=program.module) == 1
    pages = [await worker.page() for worker in fleet.workers]
    sends = {"activity_type": "deliveries.send", "task_queue": "relance-send"}
    assert sum(page.total("temporal_activity_execution_latency_seconds_count", **sends) for page in pages) >= 2
    assert all(page.total("temporal_worker_task_slots_available", worker_type="ActivityWorker") > 0 for page in pages)


async def test_a_workers_port_that_is_taken_is_said(fleet: Fleet) -> None:
    taken = fleet.workers[0].port
    program = fleet.program("worker", RELANCE_WORKER_METRICS_PORT=str(taken))
    with program.log_file.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "worker", cwd=ROOT, env=program.environment, stderr=log
        )
    assert await asyncio.wait_for(process.wait(), 60) == 2
    assert f"RELANCE_WORKER_METRICS_PORT: the worker cannot listen on 127.0.0.1:{taken}" in program.log


async def test_a_worker_says_at_its_port_that_it_lives_and_works(fleet: Fleet) -> None:
    worker = fleet.workers[0]
    alive, ready = await worker.get("/healthz"), await worker.get("/readyz")
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "missing": []})
