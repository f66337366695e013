"""Watching a campaign: when it ends, with which status, and what a broken stream does."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from typer.testing import Result

from cli import following
from cli.client import Api, ApiRefused, ApiUnreachable
from cli.following import Speed, follow, read_events
from tests.cli.conftest import StubApi

CAMPAIGN = "6f1d2c1e-8a4b-4c58-9c55-3b8f0f1f7a11"
EVENTS = f"/api/campaigns/{CAMPAIGN}/events"
Relance = Callable[..., Result]


def page(status: str, **counts: int) -> dict[str, Any]:
    """A campaign's page."""
    return {"id": CAMPAIGN, "name": "x", "status": status, "counts": {"total": 4, **counts}, "paused_reason": None}


@pytest.mark.parametrize(("status", "exit_code"), [("completed", 0), ("cancelled", 3)])
def test_watch_ends_with_the_campaign(relance: Relance, stub: StubApi, status: str, exit_code: int) -> None:
    stub.stream(EVENTS, [page("running", pending=4), page("running", pending=1, read=3), page(status, read=4)])
    result = relance("watch", CAMPAIGN, "--json")
    assert result.exit_code == exit_code
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["status"] for line in lines] == ["running", "running", status]
    assert lines[1]["counts"]["read"] == 3


def test_watch_in_words_shows_the_last_page(relance: Relance, stub: StubApi) -> None:
    stub.stream(EVENTS, [page("running", pending=4), page("completed", read=3, failed=1)])
    result = relance("watch", CAMPAIGN)
    assert result.exit_code == 0
    assert "4/4" in result.stdout
    assert "read 3 · failed 1" in result.stdout


def test_a_paused_campaign_is_waited_for(relance: Relance, stub: StubApi) -> None:
    stub.stream(EVENTS, [page("paused", pending=4), page("running", pending=4), page("completed", read=4)])
    assert relance("watch", CAMPAIGN, "--json").exit_code == 0


def test_a_paused_campaign_can_end_the_watch(relance: Relance, stub: StubApi) -> None:
    stub.stream(EVENTS, [page("running", pending=4), page("paused", pending=4)])
    assert relance("watch", CAMPAIGN, "--json", "--leave-when-paused").exit_code == 3


def test_a_stream_that_breaks_is_joined_again(relance: Relance, stub: StubApi) -> None:
    stub.stream(EVENTS, [page("running", pending=4)])
    stub.problem("GET", EVENTS, 503, "The database is away.")
    stub.stream(EVENTS, [page("completed", read=4)])
    result = relance("watch", CAMPAIGN, "--json")
    assert result.exit_code == 0
    assert [json.loads(line)["status"] for line in result.stdout.splitlines()] == ["running", "completed"]
    assert [path for _, path, _ in stub.asked] == [EVENTS] * 3


def test_an_unknown_campaign_ends_the_watch_at_once(relance: Relance, stub: StubApi) -> None:
    result = relance("watch", CAMPAIGN)
    assert result.exit_code == 1
    assert "There is no such thing." in result.stderr
    assert len(stub.asked) == 1


def test_an_api_that_stays_away_ends_the_watch(relance: Relance) -> None:
    result = relance("watch", CAMPAIGN, "--api", "http://127.0.0.1:9", "--patience", "0")
    assert result.exit_code == 1
    assert "does not answer" in result.stderr


class Clock:
    """Time that passes only when somebody sleeps or says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Streams(Api):
    """Event streams made of lines and of seconds that pass in silence; each breaks at its end, the last for ever."""

    def __init__(self, clock: Clock, *streams: list[str | float]) -> None:
        self.joined = 0
        self._clock = clock
        self._streams = streams

    @contextmanager
    def events(self, campaign_id: str) -> Iterator[Iterator[str]]:
        stream = self._streams[min(self.joined, len(self._streams) - 1)]
        self.joined += 1
        yield self._lines(stream)

    def _lines(self, stream: list[str | float]) -> Iterator[str]:
        for part in stream:
            if isinstance(part, str):
                yield from part.splitlines()
            else:
                self._clock.sleep(part)
        raise ApiUnreachable("cut off")


def event(status: str) -> str:
    return f"event: progress\ndata: {json.dumps(page(status))}\n\n"


HEARTBEAT = ": still here\n\n"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(following, "time", clock)
    return clock


@pytest.mark.parametrize("quiet", [[100.0], [HEARTBEAT, 15.0] * 8], ids=["silence", "heartbeats"])
def test_a_blip_after_a_quiet_time_does_not_end_the_watch(clock: Clock, quiet: list[str | float]) -> None:
    api = Streams(clock, [event("running"), *quiet], [event("completed")])
    assert [seen.status for seen in follow(api, CAMPAIGN, patience_seconds=60)] == ["running", "completed"]


def test_a_heartbeat_shows_that_the_api_is_there_again(clock: Clock) -> None:
    api = Streams(clock, [], [HEARTBEAT, 70.0], [event("completed")])
    assert [seen.status for seen in follow(api, CAMPAIGN, patience_seconds=60)] == ["completed"]


def test_patience_ends_so_long_after_the_first_try_that_failed(clock: Clock) -> None:
    api = Streams(clock, [event("running"), 100.0], [])
    with pytest.raises(ApiUnreachable):
        list(follow(api, CAMPAIGN, patience_seconds=60))
    assert clock.now - 1100 == pytest.approx(60, abs=following.LONGEST_PAUSE_SECONDS)
    assert api.joined > 20


def test_follow_stops_for_what_its_check_raises(stub: StubApi) -> None:
    stub.stream(EVENTS, [page("running", pending=4)])

    def check() -> None:
        raise RuntimeError("enough")

    with Api(stub.url, "key") as api, pytest.raises(RuntimeError, match="enough"):
        list(follow(api, CAMPAIGN, patience_seconds=60, check=check))


def test_refusals_and_absence_are_different_errors(stub: StubApi) -> None:
    stub.problem("GET", "/api/campaigns/x", 503, "later")
    with Api(stub.url, "key") as api:
        with pytest.raises(ApiUnreachable, match="later"):
            api.campaign("x")
        with pytest.raises(ApiRefused) as refused:
            api.campaign("y")
    assert refused.value.status == 404


def test_events_are_read_by_name_with_comments_and_several_data_lines() -> None:
    stream = ": ping\n\nevent: other\ndata: no\n\nevent: progress\ndata: {\ndata:}\n\ndata: unnamed\n\n"
    assert list(read_events(stream.splitlines())) == ["{\n}"]


def test_an_event_cut_off_by_the_end_of_the_stream_is_dropped() -> None:
    assert list(read_events(["event: progress", "data: {}"])) == []


def test_speed_is_reckoned_over_the_last_seconds_only() -> None:
    speed = Speed(window_seconds=10)
    assert speed.after(0, 0) == 0
    assert speed.after(10, 100) == pytest.approx(10)
    speed.after(20, 100)
    assert speed.after(30, 100) == 0
