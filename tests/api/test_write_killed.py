"""A process killed between the effect of a write and the keeping of its answer: its repeat has no second effect."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI

from cli.stack.probes import free_port
from db.engine import Database
from db.secrets import SecretBox
from tests.api.people import Company, make_company
from tests.waiting import until

ROOT = Path(__file__).parents[2]
KEY = {"Idempotency-Key": "order-66"}


@contextmanager
def serving(
    url: str, secret: str, *, dies: bool = False
) -> Iterator[tuple[httpx.AsyncClient, subprocess.Popen[bytes]]]:
    """A process of the API and a client of it; killed at the end whatever happens."""
    port = free_port()
    command = [sys.executable, "-m", "tests.api.dying_api", url, str(port), secret, *(["dies"] if dies else [])]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}"), process
    finally:
        process.kill()
        process.wait()


async def wait_until_up(http: httpx.AsyncClient) -> None:
    """Until it answers."""

    async def up() -> bool:
        try:
            return (await http.get("/healthz")).status_code == 200
        except httpx.TransportError:
            return False

    await until(up, "the API answers")


async def settled(http: httpx.AsyncClient, company: Company, body: dict[str, str]) -> httpx.Response:
    """The write, once the claim of the dead process is given up; until then it is a conflict."""
    answer: list[httpx.Response] = []

    async def answered() -> bool:
        answer[:] = [await ask(http, company, body)]
        return answer[0].status_code != 409

    await until(answered, "the claim of the dead process is given up")
    return answer[0]


async def ask(http: httpx.AsyncClient, company: Company, body: dict[str, str]) -> httpx.Response:
    """Makes a campaign under the key."""
    headers = KEY | {"Authorization": f"Bearer {company.key}"}
    return await http.post("/api/campaigns", json=body, headers=headers)


async def test_a_write_whose_process_was_killed_before_its_answer_was_kept_is_done_once(
    database: Database, database_url: str, app: FastAPI
) -> None:
    secret = Fernet.generate_key().decode()
    company = await make_company(database, SecretBox([secret]), app)
    body = {"name": "A", "channel_id": str(company.channel_id), "message_1": "a", "message_2": "b"}
    with serving(database_url, secret, dies=True) as (http, process):
        async with http:
            await wait_until_up(http)
            with pytest.raises(httpx.TransportError):
                await ask(http, company, body)
        assert process.wait() == -9
    async with company.http as http:
        [made] = (await http.get("/api/campaigns")).json()["items"]
    with serving(database_url, secret) as (http, _):
        async with http:
            await wait_until_up(http)
            answer = await settled(http, company, body)
            again = await ask(http, company, body)
            listed = await http.get("/api/campaigns", headers={"Authorization": f"Bearer {company.key}"})
    assert (answer.status_code, answer.json()["id"]) == (201, made["id"])
    assert (again.status_code, again.json()) == (201, answer.json())
    assert [campaign["id"] for campaign in listed.json()["items"]] == [made["id"]]
