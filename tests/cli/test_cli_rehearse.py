"""`relance rehearse` against a stub of the API: a real rehearsal on this machine."""

import json
import re
from collections.abc import Callable

import pytest
from typer.testing import Result

from tests.cli.conftest import StubApi
from tests.rehearsal.briefs import brief, tomorrow_at

Relance = Callable[..., Result]
CAMPAIGN = str(brief(1).campaign.campaign_id)


@pytest.fixture(autouse=True)
def _facts(stub: StubApi) -> None:
    facts = brief(30, delay=60).campaign.model_dump(mode="json")
    stub.on("GET", f"/api/campaigns/{CAMPAIGN}/rehearsal-facts", facts)


def test_it_prints_the_calendar_and_what_binds(relance: Relance) -> None:
    result = relance("rehearse", CAMPAIGN, "--reply-share", "1", "--reply-after", "5m")
    assert result.exit_code == 0, result.output
    assert "Calendar (Europe/Paris" in result.stdout
    assert "delay between messages" in result.stdout
    assert re.search(r"delay between messages +2[89]:\d\d +\d+", result.stdout)
    assert "30 in time, 0 too late" in result.stdout
    assert "nothing left this machine" in result.stdout


def test_json_is_the_whole_result(relance: Relance) -> None:
    result = relance("rehearse", CAMPAIGN, "--reply-share", "0", "--json")
    told = json.loads(result.stdout)
    assert (told["message_1"], told["replies"], told["status"]) == (30, 0, "completed")
    assert sum(row["message_1"] for row in told["calendar"]) == 30


def test_the_campaigns_window_is_told_by_its_name(relance: Relance, stub: StubApi) -> None:
    hours = {"start": "09:00", "end": "18:00", "zone": "tenant"}
    facts = brief(3, delay=60, hours=hours, start_at=tomorrow_at(20)).campaign.model_dump(mode="json")
    other = "6f1d2c1e-8a4b-4c58-9c55-3b8f0f1f7a11"
    stub.on("GET", f"/api/campaigns/{other}/rehearsal-facts", facts)
    result = relance("rehearse", other, "--reply-share", "0")
    assert result.exit_code == 0, result.output
    assert "campaign's send window" in result.stdout
    assert re.search(r"first message +2027-03-04 09:00:0", result.stdout)


def test_a_campaign_may_be_named(relance: Relance, stub: StubApi) -> None:
    page = {"id": CAMPAIGN, "name": "Autumn", "status": "draft"}
    longer = {"id": "6f1d2c1e-8a4b-4c58-9c55-3b8f0f1f7a11", "name": "Autumn 2", "status": "draft"}
    stub.on("GET", "/api/campaigns", {"items": [page, longer], "next_cursor": None})
    result = relance("rehearse", "Autumn", "--json")
    assert result.exit_code == 0, result.output
    assert "search=Autumn" in stub.asked[0][1]


def test_a_name_that_nobody_or_several_have_is_said(relance: Relance, stub: StubApi) -> None:
    page = {"id": CAMPAIGN, "name": "Autumn", "status": "draft"}
    stub.on("GET", "/api/campaigns", {"items": [], "next_cursor": None})
    stub.on("GET", "/api/campaigns", {"items": [page, page], "next_cursor": None})
    for words in ("no campaign has the name", "2 campaigns have the name"):
        result = relance("rehearse", "Autumn")
        assert result.exit_code == 1
        assert words in result.stderr


@pytest.mark.parametrize(
    "wrong", [("--reply-share", "1.5"), ("--reply-after", "soon"), ("--reply-after", "0"), ("--seed", "-1")]
)
def test_assumptions_that_cannot_be_are_refused(relance: Relance, wrong: tuple[str, str]) -> None:
    assert relance("rehearse", CAMPAIGN, *wrong).exit_code == 2
