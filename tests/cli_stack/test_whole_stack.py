"""Everything together: our own programs on the embedded database and Temporal, killed and started again."""

import asyncio
import json

import httpx
import pytest

from cli.stack.errors import PortInUseError
from cli.stack.probes import get, trusted
from cli.stack.stack import ALL_PARTS, Stack, running_stack
from settings import Settings
from tests.cli_stack.conftest import Said


async def until_green(stack: Stack) -> None:
    """Wait, at most 60 s, for the API's word that all is there."""
    for _ in range(600):
        answer = await get(f"{stack.addresses.api}/readyz")
        if answer is not None and answer.is_success:
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"/readyz stayed red: {answer.text if answer else 'no answer'}")


async def campaigns(stack: Stack) -> httpx.Response:
    """A request that needs a valid key and the database."""
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    async with httpx.AsyncClient(trust_env=False, headers=headers, verify=trusted()) as client:
        return await client.get(f"{stack.addresses.api}/api/campaigns")


def log_lines(stack: Stack, part: str) -> list[str]:
    """What a program of ours logged."""
    return (stack.data_dir / "logs" / f"{part}.log").read_text().splitlines()


async def test_all_parts_killed_at_once_come_back_and_the_first_key_stays_valid(
    stack_settings: Settings, said: Said
) -> None:
    async with running_stack(stack_settings, fast=True, say=said) as stack:
        assert stack.new_api_key is not None
        assert (await campaigns(stack)).status_code == 200
        parts = [part for part in ALL_PARTS if part != "migrations"]
        before = {part: stack.kill(part) for part in parts}
        for part in parts:
            await stack.wait_ready(part)
        await until_green(stack)
        assert {part for part in parts if stack.pid(part) == before[part]} == set()
        assert (await campaigns(stack)).status_code == 200
        key = stack.api_key
    assert {type(json.loads(line)) for line in log_lines(stack, "api") + log_lines(stack, "worker")} == {dict}

    async with running_stack(stack_settings, fast=True) as stack:
        assert stack.new_api_key is None
        assert stack.api_key == key
        assert (await campaigns(stack)).status_code == 200


@pytest.mark.parametrize(
    ("field", "variable"), [("api_port", "RELANCE_API_PORT"), ("simulator_port", "RELANCE_SIMULATOR_PORT")]
)
async def test_a_taken_port_of_our_own_programs_is_said_before_anything_starts(
    stack_settings: Settings, field: str, variable: str
) -> None:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", getattr(stack_settings, field))
    async with server:
        with pytest.raises(PortInUseError, match=variable):
            async with running_stack(stack_settings, fast=True):
                pytest.fail("it ran")
    assert not (stack_settings.data_dir / "postgres").exists()
