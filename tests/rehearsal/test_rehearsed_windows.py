"""A campaign's own send window in its rehearsal: who goes out when, and what it is told as (SPEC CAM-14, CAM-15)."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from domain.phone_zones import zone_prefix
from domain.statuses import CampaignStatus
from domain.window import SendWindow
from rehearsal.facts import ContactFacts
from rehearsal.result import LeftOut, Limit
from rehearsal.roll import Roll
from rehearsal.stage import rehearse
from tests.rehearsal.briefs import brief, tomorrow_at
from tests.rehearsal.readings import firsts, left_out, of_limits

PARIS = ZoneInfo("Europe/Paris")
FRENCH, AMERICAN, AUSTRALIAN = "+33612345678", "+12125550123", "+61255053123"
SILENT = {"reply_share": 0}
HOUR = 3600.0


def office(zone: str = "tenant", **more: Any) -> dict[str, Any]:
    """Nine to six."""
    return {"start": "09:00", "end": "18:00", "zone": zone, **more}


def in_line(*phones: str) -> list[ContactFacts]:
    """Contacts as they wait with these phones."""
    return [
        ContactFacts(id=UUID(int=number + 1), dial_prefix=zone_prefix(phone) or "")
        for number, phone in enumerate(phones)
    ]


def there(day: int, hour: int, minute: int = 0, zone: ZoneInfo = PARIS) -> datetime:
    """A time on the wall in March 2027, when the tests' campaigns begin."""
    return datetime(2027, 3, day, hour, minute, tzinfo=zone)


async def test_a_campaign_that_begins_in_the_evening_sends_nothing_before_its_window_opens(rolls: list[Roll]) -> None:
    evening = brief(20, delay=60, hours=office(), start_at=tomorrow_at(19), people=SILENT)
    result = await rehearse(evening)
    assert result.status == CampaignStatus.COMPLETED
    assert result.message_1 == 20
    assert result.first_message_at == pytest.approx(there(4, 9), abs=timedelta(seconds=1))
    assert result.first_message_at >= there(4, 9)
    assert firsts(rolls[0])[-1].at < there(4, 9, 20)
    [window] = [bound for bound in result.limits if bound.limit == Limit.CAMPAIGN_WINDOW]
    assert window.messages == 1


async def test_a_batch_ends_where_the_window_ends_and_the_night_is_the_windows(rolls: list[Roll]) -> None:
    result = await rehearse(brief(12, delay=600, hours=office(), start_at=there(3, 17), people=SILENT))
    days = [sent.at.astimezone(PARIS).day for sent in firsts(rolls[0])]
    assert days == [3] * 6 + [4] * 6
    # The sixth goes at ten to six; a delay later it is six, and the window opens at nine.
    assert of_limits(result) == {
        Limit.CAMPAIGN_WINDOW: pytest.approx(15 * HOUR, abs=5),
        Limit.DELAY: pytest.approx(11 * 600, abs=5),
    }


async def test_each_contact_goes_in_the_hours_of_its_own_zone(rolls: list[Roll]) -> None:
    line = in_line(AMERICAN, AUSTRALIAN, FRENCH)
    started = brief(3, delay=60, facts=line, hours=office("contact"), start_at=there(3, 12), people=SILENT)
    result = await rehearse(started)
    assert result.message_1 == 3
    out = [rolls[0][contact.id].out_at for contact in line]
    opens = [
        there(3, 9, zone=ZoneInfo("America/New_York")),
        there(4, 9, zone=ZoneInfo("Australia/Lord_Howe")),
        there(3, 12),
    ]
    assert out == [pytest.approx(at, abs=timedelta(seconds=1)) for at in opens]
    # The American waits from a minute after the Frenchman on, the islander from a minute after the American on.
    between = max(opens) - min(opens)
    assert of_limits(result)[Limit.CAMPAIGN_WINDOW] == pytest.approx(between.total_seconds() - 120, abs=5)


