"""A backup of a running stack, restored elsewhere: it sends nothing until a person confirms, then goes on."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest

from cli.stack.probes import free_port
from cli.stack.stack import Stack, running_stack
from domain.gate import REASON_TEXT, Reason
from settings import Settings
from tests.waiting import until

PHONES = [f"+3363998010{number}" for number in range(3)]


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty directory that PostgreSQL's own user can reach."""
    with TemporaryDirectory(prefix="relance-backup-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def stack_in(data_dir: Path) -> Settings:
    return Settings(
        data_dir=data_dir,
        api_port=free_port(),
        temporal_port=free_port(),
        temporal_ui_port=free_port(),
        simulator_port=free_port(),
    )


async def relance(settings: Settings, *arguments: str) -> tuple[int, str, str]:
    """The command in a process of its own: exit status, standard output, standard error."""
    program = str(Path(sys.executable).with_name("relance"))
    ports = {f"RELANCE_{name.upper()}": str(getattr(settings, name)) for name in settings.model_fields_set}
    process = await asyncio.create_subprocess_exec(
        program, *arguments, env={**os.environ, **ports}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, said = await process.communicate()
    return process.returncode or 0, out.decode(), said.decode()


class People:
    """What a person with the stack's key does over HTTP."""

    def __init__(self, http: httpx.AsyncClient, simulator: str) -> None:
        self.http = http
        self.simulator = simulator

    async def call(self, method: str, path: str, **arguments: Any) -> Any:
        answer = await self.http.request(method, f"/api/{path}", **arguments)
        assert answer.is_success, answer.text
        return answer.json()

    async def until_counted(self, campaign: str, name: str, number: int) -> None:
        async def there() -> bool:
            return bool((await self.call("GET", f"campaigns/{campaign}"))["counts"][name] == number)

        await until(there, f"{number} {name}", 30)

    async def reasons(self) -> set[str]:
        held = await self.call("GET", "deliveries", params={"status": "held"})
        return {delivery["reason_text"] for delivery in held["items"]}

    async def received(self) -> list[str]:
        """The people whom the simulated platform wrote to, by its own log."""
        answer = await self.http.get(f"{self.simulator}/control/messages", params={"limit": 100})
        return sorted(message["phone"] for message in answer.json()["items"] if message["accepted"])


@asynccontextmanager
async def people_of(stack: Stack) -> AsyncIterator[People]:
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    base = stack.addresses.api
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30, trust_env=False) as http:
        yield People(http, stack.addresses.simulator)


async def held_campaign(people: People) -> tuple[str, str]:
    """A campaign whose channel is paused, with every message held by it: channel and campaign."""
    channel = await people.call(
        "POST",
        "channels",
        json={
            "platform": "wassenger",
            "name": "Main",
            "credentials": {"token": "any", "device_id": "65f0c0ffee65f0c0ffee0001"},
            "webhook_secret": "a-long-random-secret",
            "rate_per_second": 50,
        },
    )
    campaign = await people.call(
        "POST",
        "campaigns",
        json={
            "name": "Autumn",
            "channel_id": channel["id"],
            "message_1": "Hello",
            "message_2": "Thanks",
            "reply_window_seconds": 3600,
            "pacing": {"delay_seconds": 0},
        },
    )
    rows = [{"phone": phone} for phone in PHONES]
    await people.call("POST", f"campaigns/{campaign['id']}/contacts", json={"contacts": rows})
    await people.call("POST", f"channels/{channel['id']}/pause")
    await people.call("POST", f"campaigns/{campaign['id']}/start")
    await people.until_counted(campaign["id"], "held", len(PHONES))
    return channel["id"], campaign["id"]


def open_to_others(folder: Path) -> list[str]:
    """What others than its owner may read."""
    secret = [folder, *(folder / name for name in ("relance.dump", "temporal.db", "secret.key", "api.key"))]
    return [path.name for path in secret if path.stat().st_mode & 0o077]


@pytest.mark.timeout(300)
async def test_a_restored_backup_goes_on_only_when_its_sends_are_confirmed(place: Path) -> None:
    first, second, folder = stack_in(place / "first"), stack_in(place / "second"), str(place / "backup")
    async with running_stack(first, fast=True) as stack, people_of(stack) as people:
        channel, campaign = await held_campaign(people)
        status, _, said = await relance(first, "backup", folder)
        assert status == 0, said
    assert open_to_others(Path(folder)) == []

    status, _, said = await relance(second, "restore", folder)
    assert status == 0, said
    status, _, said = await relance(second, "restore", folder)
    assert (status, "is not empty" in said) == (1, True)

    async with running_stack(second, fast=True) as stack, people_of(stack) as people:
        await people.call("POST", f"channels/{channel}/resume")

        async def held_by_the_hold() -> bool:
            return await people.reasons() == {REASON_TEXT[Reason.INSTALLATION_HELD]}

        await until(held_by_the_hold, "all are held by the installation", 30)
        assert await people.received() == []
        status, out, _ = await relance(second, "sends", "status", "--json")
        assert (status, json.loads(out)["held"], "backup of" in json.loads(out)["why"]) == (0, True, True)

        status, _, said = await relance(second, "sends", "confirm")
        assert status == 0, said
        await people.until_counted(campaign, "sent", len(PHONES))
        assert await people.received() == sorted(PHONES)


async def test_a_hold_can_be_set_and_ended_while_nothing_runs(place: Path) -> None:
    settings = stack_in(place / "data")
    async with running_stack(settings, ("postgres", "migrations"), fast=True):
        pass

    status, out, said = await relance(settings, "sends", "hold", "--why", "moving house", "--json")
    assert status == 0, said
    assert (json.loads(out)["held"], json.loads(out)["why"]) == (True, "moving house")
    status, out, said = await relance(settings, "sends", "confirm", "--json")
    assert (status, json.loads(out)["held"]) == (0, False)
    assert "repeat" in said


async def test_a_folder_that_is_no_whole_backup_is_refused(place: Path) -> None:
    status, _, said = await relance(stack_in(place / "data"), "restore", str(place))
    assert (status, "not a whole backup" in said) == (1, True)
    assert not (place / "data").exists()


async def test_sends_without_any_database_say_what_to_set(place: Path) -> None:
    status, _, said = await relance(stack_in(place / "data"), "sends", "status")
    assert (status, "RELANCE_DATABASE_URL" in said) == (1, True)
