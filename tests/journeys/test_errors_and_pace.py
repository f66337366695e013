"""What errors of the platform do to a campaign: its breaker, its probe, its delay, and retrying what failed."""

import time
from itertools import pairwise
from typing import Any

import pytest

from simulator.behaviour import Receipts
from simulator.plans import fails
from tests.journeys.building import SIMULATOR_SEED
from tests.journeys.house import Campaign, Channel, House, new_phones
from tests.waiting import until


def rejecting(phones: list[str]) -> list[dict[str, Any]]:
    """Rules by which the platform rejects messages to these people."""
    return [{"kind": "reject", "match": {"phone": phone}} for phone in phones]


def rejecting_all(channel: Channel) -> dict[str, Any]:
    """The rule by which the platform rejects every message of a channel."""
    return {"kind": "reject", "match": {"device": channel.device}}


async def until_paused_with(house: House, campaign: Campaign, words: str) -> dict[str, Any]:
    """Waits until the campaign has paused itself for this reason."""

    async def there() -> bool:
        shown = await house.show(campaign)
        return shown["status"] == "paused" and words in (shown["paused_reason"] or "")

    await until(there, f"paused because: {words}")
    return await house.show(campaign)


@pytest.mark.alone
async def test_a_platform_that_fails_thirty_percent_pauses_it_until_a_probe_passes(house: House) -> None:
    channel = await house.channel(rate=50)
    phones = new_phones(60)
    await house.fault(*rejecting([phone for index, phone in enumerate(phones) if index % 10 in (1, 4, 7)]))
    campaign = await house.campaign(
        channel,
        phones=phones,
        reply_window_seconds=1,
        # With a pause between batches each is out before the next: all its results are judged, in whatever order.
        pacing={"delay_seconds": 0.02, "max_delay_seconds": 0.05, "batch_size": 20, "batch_pause_seconds": 0.1},
    )

    tripped = await until_paused_with(house, campaign, "messages met an error")
    assert tripped["counts"]["pending"] >= 40
    asked = await house.posts(channel)
    assert {post["phone"] for post in asked} <= set(phones[:20]), "only the first batch may have been tried"
    assert tripped["recent_error_rate"] > 0.2

    await house.fault(rejecting_all(channel))
    await house.command(campaign, "resume")
    await until_paused_with(house, campaign, "probe message met an error")
    assert len(await house.posts(channel)) == len(asked) + 1

    await house.fault()
    await house.command(campaign, "resume")
    done = await house.until_status(campaign, "completed")
    failed = sum(not post["accepted"] for post in await house.posts(channel))
    assert done["counts"]["failed"] == failed
    assert done["counts"]["sent"] == 60 - failed
    assert await house.doubles(channel) == []


def phones_that_fail(receipts: Receipts, of: int, failing: int) -> list[str]:
    """People to so many of whom messages fail after they were accepted, as the simulator draws it."""
    found: dict[bool, list[str]] = {True: [], False: []}
    while len(found[True]) < failing or len(found[False]) < of - failing:
        [phone] = new_phones(1)
        found[fails(receipts, SIMULATOR_SEED, phone)].append(phone)
    people = found[False][: of - failing]
    for index in range(failing):
        people.insert(index * of // failing, found[True][index])
    return people


@pytest.mark.alone
@pytest.mark.parametrize("told_within", [(0.0, 0.0), (4.0, 4.1)], ids=["at once", "after the batch was judged"])
async def test_a_platform_that_takes_all_and_tells_later_that_thirty_percent_failed_pauses_it(
    house: House, told_within: tuple[float, float]
) -> None:
    delay = dict(zip(("min_seconds", "max_seconds"), told_within, strict=True))
    receipts = {"failed_share": 0.3, "failure_reason": "not registered", "read_share": 0.0, "delay": delay}
    await house.behave(receipts=receipts)
    channel = await house.channel(rate=50)
    first_batch = phones_that_fail(Receipts.model_validate(receipts), 20, 6)
    campaign = await house.campaign(
        channel,
        phones=first_batch + new_phones(40),
        pacing={"delay_seconds": 0.02, "max_delay_seconds": 0.05, "batch_size": 20, "batch_pause_seconds": 10},
    )

    tripped = await until_paused_with(house, campaign, "messages met an error")

    assert {post["phone"] for post in await house.posts(channel)} <= set(first_batch), "the rest is untouched"
    assert tripped["counts"]["pending"] >= 40
    assert tripped["recent_error_rate"] > 0.2
    await house.command(campaign, "cancel")


@pytest.mark.alone
async def test_a_few_errors_slow_it_down_and_recovery_speeds_it_up_again(house: House) -> None:
    channel = await house.channel(rate=100)
    phones = new_phones(30)
    await house.fault(*rejecting([phones[3]]))
    pacing = {"delay_seconds": 0.04, "batch_size": 10, "max_delay_seconds": 0.08, "batch_pause_seconds": 0.2}
    campaign = await house.campaign(channel, phones=phones, reply_window_seconds=1, pacing=pacing)

    async def delay_is(seconds: float) -> bool:
        return bool((await house.show(campaign))["delay_seconds"] == seconds)

    await until(lambda: delay_is(0.08), "the delay grew to its upper bound")
    assert (await house.show(campaign))["recent_error_rate"] == 0.1
    await until(lambda: delay_is(0.04), "the delay came back to what was configured")
    await house.until_status(campaign, "completed")


@pytest.mark.alone
async def test_a_new_delay_takes_effect_within_one_batch(house: House) -> None:
    channel = await house.channel(rate=50)
    campaign = await house.campaign(channel, 20, pacing={"delay_seconds": 1, "batch_size": 3})
    await house.until_count(campaign, "out", 1)

    change = {"pacing": {"delay_seconds": 0.02, "batch_size": 20}}
    changed = await house.call("PATCH", f"/api/campaigns/{campaign.id}", json=change, expect=200)
    changed_at = time.time()
    assert changed["delay_seconds"] == 0.02

    await house.until_count(campaign, "out", 20)
    times = [post["at"] for post in await house.posts(channel, since=changed_at)]
    slow = [later - sooner for sooner, later in pairwise([changed_at, *times]) if later - sooner > 0.8]
    assert len(slow) <= 5, "only the batch under way, and the one launched behind it, may keep the old pace"
    await house.command(campaign, "cancel")


async def test_a_new_delay_for_a_paused_campaign_keeps_the_reason_of_its_pause(house: House) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel, 20, pacing={"delay_seconds": 0.2, "batch_size": 5})
    await house.command(campaign, "pause")

    change = {"pacing": {"delay_seconds": 0.02}}
    changed = await house.call("PATCH", f"/api/campaigns/{campaign.id}", json=change, expect=200)

    assert (changed["status"], changed["paused_reason"]) == ("paused", "Paused by an operator.")
    await house.command(campaign, "resume")
    await house.until_count(campaign, "out", 20)
    await house.command(campaign, "cancel")


