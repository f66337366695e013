"""The cures of docs/runbook.md, taken from the page and tried: a lost workflow started again, a person erased."""

import asyncio
import os
import re
from pathlib import Path

from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from cli.stack.temporal import temporal_program
from settings import required_database_url
from tests.journeys.house import Campaign, House
from tests.waiting import until

RUNBOOK = (Path(__file__).resolve().parents[2] / "docs" / "runbook.md").read_text()


def block(language: str, words: str) -> str:
    """The page's block of code that has these words."""
    [found] = [code for code in re.findall(rf"```{language}\n(.*?)```", RUNBOOK, re.DOTALL) if words in code]
    return str(found)


async def start_again(house: House, kind: str, campaign: Campaign, contact_id: str = "") -> None:
    """Runs the page's command with this campaign's ids."""
    command = block("sh", f"--type {kind}")
    ids = {"tenant id": str(house.tenant_id), "campaign id": campaign.id, "channel id": campaign.channel.id}
    for name, value in {**ids, "contact id": contact_id}.items():
        command = command.replace(f"<{name}>", value)
    assert "<" not in command
    path = f"{Path(temporal_program()).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "TEMPORAL_ADDRESS": house.client.service_client.config.target_host}
    process = await asyncio.create_subprocess_shell(
        command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def test_a_campaign_whose_workflow_was_lost_is_finished_by_the_pages_command(house: House) -> None:
    channel = await house.channel()
    campaign = await house.campaign(
        channel, 12, reply_window_seconds=1, pacing={"delay_seconds": 0.1, "batch_size": 4, "batch_pause_seconds": 1}
    )
    await house.until_count(campaign, "out", 2)
    await house.workflow(campaign).terminate()

    await start_again(house, "Campaign", campaign)

    done = await house.until_status(campaign, "completed")
    assert done["counts"]["sent"] == 12
    assert await house.doubles(channel) == []


async def test_a_contact_whose_workflow_was_lost_still_gets_message_2_and_nothing_twice(house: House) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel)
    [phone] = campaign.phones
    await house.until_count(campaign, "out", 1)
    contact_id = (await house.contact(campaign, phone))["contact_id"]
    await (await house.enrollment(campaign, phone)).terminate()

    await start_again(house, "Enrollment", campaign, contact_id)
    await house.write(channel, phone, "Yes please")

    await house.until_status(campaign, "completed")
    assert await house.texts(channel, phone) == ["Hello N0", "Thanks N0, here is more."]


async def test_a_person_who_was_erased_is_nowhere_but_among_the_opt_outs(house: House) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel, 2)
    phone, other = campaign.phones
    words = "My secret words"
    await house.until_count(campaign, "out", 2)
    await house.write(channel, phone, words)
    await house.until_count(campaign, "message_2_sent", 1)
    await house.call("POST", "/api/suppressions", json={"phone": phone}, expect=201)

    async def processed() -> bool:
        return not await house.rows("SELECT 1 FROM inbound_events WHERE processed_at IS NULL")

    await until(processed, "every webhook is processed")
    statements = block("sql", "DROP AS SELECT").replace("<tenant id>", str(house.tenant_id)).replace("<phone>", phone)
    engine = create_async_engine(required_database_url(house.settings), poolclass=NullPool)
    async with engine.connect() as connection:
        for statement in statements.split(";\n"):
            if statement.strip():
                await connection.exec_driver_sql(statement)
    await engine.dispose()

    for table in SQLModel.metadata.tables:
        column = "id" if table == "tenants" else "tenant_id"
        if table in ("suppressions", "installation", "sign_in_attempts"):
            continue
        found = await house.rows(
            f"SELECT row_to_json(t)::text AS row FROM {table} t WHERE {column} = :tenant AND "
            f"(row_to_json(t)::text LIKE :phone OR row_to_json(t)::text LIKE :words)",
            phone=f"%{phone.removeprefix('+')}%",
            words=f"%{words}%",
        )
        assert [row.row for row in found] == [], table
    assert other in {row.phone for row in await house.rows("SELECT phone FROM contacts")}
    raw = await house.rows("SELECT encode(raw, 'escape') AS raw FROM inbound_events")
    assert [row for row in raw if phone.removeprefix("+") in row.raw or words in row.raw] == []
    await house.command(campaign, "cancel")
