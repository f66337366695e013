"""Every metric of ours moves, for a real reason and by as much as it should: one that stays at 0 fails (OPS-3)."""

from typing import get_args

from activities.meter import Prevented as PreventedByWorker
from api.meter import Prevented as PreventedByApi
from domain.ids import SEND_TASK_QUEUE, TASK_QUEUE
from tests.operations import troubles
from tests.operations.seen import Seen, Worlds

OURS = "relance_"
CLOCKS = 1.0
"""Seconds by which a clock of the test, of PostgreSQL and of Temporal may be apart."""

MOVED_BY = {
    "relance_build_info": "it is always 1",
    "relance_channel_breaker_state": "a platform that went away, and a probe that is out",
    "relance_channels": "all channels; one was paused, one lost its key, one was blocked",
    "relance_deliveries": "messages that were sent, held, rejected, refused, or lost their answer",
    "relance_doubles_prevented": "everything that was asked for twice",
    "relance_holds": "a platform that went away, channels that stopped, and the operator's hold",
    "relance_http_request_duration_seconds": "the requests of the story",
    "relance_http_requests": "the requests of the story, one of which met a bug",
    "relance_import_rows": "an upload with every kind of row",
    "relance_inbound_oldest_unprocessed_seconds": "a reply and a receipt that were stored long ago",
    "relance_inbound_unprocessed_events": "a reply while Temporal was away, an event nobody can read, a stray receipt",
    "relance_oldest_unknown_delivery_seconds": "an answer that got lost long ago",
    "relance_open_deliveries": "what is held, what lost its answer, and a probe in flight",
    "relance_ready": "database and Temporal, which are there in all this",
    "relance_reply_to_message_2_seconds": "a Message 2 that came late",
    "relance_task_queue_age_seconds": "work that nobody took up",
    "relance_task_queue_backlog": "work that nobody took up",
    "relance_webhooks": "a webhook of each kind",
}
"""A new metric does not pass before it is made to move here."""


async def test_every_metric_of_ours_is_known_and_was_made_to_move(seen: Seen) -> None:
    shown = [family for page in seen.trouble.values() for family in page.families.values()]
    ours = [family for family in shown if family.name.startswith(OURS)]
    assert {family.name for family in ours} == MOVED_BY.keys()
    assert [family.name for family in ours if not any(sample.value > 0 for sample in family.samples)] == []


def breakers(worlds: Worlds, **states: int) -> dict[str, float]:
    """By channel: these states, and closed for the others."""
    return {str(world.channel_id): states.get(name, 0) for name, world in vars(worlds).items()}


async def test_at_rest_nothing_waits_and_everything_is_there(seen: Seen) -> None:
    page, worlds = seen.calm["api"], seen.worlds
    assert set(page.by("relance_ready", "check").values()) == {1}
    assert page.by("relance_channels", "status") == {"active": len(vars(worlds))}
    assert page.by("relance_channel_breaker_state", "channel_id") == breakers(worlds)
    assert page.by("relance_open_deliveries", "status") == {"held": 0, "unknown": 0, "sending": 0}
    for name in ("relance_inbound_unprocessed_events", "relance_inbound_oldest_unprocessed_seconds"):
        assert page.by(name, "state") == {"waiting": 0, "unmatched": 0}
    assert page.by("relance_oldest_unknown_delivery_seconds") == {"": 0}
    for name in ("relance_task_queue_backlog", "relance_task_queue_age_seconds"):
        assert page.by(name, "queue", "kind") == dict.fromkeys(troubles.BACKLOG, 0)


async def test_the_gauges_tell_how_much_waits(seen: Seen) -> None:
    page = seen.trouble["api"]
    assert page.by("relance_open_deliveries", "status") == {"held": seen.held, "unknown": 2, "sending": 1}
    assert page.by("relance_inbound_unprocessed_events", "state") == {"waiting": 2, "unmatched": 1}
    assert page.by("relance_task_queue_backlog", "queue", "kind") == troubles.BACKLOG


