"""What the platform's log says of doubles, pace and people; this is what judges rely on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.chance import draw, pick
from simulator.counts import min_gap, most_within
from tests.simulator.stage import DEVICE, Hand


async def test_the_summary_counts_calls_doubles_and_pace(simulator: Hand) -> None:
    await simulator.send(phone="+33600000001", text="a", reference="one")
    await simulator.send(phone="+33600000001", text="b", reference="one")
    await simulator.send(phone="+33600000002", text="a", reference="two")
    await simulator.send(phone="+33600000002", text="a", reference="three")
    await simulator.send(phone="bad", text="a", reference="four")
    counted = await simulator.summary()
    assert (counted["received"], counted["accepted"], counted["rejected"], counted["people"]) == (5, 4, 1, 2)
    [by_reference] = counted["by_reference_doubles"]
    assert (by_reference["reference"], by_reference["count"], len(set(by_reference["ids"]))) == ("one", 2, 2)
    assert counted["by_text_doubles"] == [
        {"device": DEVICE, "phone": "+33600000002", "text": "a", "count": 2, "references": ["two", "three"]}
    ]
    pace = counted["devices"][DEVICE]
    assert (pace["received"], pace["accepted"], pace["max_in_any_second"]) == (5, 4, 4)
    assert 0 < pace["min_gap_seconds"] < 1


async def test_the_log_is_paged_and_filtered(simulator: Hand) -> None:
    for index in range(5):
        await simulator.send(phone=f"+3360000000{index}", reference=f"r{index}")
    first = await simulator.control("GET", "messages?limit=3")
    rest = await simulator.control("GET", f"messages?limit=3&after={first['next_after']}")
    items = first["items"] + rest["items"]
    assert [item["reference"] for item in items] == [f"r{index}" for index in range(5)]
    assert rest["next_after"] is None
    assert [item["at"] for item in items] == sorted(item["at"] for item in items)
    later = await simulator.control("GET", f"messages?since={items[3]['at']!r}")
    assert [item["reference"] for item in later["items"]] == ["r3", "r4"]
    one = await simulator.control("GET", "messages?reference=r2")
    assert [(item["phone"], item["status"], item["accepted"]) for item in one["items"]] == [("+33600000002", 201, True)]
    assert (await simulator.control("GET", f"summary?since={items[3]['at']!r}"))["received"] == 2


async def test_reset_forgets_everything_but_kept_webhooks(simulator: Hand) -> None:
    await simulator.subscribe("http://127.0.0.1:1/hook")
    await simulator.send(reference="r")
    await simulator.fault("reject")
    assert await simulator.control("POST", "reset", {"keep_webhooks": True}) == {"webhooks": 1}
    assert (await simulator.send(reference="r")).status_code == 201
    counted = await simulator.summary()
    assert (counted["received"], counted["by_reference_doubles"]) == (1, [])
    assert await simulator.control("POST", "reset") == {"webhooks": 0}


@pytest.mark.parametrize(
    ("times", "gap", "most"),
    [([], None, 0), ([5.0], None, 1), ([0.0, 1.0, 2.0], 1.0, 1), ([0.0, 0.2, 0.9, 1.0], 0.1, 3)],
)
def test_pace_on_known_times(times: list[float], gap: float | None, most: int) -> None:
    assert min_gap(times) == (None if gap is None else pytest.approx(gap))
    assert most_within(times, 1.0) == most


@given(st.lists(st.floats(0, 100), max_size=40).map(sorted), st.floats(0.1, 10))
def test_no_window_holds_more_than_was_counted(times: list[float], seconds: float) -> None:
    counted = most_within(times, seconds)
    assert all(sum(start <= each < start + seconds for each in times) <= counted for start in times)
    assert counted <= len(times)


@given(st.integers(), st.text(), st.lists(st.floats(0.1, 10), min_size=1, max_size=6))
def test_draws_stay_in_bounds_and_are_repeatable(seed: int, subject: str, weights: list[float]) -> None:
    at = draw(seed, subject)
    assert 0 <= at < 1
    assert at == draw(seed, subject)
    assert 0 <= pick(weights, at) < len(weights)
