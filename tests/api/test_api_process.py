"""`python -m api` as a process: up without Temporal, ended by SIGTERM, clear about what is wrong."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI

from api.engine_client import lazy_client
from cli.stack.probes import free_port
from db.engine import Database
from db.secrets import SecretBox
from domain.campaigns import CampaignRef
from tests.api.people import Company, make_company, phone
from workflows.handles import EngineUnavailable, Workflows

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0


def environment(database_url: str, **more: str) -> dict[str, str]:
    """The process's variables: Temporal is said to be where nothing is."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RELANCE_", "TEMPORAL_"))}
    own = {
        "RELANCE_DATABASE_URL": database_url,
        "RELANCE_SECRET_KEYS": Fernet.generate_key().decode(),
        "RELANCE_TEMPORAL_PORT": str(free_port()),
        "RELANCE_API_PORT": str(free_port()),
    }
    return kept | own | more


@contextmanager
def running(variables: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The process, stopped at the end whatever happens."""
    process = subprocess.Popen([sys.executable, "-m", "api"], cwd=ROOT, env=variables, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until_up(process: subprocess.Popen[bytes], http: httpx.Client) -> None:
    """Returns once the process answers."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1].decode()
        try:
            if http.get("/healthz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the API did not come up")


@pytest.fixture
def variables(database_url: str) -> dict[str, str]:
    """The process's variables."""
    return environment(database_url)


@pytest.fixture
async def customer(database: Database, variables: dict[str, str]) -> Company:
    """A tenant whose secrets the process can open."""
    company = await make_company(database, SecretBox([variables["RELANCE_SECRET_KEYS"]]), FastAPI())
    await company.http.aclose()
    return company


def test_it_serves_without_temporal_and_stops_when_told(variables: dict[str, str], customer: Company) -> None:
    address = f"http://127.0.0.1:{variables['RELANCE_API_PORT']}"
    headers = {"Authorization": f"Bearer {customer.key}"}
    with running(variables) as process, httpx.Client(base_url=address, headers=headers, timeout=PATIENCE) as http:
        wait_until_up(process, http)
        body = {"name": "x", "channel_id": str(customer.channel_id), "message_1": "a", "message_2": "b"}
        campaign = http.post("/api/campaigns", json=body).json()["id"]
        http.post(f"/api/campaigns/{campaign}/contacts", json={"contacts": [{"phone": phone(1)}]})
        assert http.post(f"/api/campaigns/{campaign}/start").status_code == 503
        assert http.get("/readyz").status_code == 503
        event = http.post(f"/webhooks/wassenger/{customer.channel_id}?secret=hook-secret", json={"event": "other"})
        assert event.status_code == 200, event.text
        with http.stream("GET", f"/api/campaigns/{campaign}/events") as stream:
            assert next(stream.iter_lines()) == "event: progress"
            process.send_signal(signal.SIGTERM)
            log = process.communicate(timeout=PATIENCE)[1].decode()
    assert process.returncode == 0, log
    assert "api.stopped" in log
    assert "hook-secret" not in log


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"RELANCE_API_PORT": "many"}, 2, "RELANCE_API_PORT"),
        ({"RELANCE_DATABASE_URL": ""}, 2, "RELANCE_DATABASE_URL"),
    ],
)
def test_what_is_wrong_with_the_environment_is_said(
    database_url: str, change: dict[str, str], status: int, said: str
) -> None:
    with running(environment(database_url, **change)) as process:
        log = process.communicate(timeout=PATIENCE)[1].decode()
    assert process.returncode == status
    assert said in log


def test_a_port_in_use_is_said(database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with running(environment(database_url, RELANCE_API_PORT=port)) as process:
            log = process.communicate(timeout=PATIENCE)[1].decode()
    assert process.returncode == 1
    assert port in log
    assert "RELANCE_API_PORT" in log


async def test_a_first_connection_that_fails_means_that_the_engine_is_away() -> None:
    client = await lazy_client({"target_host": f"127.0.0.1:{free_port()}", "namespace": "default"})
    workflows = Workflows(client)
    reference = CampaignRef(tenant_id=uuid4(), campaign_id=uuid4())
    for _ in range(2):
        with pytest.raises(EngineUnavailable):
            await workflows.start_campaign(reference, uuid4(), "x")