async def test_the_gauges_tell_how_the_channels_are(seen: Seen) -> None:
    page, worlds = seen.trouble["api"], seen.worlds
    well = len(vars(worlds)) - 3
    assert page.by("relance_channels", "platform", "status") == {
        "wassenger active": well,
        "wassenger paused": 1,
        "wassenger credentials_expired": 1,
        "wassenger blocked": 1,
    }
    assert page.by("relance_channel_breaker_state", "channel_id") == breakers(worlds, broken=2, probed=1)


async def test_the_gauges_tell_how_long_the_oldest_has_waited(seen: Seen) -> None:
    page = seen.trouble["api"]
    oldest = page.by("relance_inbound_oldest_unprocessed_seconds", "state")
    unknown = page.by("relance_oldest_unknown_delivery_seconds")
    for put_back, age in (
        (troubles.REPLY_WAITED, oldest["waiting"]),
        (troubles.RECEIPT_WAITED, oldest["unmatched"]),
        (troubles.UNKNOWN_FOR, unknown[""]),
    ):
        assert put_back <= age <= put_back + seen.took + CLOCKS
    ages = page.by("relance_task_queue_age_seconds", "queue", "kind")
    assert ages.keys() == troubles.BACKLOG.keys()
    assert all(0 < age <= seen.took + CLOCKS for age in ages.values()), ages


async def test_what_is_not_there_is_told_and_what_it_alone_knows_is_left_out(seen: Seen) -> None:
    workers = {f"worker on {TASK_QUEUE}": 0, f"worker on {SEND_TASK_QUEUE}": 0}
    assert seen.trouble["api"].by("relance_ready", "check") == {"database": 1, "temporal": 1, **workers}
    assert seen.without_database.by("relance_ready", "check") == {"database": 0, "temporal": 1, **workers}
    assert seen.without_temporal.by("relance_ready", "check") == {"database": 1, "temporal": 0, **workers}
    told_by_database, told_by_temporal = "relance_open_deliveries", "relance_task_queue_backlog"
    assert seen.without_database.names() & {told_by_database, told_by_temporal} == {told_by_temporal}
    assert seen.without_temporal.names() & {told_by_database, told_by_temporal} == {told_by_database}


async def test_each_way_of_preventing_a_double_is_counted(seen: Seen) -> None:
    name = "relance_doubles_prevented_total"
    by_api, by_worker = (seen.trouble[process].by(name, "by") for process in ("api", "worker"))
    assert by_api == dict.fromkeys(get_args(PreventedByApi), 1)
    assert by_worker == dict.fromkeys(get_args(PreventedByWorker), 1) | {"repeated_start": troubles.LAUNCHED}


async def test_what_became_of_messages_is_counted(seen: Seen) -> None:
    page = seen.trouble["worker"]
    assert page.by("relance_deliveries_total", "kind", "outcome") == {
        "message_1 sent": 2,
        "message_1 held": seen.held,
        "message_1 failed": 1,
        "message_1 refused": 1,
        "message_1 unknown": 1,
        "message_2 sent": 1,
    }
    held = {"channel_paused": 2, "credentials_expired": 1, "channel_blocked": 1, "installation_held": 1}
    broken = seen.held - sum(held.values())
    assert page.by("relance_holds_total", "kind", "reason") == {
        f"message_1 {reason}": number for reason, number in {"breaker_open": broken, **held}.items()
    }
    assert page.total("relance_reply_to_message_2_seconds_count") == 1
    assert 0 <= page.total("relance_reply_to_message_2_seconds_sum") - troubles.REPLIED_BEFORE <= seen.took + CLOCKS


async def test_what_came_to_the_api_is_counted(seen: Seen) -> None:
    page = seen.trouble["api"]
    results = {"processed": 1, "stored": 2, "repeated": 1, "forged": 1, "malformed": 1}
    assert page.by("relance_webhooks_total", "platform", "result") == {
        f"wassenger {result}": number for result, number in results.items()
    }
    assert page.by("relance_import_rows_total", "result") == {"added": 1, "duplicate": 1, "invalid": 1}
    start = "/api/campaigns/{campaign_id}/start"
    assert page.total("relance_http_requests_total", status="500") == 1
    assert page.total("relance_http_requests_total", status="500", method="POST", route=start) == 1
    assert page.total("relance_http_request_duration_seconds_count", method="POST", route=start) == 1