async def test_who_is_launched_in_time_and_comes_too_late_is_held_by_the_window(rolls: list[Roll]) -> None:
    held = brief(5, delay=1, hours=office(), start_at=there(3, 12), daily_quota=2, people=SILENT)
    result = await rehearse(held)
    assert result.message_1 == 5
    days = [sent.at.astimezone(PARIS) for sent in firsts(rolls[0])]
    assert [at.day for at in days] == [3, 3, 4, 4, 5]
    assert all(9 <= at.hour < 18 for at in days)
    # The quota is free again at midnight, and it is not the quota that is waited for then.
    assert of_limits(result)[Limit.CAMPAIGN_WINDOW] > 24 * HOUR


async def test_whom_the_window_holds_at_the_gate_does_not_keep_the_next_batch_back(rolls: list[Roll]) -> None:
    # The American is launched at a minute to six, and at half past six, when the channel opens, it is too late.
    line, start_at = in_line(AMERICAN, AUSTRALIAN), there(3, 17, 59, ZoneInfo("America/New_York"))
    channel = {"start": "23:30", "end": "22:30", "time_zone": "UTC"}
    late = brief(2, batch=1, facts=line, hours=office("contact"), send_window=channel, start_at=start_at, people=SILENT)
    await rehearse(late)
    out = [rolls[0][contact.id].out_at for contact in line]
    opens = [there(4, 9, zone=ZoneInfo("America/New_York")), there(3, 23, 30, zone=ZoneInfo("UTC"))]
    assert out == [pytest.approx(at, abs=timedelta(seconds=5)) for at in opens]


def test_stock_tells_until_when_it_is_the_window_alone_that_is_waited_for() -> None:
    roll = Roll(brief(3).campaign)
    one, other = roll.take_turn(2, there(3, 17), 1).batch
    one.due, one.held_by = there(4, 9), Limit.CAMPAIGN_WINDOW
    assert (roll.held_until, len(roll.in_flight)) == (None, 1)
    other.due, other.held_by = there(4, 10), Limit.CAMPAIGN_WINDOW
    assert (roll.held_until, len(roll.in_flight)) == (there(4, 9), 0)


@pytest.mark.parametrize("too", [False, True])
async def test_message_2_answers_at_night_unless_it_is_to_wait_too(rolls: list[Roll], too: bool) -> None:
    people = {"reply_share": 1, "reply_after_seconds": 4 * HOUR}
    asked = brief(20, delay=1, hours=office(message_2=too), start_at=there(3, 17), people=people)
    result = await rehearse(asked)
    assert result.message_2 == result.replies > 10
    office_hours = SendWindow.model_validate({"start": "09:00", "end": "18:00", "time_zone": "Europe/Paris"})
    answers = [sent.at for sent in rolls[0].sent if sent.kind == "message_2"]
    assert all(office_hours.is_open(at) for at in answers) is too
    assert (Limit.CAMPAIGN_WINDOW in of_limits(result)) is too


async def test_whom_both_windows_never_let_out_is_named_and_the_rehearsal_ends() -> None:
    line = in_line(FRENCH, AMERICAN, FRENCH)
    evenings = {"start": "19:00", "end": "20:00", "time_zone": "Europe/Paris"}
    result = await rehearse(brief(3, facts=line, hours=office("contact"), send_window=evenings, people=SILENT))
    assert result.status == CampaignStatus.COMPLETED
    assert result.message_1 == 1
    assert left_out(result) == {(LeftOut.NEVER_OPEN,): 2}


async def test_the_night_of_a_big_campaign_costs_one_wait(rolls: list[Roll]) -> None:
    big = brief(200, delay=0, rate_per_second=10, hours=office(), start_at=there(3, 20), people=SILENT)
    result = await rehearse(big)
    assert result.message_1 == 200
    assert firsts(rolls[0])[0].at >= there(4, 9)
    assert result.last_message_1_at is not None
    assert result.last_message_1_at < there(4, 9) + timedelta(seconds=25)
