"""What a viewer of a live page is sent: pieces that say something new, and between them signs of life."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from starlette.requests import Request

from api.routes.campaign_shapes import CampaignProgress
from api.streams import HEARTBEAT, Hub
from api.ui import live
from api.ui.routes.campaign import Standing
from api.ui.visits import Visit
from db.reading.overview import Doings
from db.tables import User
from tests.api.campaign_rows import change_row
from tests.api.people import Company
from tests.api.server import serving
from tests.ui.served import House, watching
from tests.ui.test_campaigns import enroll_in
from tests.waiting import until

READS = 6
NOTHING = Doings("Main number", 0, (), ())
VISIT = Visit(Request({"type": "http", "headers": []}), "en", "")


@dataclass(frozen=True, slots=True)
class Number:
    """A state that is another one at each read, and in which people see the tens alone."""

    value: int
    last: bool = False

    @property
    def seen(self) -> object:
        """News at each read."""
        return self.value


def pieces_of(upto: int) -> AsyncIterator[bytes]:
    """What a viewer is sent of the numbers up to this one."""
    numbers = count()

    async def read(_key: str) -> Number:
        number = next(numbers)
        return Number(number, last=number == upto)

    hub = Hub[str, Number](read, poll_seconds=0.001)
    return live._stream(VISIT, hub, "key", "tens", lambda _visit, state: f"{state.value // 10}\n")


async def test_a_piece_that_says_the_same_is_not_sent_again() -> None:
    async with asyncio.timeout(5):
        sent = [piece async for piece in pieces_of(25)]
    assert sent == [live.RETRY, *(f"event: tens\ndata: {tens}\n\n".encode() for tens in range(3))]


async def test_a_connection_on_which_nothing_new_is_said_shows_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.0)
    async with asyncio.timeout(5):
        sent = [piece async for piece in pieces_of(4)]
    assert sent[1:] == [b"event: tens\ndata: 0\n\n", *[HEARTBEAT] * 4]


async def test_a_stream_on_which_nothing_new_is_said_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LONGEST_STREAM_SECONDS", 0.05)
    async with asyncio.timeout(5):
        sent = [piece async for piece in pieces_of(10**9)]
    assert sent[1] == b"event: tens\ndata: 0\n\n"


@pytest.mark.parametrize("place", ["/campaigns/live", "/campaigns/{}/live"])
async def test_a_page_is_not_written_anew_at_each_look_while_a_window_is_closed(
    house: House, company: Company, owner: User, place: str
) -> None:
    opens = datetime.now(ZoneInfo("Europe/Paris")) + timedelta(hours=6)
    hours = {"start": f"{opens:%H:%M}", "end": f"{opens + timedelta(hours=1):%H:%M}", "zone": "tenant"}
    campaign_id = (await company.campaign(send_window=hours))["id"]
    await change_row(company, campaign_id, status="running")
    await enroll_in(company, campaign_id)
    with serving(house.make_app) as address:
        async with watching(address, place.format(campaign_id), [owner]) as [lines]:
            told: list[str] = []
            listening = asyncio.create_task(_hear(lines, told))
            first = len(house.reads)

            async def enough() -> bool:
                return len(house.reads) >= first + READS

            await until(enough, "the poller reads again and again")
            listening.cancel()
            await asyncio.wait([listening])
    assert told.count("event: rows") + told.count("event: standing") <= 1  # a minute may have ended meanwhile


async def test_the_end_that_is_expected_is_news_in_each_minute_in_which_nothing_goes_out(company: Company) -> None:
    made = (await company.http.get(f"/api/campaigns/{(await company.campaign())['id']}")).json()
    going = CampaignProgress.model_validate(made | {"status": "running", "eta_seconds": 90.0})
    at = datetime(2027, 3, 3, 8, 0, 10, tzinfo=UTC)
    seen = [Standing(going, NOTHING, taken_at=at + timedelta(seconds=later)).seen for later in (0, 19, 20)]
    assert seen[0] == seen[1] != seen[2]


async def _hear(lines: AsyncIterator[str], told: list[str]) -> None:
    async for line in lines:
        told.append(line)
