"""What an engineer sees in Temporal: ids, summaries, search attributes, details, and signals by hand (FACE-4)."""

import asyncio
import os
from typing import Any
from uuid import UUID

from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowHandle
from temporalio.converter import DataConverter

from cli.stack.temporal import temporal_program
from domain import ids
from tests.journeys.house import Campaign, House
from tests.waiting import until
from workflows.handles import CAMPAIGN, CHANNEL, TENANT

Handle = WorkflowHandle[Any, Any]


async def answered(house: House, campaign: Campaign) -> list[HistoryEvent]:
    """Lets a campaign's one contact reply, waits for the end, and returns the contact's history."""
    [phone] = campaign.phones
    await house.until_count(campaign, "out", 1)
    await house.write(campaign.channel, phone, "Yes")
    await house.until_status(campaign, "completed")
    return await events_of(await house.enrollment(campaign, phone))


async def events_of(handle: Handle) -> list[HistoryEvent]:
    """The history of a workflow that ends by itself."""
    await handle.result()
    return list((await handle.fetch_history()).events)


async def details_of(handle: Handle) -> str:
    """The current details that the Web UI shows."""
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return str(metadata.current_details)


async def test_workflows_explain_themselves_by_id_summary_and_search_attributes(house: House) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel, 3, name="Autumn")
    await house.until_count(campaign, "out", 3)
    [phone, *_] = campaign.phones
    contact_id = (await house.contact(campaign, phone))["contact_id"]

    whole = await house.client.get_workflow_handle(f"campaign/{campaign.id}").describe()
    single = await house.client.get_workflow_handle(f"campaign/{campaign.id}/contact/{contact_id}").describe()

    assert await whole.static_summary() == "Campaign Autumn"
    assert await single.static_summary() == "Message 1 → reply → Message 2"
    for seen in (whole, single):
        found = {pair.key: pair.value for pair in seen.typed_search_attributes}
        assert found.items() >= {TENANT: str(house.tenant_id), CHANNEL: channel.id, CAMPAIGN: campaign.id}.items()

    async def all_listed() -> bool:
        listed = [each.id async for each in house.client.list_workflows(f'RelanceCampaign = "{campaign.id}"')]
        return len(listed) == 4

    await until(all_listed, "the campaign and its three contacts are found by the campaign's id")
    await house.command(campaign, "cancel")


async def test_current_details_say_what_a_workflow_is_doing(house: House) -> None:
    campaign = await house.campaign(await house.channel())
    [phone] = campaign.phones
    await house.until_count(campaign, "out", 1)
    enrollment = await house.enrollment(campaign, phone)

    async def waits() -> bool:
        return "waiting for a reply" in await details_of(enrollment)

    await until(waits, "the contact's workflow says that it waits for a reply")
    await house.command(campaign, "pause")
    assert await details_of(house.workflow(campaign)) == "paused: Paused by an operator."
    await house.command(campaign, "cancel")


async def test_every_timer_and_activity_has_a_summary(house: House) -> None:
    campaign = await house.campaign(await house.channel(), reply_window_seconds=2)
    histories = [*await answered(house, campaign), *await events_of(house.workflow(campaign))]
    steps = [
        event
        for event in histories
        if event.HasField("timer_started_event_attributes")
        or event.HasField("activity_task_scheduled_event_attributes")
    ]
    assert len(steps) >= 5
    converter = DataConverter.default.payload_converter
    for event in steps:
        assert event.user_metadata.HasField("summary"), event
        assert converter.from_payload(event.user_metadata.summary, str) != ""


async def test_a_contact_with_a_reply_costs_at_most_23_events_and_one_without_19(house: House) -> None:
    channel = await house.channel()
    assert len(await answered(house, await house.campaign(channel))) <= 23

    silent = await house.campaign(channel, reply_window_seconds=1)
    await house.until_status(silent, "completed")
    assert len(await events_of(await house.enrollment(silent, silent.phones[0]))) <= 19


async def test_the_reply_signal_by_temporals_own_command_line_makes_message_2_go_out(house: House) -> None:
    campaign = await house.campaign(await house.channel(), 2)
    await house.until_count(campaign, "out", 2)
    contacts = await house.contacts(campaign)

    for phone, more in zip(campaign.phones, ([], ["--input", "{}"]), strict=True):
        workflow_id = ids.enrollment_workflow_id(UUID(campaign.id), UUID(contacts[phone]["contact_id"]))
        await signal_by_hand(house, workflow_id, *more)

    await house.until_count(campaign, "message_2_sent", 2)
    await house.until_status(campaign, "completed")


async def signal_by_hand(house: House, workflow_id: str, *more: str) -> None:
    """`temporal workflow signal`, as somebody would type it."""
    address = house.client.service_client.config.target_host
    words = ["workflow", "signal", "--address", address, "--workflow-id", workflow_id, "--name", "reply_received"]
    command = await asyncio.create_subprocess_exec(
        temporal_program(),
        *words,
        *more,
        env={"PATH": os.environ["PATH"], "HOME": str(house.settings.data_dir)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, problems = await asyncio.wait_for(command.communicate(), 20)
    assert command.returncode == 0, problems.decode()
