"""r: how long a rehearsal takes, and how near to a real run it comes."""

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from rehearsal.apart import rehearsed
from tests.benchmarks.figures import Figures, at_least, at_most
from tests.benchmarks.stack import Bench, phones, running_bench
from tests.journeys.foretelling import Length, foretold, happened
from tests.journeys.house import Json
from tests.rehearsal.briefs import DAY, brief

CONTACTS = 1000
BOUND_SECONDS = 30.0
LATEST, EARLIEST = 1.05, 0.95

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]


@pytest_asyncio.fixture(scope="module")
async def bench() -> AsyncIterator[Bench]:
    """A stack for these."""
    async with running_bench() as bench:
        yield bench


async def test_a_thousand_contacts_over_a_day(figures: Figures) -> None:
    began = time.monotonic()
    result = await rehearsed(brief(CONTACTS, delay=DAY / CONTACTS))
    took = time.monotonic() - began
    assert (result.status, result.message_1) == ("completed", CONTACTS)
    assert result.message_2 == result.replies > CONTACTS / 5
    assert result.duration_seconds == pytest.approx(2 * DAY, rel=0.01)
    figures.add("r1", f"rehearsal of {CONTACTS:,} contacts over 24 h", took, "s", bound=at_most(BOUND_SECONDS))
    figures.add("r2", "what each of its contacts takes", took / CONTACTS * 1000, "ms")
    assert took <= BOUND_SECONDS


def record(figures: Figures, number: int, case: str, plan: Length, real: Length) -> None:
    """Both lengths beside what was foretold: neither may come later nor sooner by more than a twentieth."""
    for place, (what, told, came) in enumerate(zip(("start to end", "sending"), plan, real, strict=True)):
        one, foretold_as = number + 2 * place, ("foretold", told)
        figures.add(f"r{one}", f"{case}: {what}", came, "s", foretold_as, at_most(LATEST, "ratio"))
        figures.add(f"r{one + 1}", f"{case}: {what}, not sooner", came, "s", foretold_as, at_least(EARLIEST, "ratio"))
    assert all(EARLIEST <= came / told <= LATEST for told, came in zip(plan, real, strict=True)), (plan, real)


@pytest.mark.parametrize(
    ("number", "rate", "contacts", "reply_share", "pacing"),
    [
        pytest.param(3, 1, 60, 0.0, {"delay_seconds": 0, "batch_size": 20}, id="1-a-second"),
        pytest.param(7, 5, 300, 0.0, {"delay_seconds": 0, "batch_size": 50}, id="5-a-second"),
        pytest.param(
            11, 50, 200, 0.3, {"delay_seconds": 0.2, "batch_size": 50, "batch_pause_seconds": 5}, id="delay-and-batches"
        ),
    ],
)
async def test_a_rehearsal_comes_true(
    figures: Figures,
    bench: Bench,
    number: int,
    rate: float,
    contacts: int,
    reply_share: float,
    pacing: Json,
    request: pytest.FixtureRequest,
) -> None:
    house = await bench.house()
    channel = await house.channel(rate=rate)
    campaign = await house.campaign(
        channel, phones=phones(contacts, number * 1000), start=False, pacing=pacing, reply_window_seconds=5
    )
    plan = await foretold(house, campaign, reply_share=reply_share, reply_after_seconds=1)
    await house.behave(reply_share=reply_share, delay={"min_seconds": 0.5, "max_seconds": 1.5})
    await house.command(campaign, "start")
    await house.until_status(campaign, "completed", within=170)
    record(figures, number, f"real run, {request.node.callspec.id}", plan, await happened(house, campaign))


async def test_the_time_that_a_steady_run_is_said_to_have_left(figures: Figures, bench: Bench) -> None:
    house, rate, contacts = await bench.house(), 5, 150
    channel = await house.channel(rate=rate)
    campaign = await house.campaign(
        channel, phones=phones(contacts, 20_000), pacing={"delay_seconds": 0, "batch_size": 50}, reply_window_seconds=1
    )
    said: list[tuple[float, float]] = []
    for share in (1 / 3, 2 / 3):
        await house.until_count(campaign, "out", round(contacts * share), within=60)
        eta = (await house.show(campaign))["eta_seconds"]
        said.append((time.time(), float(eta)))
    await house.until_status(campaign, "completed", within=60)
    last = max(post["at"] for post in await house.received(channel))
    for number, (at, eta) in enumerate(said):
        what = f"a steady run's time left, asked after {number + 1} of 3 thirds"
        figures.add(f"r{15 + 2 * number}", what, last - at, "s", ("told", eta), at_most(LATEST, "ratio"))
        figures.add(
            f"r{16 + 2 * number}", f"{what}, not less", last - at, "s", ("told", eta), at_least(EARLIEST, "ratio")
        )
    assert all(EARLIEST <= (last - at) / eta <= LATEST for at, eta in said), (last, said)