async def test_failed_contacts_of_a_running_and_of_a_completed_campaign_are_retried_once_each(house: House) -> None:
    channel = await house.channel(rate=50)
    phones = new_phones(12)
    await house.fault(*rejecting(phones[:2]))
    campaign = await house.campaign(channel, phones=phones, reply_window_seconds=2)
    await house.until_count(campaign, "failed", 2)

    assert (await house.command(campaign, "retry-failed"))["retried"] == 2
    done = await house.until_status(campaign, "completed")
    assert done["counts"]["failed"] == 2
    assert sum(not post["accepted"] for post in await house.posts(channel)) == 4

    await house.fault()
    assert (await house.command(campaign, "retry-failed"))["retried"] == 2
    await house.until_count(campaign, "out", 12)
    done = await house.until_status(campaign, "completed")
    assert done["counts"]["no_reply"] == 12
    assert await house.doubles(channel) == []
    await house.command(campaign, "retry-failed", expect=409)


async def test_a_contact_that_was_retried_gets_message_2_for_a_reply(house: House) -> None:
    channel = await house.channel()
    [phone] = phones = new_phones(1)
    await house.fault(*rejecting(phones))
    campaign = await house.campaign(channel, phones=phones)
    await house.until_status(campaign, "completed")
    await house.fault()

    await house.command(campaign, "retry-failed")
    await house.until_count(campaign, "out", 1)
    await house.write(channel, phone, "Yes")

    done = await house.until_status(campaign, "completed")
    assert done["counts"]["message_2_sent"] == 1
    assert await house.texts(channel, phone) == ["Hello N0", "Thanks N0, here is more."]


FAILING: dict[str, Any] = {"failed_share": 1.0, "delay": {"min_seconds": 0.0, "max_seconds": 0.0}}
"""A platform that takes everything and reports at once that it failed."""


async def test_a_message_that_fails_later_is_retried_while_its_window_runs_and_answered(house: House) -> None:
    channel = await house.channel()
    [phone] = phones = new_phones(1)
    await house.behave(receipts=FAILING)
    campaign = await house.campaign(channel, phones=phones)
    await house.until_count(campaign, "failed", 1)
    await house.behave()

    assert (await house.command(campaign, "retry-failed"))["retried"] == 1
    await house.until_count(campaign, "out", 1)
    await house.write(channel, phone, "Yes")

    done = await house.until_status(campaign, "completed")
    assert (done["counts"]["failed"], done["counts"]["message_2_sent"]) == (0, 1)
    assert await house.texts(channel, phone) == ["Hello N0", "Hello N0", "Thanks N0, here is more."]


async def test_a_message_that_failed_later_is_failed_when_its_window_ends_and_not_unanswered(house: House) -> None:
    channel = await house.channel()
    await house.behave(receipts=FAILING)
    campaign = await house.campaign(channel, reply_window_seconds=2)

    done = await house.until_status(campaign, "completed")

    assert (done["counts"]["failed"], done["counts"]["no_reply"]) == (1, 0)
    assert (await house.contact(campaign, campaign.phones[0]))["outcome"] == "failed"
