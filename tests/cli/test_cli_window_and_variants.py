"""The send window and the A/B test on the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import Result

from cli.campaign_options import days
from tests.cli.conftest import StubApi

CAMPAIGN = "6f1d2c1e-8a4b-4c58-9c55-3b8f0f1f7a11"
MADE = {"id": CAMPAIGN, "name": "Autumn", "status": "draft"}
BASE = ["campaign", "create", "Autumn", "--channel", "c", "--message-2", "Thanks"]
Relance = Callable[..., Result]


def sent(stub: StubApi) -> dict[str, object]:
    """The body of the only request."""
    [(_, _, body)] = stub.asked
    said: dict[str, object] = json.loads(body)
    return said


@pytest.mark.parametrize(
    ("options", "window"),
    [
        (["--window", "09:00-18:00"], {"start": "09:00", "end": "18:00"}),
        (
            ["--window", "22:00-06:00", "--days", "mon-fri", "--zone", "Europe/Paris", "--window-for-message-2"],
            {"start": "22:00", "end": "06:00", "days": [0, 1, 2, 3, 4], "zone": "Europe/Paris", "message_2": True},
        ),
    ],
)
def test_a_window_is_said_in_words(
    relance: Relance, stub: StubApi, options: list[str], window: dict[str, object]
) -> None:
    stub.on("POST", "/api/campaigns", MADE, 201)
    assert relance(*BASE, "--message-1", "Hello", *options).exit_code == 0
    assert sent(stub)["send_window"] == window


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("mon-fri", [0, 1, 2, 3, 4]), ("sat,sun", [5, 6]), ("fri-mon", [0, 4, 5, 6]), ("Wednesday", [2])],
)
def test_days_have_names(text: str, numbers: list[int]) -> None:
    assert days(text) == numbers


@pytest.mark.parametrize("text", ["", "someday", "mon-", "mon-x", "0-4"])
def test_a_day_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        days(text)


def test_variants_take_the_place_of_message_1(relance: Relance, stub: StubApi, tmp_path: Path) -> None:
    stub.on("POST", "/api/campaigns", MADE, 201)
    formal = tmp_path / "formal.txt"
    formal.write_text("Good morning: may we?\n", encoding="utf-8")
    result = relance(*BASE, "--variant", "Short:50:Hi: you", "--variant", f"Formal:50:@{formal}")
    assert result.exit_code == 0
    assert "message_1" not in sent(stub)
    assert sent(stub)["variants"] == [
        {"name": "Short", "weight": 50, "text": "Hi: you"},
        {"name": "Formal", "weight": 50, "text": "Good morning: may we?"},
    ]


@pytest.mark.parametrize(
    "options",
    [
        ["--variant", "Short"],
        ["--variant", "Short:much:Hi"],
        ["--variant", "Short:1:@/no/such/file"],
        ["--window", "9-18"],
        ["--days", "mon-fri"],
        ["--window", "09:00-18:00", "--days", "someday"],
    ],
)
def test_what_cannot_be_read_is_not_sent(relance: Relance, stub: StubApi, options: list[str]) -> None:
    assert relance(*BASE, "--message-1", "Hello", *options).exit_code == 2
    assert stub.asked == []


def test_the_comparison_is_a_table_with_its_verdict(relance: Relance, stub: StubApi) -> None:
    counts = {"weight": 50, "contacts": 200, "sent": 200, "replied": 60}
    items = [
        {**counts, "name": "Short", "reply_rate": 0.3, "reply_rate_low": 0.24, "reply_rate_high": 0.367},
        {**counts, "name": "Formal", "replied": 0, "sent": 0, "reply_rate": None},
    ]
    told = {"items": items, "verdict": "winner", "winner": "Short"}
    stub.on("GET", f"/api/campaigns/{CAMPAIGN}/variants", told)
    words = relance("campaign", "variants", CAMPAIGN).stdout
    assert "30.0% (24.0% to 36.7%)" in words
    assert "Short won" in words
    assert json.loads(relance("campaign", "variants", CAMPAIGN, "--json").stdout)["winner"] == "Short"


def test_a_campaign_without_variants_says_so(relance: Relance, stub: StubApi) -> None:
    stub.on("GET", f"/api/campaigns/{CAMPAIGN}/variants", {"items": [], "verdict": None, "winner": None})
    assert "no variants" in relance("campaign", "variants", CAMPAIGN).stdout


def test_a_test_send_names_its_variant(relance: Relance, stub: StubApi) -> None:
    answer = {"delivery_id": CAMPAIGN, "status": "queued", "text": "Hi"}
    stub.on("POST", f"/api/campaigns/{CAMPAIGN}/test-send", answer, 202)
    assert relance("campaign", "test-send", CAMPAIGN, "+33612345678", "--variant", "Formal").exit_code == 0
    assert sent(stub) == {"phone": "+33612345678", "message": 1, "variables": {}, "variant": "Formal"}
