"""Each alert is silent where all is well and speaks where it is not, with the threshold that it has (OPS-3).

For how long a rule has to hold (`for`) is not tried: here it is asked whether it holds.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from activities.deliveries import ASK_AGAIN_SECONDS
from activities.meter import Meter
from api.webhooks.processing import PROCESS_WITHIN
from domain.deliveries import DeliveryRequest, Receipt, ReceiptOutcome
from domain.ids import SEND_TASK_QUEUE, TASK_QUEUE
from domain.statuses import DeliveryKind
from settings import Settings
from tests.operations.fleet import Page
from tests.operations.installation import Pages
from tests.operations.promql import Labels, Scrape, evaluate
from tests.operations.queries import rules
from tests.operations.seen import Seen
from worker import GRACE

RULES: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in rules()}
LABEL_SAID = re.compile(r"\$labels\.(\w+)")
MINUTE = 60.0

Fired = dict[str, set[Labels]]


def labels(**pairs: str) -> Labels:
    return frozenset(pairs.items())


def scrapes(*moments: tuple[float, Pages]) -> list[Scrape]:
    """The pages as Prometheus has scraped them by then."""
    return [Scrape(at, process, page.samples) for at, pages in moments for process, page in pages.items()]


def fired(history: list[Scrape], at: float) -> Fired:
    """The alerts that speak, each with what it speaks of; its words must be able to name that."""
    found: Fired = {}
    for alert, rule in RULES.items():
        if given := evaluate(rule["expr"], history, at):
            found[alert] = set(given)
            said = set(LABEL_SAID.findall(" ".join(rule["annotations"].values())))
            assert all(said <= dict(one).keys() for one in given), f"{alert} names labels that it does not have"
    return found


UNLABELLED = {labels()}
NO_WORKER = {labels(check=f"worker on {queue}") for queue in (TASK_QUEUE, SEND_TASK_QUEUE)}
STOPPED = {labels(platform="wassenger", status=status) for status in ("credentials_expired", "blocked")}

AT_ONCE: Fired = {
    "RelanceNoWorker": NO_WORKER,
    "RelanceEventsUnprocessed": UNLABELLED,
    "RelanceChannelStopped": STOPPED,
    "RelanceDeliveriesUnknown": UNLABELLED,
    "RelanceMessage2Slow": UNLABELLED,
    "RelanceApiErrors": {labels(route="/api/campaigns/{campaign_id}/start")},
}
"""In the trouble that tests/operations/troubles.py makes, from its first scrape on."""

PASSING = {"RelanceMessage2Slow", "RelanceApiErrors"}
"""Of what happened, and does not go on: ten minutes later it is over."""

LASTING = {"RelanceBreakerOpen"}
"""Of what is an alert only once it has gone on for ten minutes."""

AWAY = {"RelanceApiAway", "RelanceDatabaseAway", "RelanceTemporalAway"}


@dataclass(frozen=True)
class ByHand:
    """A rule that is tried on figures that no page has shown, and why: silent on the first, then speaking."""

    why: str
    fine: str
    bad: str
    speaks_of: Labels


BY_HAND = {
    "RelanceQueueOld": ByHand(
        "work would have to wait for half a minute",
        # On the other queue bulk waits for its channel's rate.
        'relance_task_queue_age_seconds{queue="relance",kind="workflow"} 29\n'
        'relance_task_queue_age_seconds{queue="relance-send",kind="activity"} 9000\n',
        'relance_task_queue_age_seconds{queue="relance",kind="workflow"} 31\n',
        labels(kind="workflow"),
    ),
    "RelanceNonDeterminism": ByHand(
        "it takes a worker whose code is not the one that began its workflows",
        'temporal_workflow_task_execution_failed_total{failure_reason="NonDeterminismError"} 4\n',
        'temporal_workflow_task_execution_failed_total{failure_reason="NonDeterminismError"} 5\n',
        labels(instance="by hand"),
    ),
    "RelanceWorkflowTaskFailures": ByHand(
        "the SDK counts it in its core, which has no page in this process",
        'temporal_workflow_task_execution_failed_total{failure_reason="WorkflowError"} 4\n',
        'temporal_workflow_task_execution_failed_total{failure_reason="WorkflowError"} 5\n',
        labels(failure_reason="WorkflowError"),
    ),
    "RelanceSlotsUsedUp": ByHand(
        "a hundred calls at once would have to hang",
        'temporal_worker_task_slots_available{task_queue="relance-send",worker_type="ActivityWorker"} 1\n',
        'temporal_worker_task_slots_available{task_queue="relance-send",worker_type="ActivityWorker"} 0\n',
        labels(instance="by hand", task_queue="relance-send", worker_type="ActivityWorker"),
    ),
}


def test_every_alert_is_tried_once_on_real_pages_or_is_said_not_to_be() -> None:
    on_pages = AT_ONCE.keys() | LASTING | AWAY
    assert BY_HAND.keys() == {
        "RelanceQueueOld",
        "RelanceNonDeterminism",
        "RelanceWorkflowTaskFailures",
        "RelanceSlotsUsedUp",
    }
    assert on_pages | BY_HAND.keys() == RULES.keys()
    assert on_pages & BY_HAND.keys() == set()


async def test_where_all_is_well_no_alert_speaks(seen: Seen) -> None:
    assert fired(scrapes((0, seen.calm)), 0) == {}
    assert fired(scrapes((0, seen.calm), (MINUTE, seen.calm)), MINUTE) == {}


async def test_what_has_gone_wrong_is_told_at_once(seen: Seen) -> None:
    assert fired(scrapes((0, seen.calm), (MINUTE, seen.trouble)), MINUTE) == AT_ONCE


async def test_what_goes_on_is_told_after_ten_minutes_and_what_is_over_no_more(seen: Seen) -> None:
    moments = [(0.0, seen.calm), *((minute * MINUTE, seen.trouble) for minute in range(1, 13))]
    worlds = seen.worlds
    platforms = {
        labels(channel_id=str(world.channel_id), platform="wassenger") for world in (worlds.broken, worlds.probed)
    }
    going_on = {alert: found for alert, found in AT_ONCE.items() if alert not in PASSING}
    assert "RelanceBreakerOpen" not in fired(scrapes(*moments[:10]), 9 * MINUTE), "it was closed ten minutes ago"
    assert fired(scrapes(*moments), 12 * MINUTE) == going_on | {"RelanceBreakerOpen": platforms}


def test_the_second_error_of_a_route_is_told_as_the_first_one_is() -> None:
    once, twice = (
        {"api": Page(f'relance_http_requests_total{{route="/x",status="500"}} {number}\n')} for number in (1, 2)
    )
    long_ago = [(minute * MINUTE, once) for minute in range(11)]
    assert "RelanceApiErrors" not in fired(scrapes(*long_ago), 10 * MINUTE)
    again = fired(scrapes(*long_ago, (11 * MINUTE, twice)), 11 * MINUTE)
    assert again["RelanceApiErrors"] == {labels(route="/x")}


async def test_what_is_away_is_told(seen: Seen) -> None:
    assert fired([], 0) == {"RelanceApiAway": {labels(process="api")}}
    for page, alert in (
        (seen.without_database, "RelanceDatabaseAway"),
        (seen.without_temporal, "RelanceTemporalAway"),
    ):
        found = fired(scrapes((0, {"api": page})), 0)
        assert found.keys() & AWAY == {alert}
        assert (found[alert], found["RelanceNoWorker"]) == (UNLABELLED, NO_WORKER)


@pytest.mark.parametrize("alert", BY_HAND)
async def test_what_is_tried_by_hand_is_silent_and_speaks(seen: Seen, alert: str) -> None:
    case = BY_HAND[alert]
    fine, bad = ({**seen.calm, "by hand": Page(text)} for text in (case.fine, case.bad))
    assert fired(scrapes((0, fine), (MINUTE, fine)), MINUTE) == {}
    assert fired(scrapes((0, fine), (MINUTE, bad)), MINUTE) == {alert: {case.speaks_of}}


async def test_ages_that_a_healthy_installation_may_show_are_not_told_and_longer_ones_are(seen: Seen) -> None:
    given = Settings()
    sweeps = given.sweep_interval_seconds
    swept = given.unprocessed_after_seconds + PROCESS_WITHIN.total_seconds()
    settled = given.claim_lease.total_seconds() + given.settle_grace_seconds + ASK_AGAIN_SECONDS[-1]
    ages = {
        # One that was left to the sweep just after a sweep; four sweeps that did not take it up.
        "RelanceEventsUnprocessed": (
            'relance_inbound_oldest_unprocessed_seconds{state="waiting"}', swept + sweeps, swept + 4 * sweeps,
        ),
        # A lost answer of a platform that can be asked; one that nobody has looked after for twice as long as is said.
        "RelanceDeliveriesUnknown": ("relance_oldest_unknown_delivery_seconds", settled, 1200),
        # A worker that is stopped may take so long to make room for the next; one that does not come.
        "RelanceQueueOld": (
            'relance_task_queue_age_seconds{queue="relance",kind="activity"}', GRACE.total_seconds(), 60,
        ),
    }  # fmt: skip
    for alert, (series, fine, bad) in ages.items():
        usual, late = ({**seen.calm, "other": Page(f"{series} {age}\n")} for age in (fine, bad))
        assert fired(scrapes((0, usual)), 0) == {}, alert
        assert fired(scrapes((0, late)), 0).keys() == {alert}


async def test_receipts_of_messages_that_nobody_knows_are_no_alert(seen: Seen) -> None:
    stray = Page('relance_inbound_oldest_unprocessed_seconds{state="unmatched"} 3599\n')
    assert fired(scrapes((0, {**seen.calm, "other": stray})), 0) == {}


def answered(quick: int, slow: int) -> Page:
    """What a worker shows that sent so many Messages 2 a moment after their reply, and so many after half a minute."""
    registry = CollectorRegistry()
    meter, now = Meter(registry), datetime.now(UTC)
    receipt = Receipt(delivery_id=uuid4(), outcome=ReceiptOutcome.SENT, sent_at=now)
    for seconds in [0.2] * quick + [30] * slow:
        request = DeliveryRequest(
            tenant_id=uuid4(),
            channel_id=uuid4(),
            contact_id=uuid4(),
            kind=DeliveryKind.MESSAGE_2,
            idempotency_key="any",
            replied_at=now - timedelta(seconds=seconds),
        )
        meter.count(receipt, request)
    return Page(generate_latest(registry).decode())


@pytest.mark.parametrize(("slow", "told"), [(1, set[str]()), (3, {"RelanceMessage2Slow"})])
async def test_one_late_answer_in_two_hundred_is_not_told_and_three_are(seen: Seen, slow: int, told: set[str]) -> None:
    before, after = ({**seen.calm, "worker": page} for page in (answered(0, 0), answered(200 - slow, slow)))
    assert fired(scrapes((0, before), (MINUTE, after)), MINUTE).keys() == told
