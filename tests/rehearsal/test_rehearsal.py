"""Rehearsals end to end: the real workflows, the server whose clock skips, the world in memory."""

from collections import Counter
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from domain.statuses import CampaignStatus
from domain.window import SendWindow
from rehearsal.facts import ContactFacts
from rehearsal.people import Habits
from rehearsal.result import LeftOut, Limit, Rehearsed
from rehearsal.roll import Roll
from rehearsal.stage import RehearsalError, rehearse
from tests.rehearsal.briefs import DAY, brief, tomorrow_at
from tests.rehearsal.readings import firsts, left_out, of_limits

PARIS = ZoneInfo("Europe/Paris")


async def test_a_hundred_contacts_over_a_day_are_rehearsed_to_the_end() -> None:
    result = await rehearse(brief(100, delay=864))
    assert result.status == CampaignStatus.COMPLETED
    assert result.message_1 == 100
    assert result.message_2 == result.replies > 15
    assert result.replies + result.no_reply == 100
    # 99 delays, then the last one's window of a day.
    assert result.duration_seconds == pytest.approx(99 * 864 + DAY, rel=0.01)
    assert of_limits(result) == {Limit.DELAY: pytest.approx(99 * 864, abs=1)}
    assert sum(row.message_1 for row in result.calendar) == 100
    assert sum(row.replies for row in result.calendar) == sum(row.message_2 for row in result.calendar)


async def test_the_same_seed_has_the_same_people_answer_at_the_same_time() -> None:
    one, same, other = [
        await rehearse(brief(40, delay=60, people={"reply_share": 0.5, "seed": seed})) for seed in (7, 7, 8)
    ]

    def shape(result: Rehearsed) -> tuple[int, int, int, float]:
        return result.message_1, result.replies, result.message_2, round(result.duration_seconds / 60)

    assert shape(one) == shape(same)
    habits = [Habits(brief(1, people={"reply_share": 0.5, "seed": seed}).assumptions) for seed in (7, 7, 8)]
    ids = [contact.id for contact in brief(40).campaign.contacts]
    answers = [[habit.answers_after(contact) for contact in ids] for habit in habits]
    assert answers[0] == answers[1] != answers[2]
    assert one.replies == sum(answer is not None and answer.total_seconds() < DAY for answer in answers[0])
    assert other.replies == sum(answer is not None and answer.total_seconds() < DAY for answer in answers[2])


async def test_the_channels_rate_binds_and_replies_take_their_share_of_it(rolls: list[Roll]) -> None:
    result = await rehearse(brief(60, delay=0, rate_per_second=0.5, people={"reply_after_seconds": 30}))
    every = sorted(sent.at for sent in rolls[0].sent)
    assert min((after - before).total_seconds() for before, after in pairwise(every)) >= 2 - 0.001
    assert set(of_limits(result)) == {Limit.RATE}
    assert result.message_2 > 5


async def test_the_days_quota_binds_as_in_the_engine(rolls: list[Roll]) -> None:
    quota = brief(25, delay=60, daily_quota=10, used_today=0, people={"reply_share": 0}, start_at=tomorrow_at(9))
    result = await rehearse(quota)
    days = Counter(sent.at.astimezone(PARIS).date().day for sent in rolls[0].sent)
    assert list(days.values()) == [10, 10, 5]
    assert of_limits(result)[Limit.DAILY_QUOTA] > 20 * 3600
    # The pace and the quota together own the whole time from the first to the last.
    first, last = firsts(rolls[0])[0].at, firsts(rolls[0])[-1].at
    assert sum(of_limits(result).values()) == pytest.approx((last - first).total_seconds(), abs=0.1)


async def test_what_was_used_of_today_counts() -> None:
    result = await rehearse(brief(5, delay=1, daily_quota=10, used_today=10, people={"reply_share": 0}))
    assert result.message_1 == 5
    assert result.first_message_at is not None
    local = result.first_message_at.astimezone(PARIS)
    assert (local.hour, local.minute) == (0, 0)


async def test_nothing_goes_out_outside_the_send_window(rolls: list[Roll]) -> None:
    window = {"start": "09:00", "end": "11:00", "days": [0, 1, 2, 3, 4], "time_zone": "Europe/Paris"}
    result = await rehearse(brief(30, delay=600, send_window=window, start_at=tomorrow_at(9)))
    opened = SendWindow.model_validate(window)
    assert len(rolls[0].sent) == result.message_1 + result.message_2
    assert result.message_1 == 30
    assert all(opened.is_open(sent.at) for sent in rolls[0].sent)
    # A night of 22 h, less the delays that ran meanwhile: how many did depends on who was launched before it closed.
    assert of_limits(result)[Limit.SEND_WINDOW] >= 22 * 3600 - 30 * 600


async def test_pauses_between_batches_are_told_from_delays() -> None:
    result = await rehearse(brief(30, delay=10, batch=10, pause=600, people={"reply_share": 0}))
    assert of_limits(result) == {
        Limit.BATCH_PAUSE: pytest.approx(2 * 610, abs=5),
        Limit.DELAY: pytest.approx(27 * 10, abs=5),
    }


async def test_a_campaign_begins_when_it_is_scheduled() -> None:
    result = await rehearse(brief(3, start_at=tomorrow_at(8)))
    assert result.first_message_at is not None
    assert abs((result.first_message_at - tomorrow_at(8)).total_seconds()) < 2


async def test_who_cannot_be_written_to_is_named_and_passed_over() -> None:
    plain = brief(4).campaign.contacts
    line = [*plain, ContactFacts(id=UUID(int=90), suppressed=True)]
    line.append(ContactFacts(id=UUID(int=91), lacking=["first_name"]))
    result = await rehearse(brief(6, facts=line))
    assert result.message_1 == 4
    assert left_out(result) == {(LeftOut.OPTED_OUT,): 1, (LeftOut.LACKS_VALUE, "first_name"): 1}


async def test_a_platform_that_refuses_too_much_pauses_the_campaign_as_it_would() -> None:
    result = await rehearse(brief(60, delay=1, batch=20, people={"failure_share": 0.9}))
    assert result.status == CampaignStatus.PAUSED
    assert result.paused_reason is not None
    assert "over the limit of 20 %" in result.paused_reason
    assert result.message_1 < 20


async def test_some_refusals_slow_the_campaign_down() -> None:
    steady = await rehearse(brief(80, delay=30, batch=20, people={"reply_share": 0}))
    slowed = await rehearse(brief(80, delay=30, batch=20, people={"reply_share": 0, "failure_share": 0.08, "seed": 8}))
    assert slowed.status == CampaignStatus.COMPLETED
    assert slowed.message_1 < 80
    assert slowed.duration_seconds > steady.duration_seconds + 300


async def test_replies_after_the_window_get_nothing() -> None:
    people = {"reply_share": 1, "reply_after_seconds": 600}
    result = await rehearse(brief(40, delay=1, window=600, people=people))
    assert result.late_replies > 5
    assert result.replies + result.late_replies == 40
    assert result.message_2 == result.replies
    assert result.no_reply == result.late_replies


async def test_nothing_to_rehearse_is_said() -> None:
    empty = brief(1).model_copy(update={"campaign": brief(1).campaign.model_copy(update={"contacts": []})})
    with pytest.raises(RehearsalError, match="nothing to rehearse"):
        await rehearse(empty)
