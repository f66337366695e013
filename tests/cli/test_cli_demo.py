"""The demo for real, in small: killed with everything in the middle, finished by the next call, judged once more."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.demo.runs import load_run
from cli.stack.probes import free_port, trusted
from cli.stack.programs import ROOT
from cli.stack.state import read_api_key, read_state

PEOPLE = 30
PORTS = ("API", "TEMPORAL", "TEMPORAL_UI", "SIMULATOR")
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def data_dir(session_dir: Path, tmp_path: Path) -> Path:
    """A directory that PostgreSQL's own user can reach."""
    return session_dir / tmp_path.name


@pytest.fixture
def demo(data_dir: Path, tmp_path: Path) -> Iterator[Start]:
    """Start `relance demo` as a process, on free ports, with few contacts and a short window."""
    contacts = tmp_path / "contacts.csv"
    rows = [f"+336399800{number:02},Zoé" for number in range(PEOPLE)]
    contacts.write_text("\n".join(["phone,first_name", *rows, rows[0], "nobody,Bo"]) + "\n", encoding="utf-8")
    ports = {f"RELANCE_{name}_PORT": str(free_port()) for name in PORTS}
    # A short lease, so that what a killed process leaves behind is soon settled.
    short = {"RELANCE_SEND_TIMEOUT_SECONDS": "3", "RELANCE_SETTLE_GRACE_SECONDS": "2"}
    environment = {**os.environ, **ports, **short, "RELANCE_DATA_DIR": str(data_dir)}
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "cli.main", "demo", "--json", "--contacts", str(contacts), "--window", "5"]
        process = subprocess.Popen(
            [*command, *options], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


def _result(process: "subprocess.Popen[str]", exit_code: int = 0) -> dict[str, Any]:
    output, words = process.communicate(timeout=110)
    assert process.returncode == exit_code, output + words
    said: dict[str, Any] = json.loads(output)
    return said


def _wait(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.1)


def _under_way(data_dir: Path) -> bool:
    run = load_run(data_dir)
    return run is not None and run.started


def _messages_out(data_dir: Path) -> int:
    """How many messages the platform has accepted; 0 while it is not up."""
    state = read_state(data_dir)
    if state is None or not _under_way(data_dir):
        return 0
    answer = httpx.get(f"{state.addresses.simulator}/control/summary", timeout=10, trust_env=False, verify=trusted())
    return int(answer.json()["accepted"])


def _kill_everything(data_dir: Path) -> None:
    """SIGKILL to the demo with its supervisor and to every part of the stack."""
    state = read_state(data_dir)
    assert state is not None
    processes = [
        process for process in (state.supervisor.find(), *(one.find() for one in state.parts.values())) if process
    ]
    assert len(processes) == 6  # supervisor, postgres, temporal, simulator, worker, api
    for process in processes:
        process.send_signal(signal.SIGKILL)


@pytest.mark.timeout(240)
def test_a_demo_killed_with_everything_is_finished_by_the_next_one_and_kept_to_look_at(
    demo: Start, data_dir: Path
) -> None:
    first = demo("--rate", "8")
    _wait(lambda: _messages_out(data_dir) >= 5, "a campaign in full swing")
    _kill_everything(data_dir)
    first.communicate(timeout=10)
    assert first.returncode == -signal.SIGKILL
    killed = load_run(data_dir)
    assert killed is not None

    second = demo("--keep")
    _wait(lambda: len(_answer(data_dir, "/api/deliveries?status=unknown")) == 3, "three outcomes are unknown", 120)
    _wait(lambda: len(_answer(data_dir, "/api/deliveries?status=held")) >= 10, "the paused channel holds its messages")
    campaigns = _answer(data_dir, "/api/campaigns")
    assert [one["status"] for one in campaigns if one["channel_id"] == killed.channel_id] == ["completed"]
    states = [one["status"] for one in campaigns]
    assert sorted(states) == ["completed", "draft", "paused", "running", "running", "running", "scheduled"]
    assert second.poll() is None  # it stays until it is told to stop
    second.terminate()
    said = _result(second)
    assert said["campaign_id"] == killed.campaign_id
    assert said["faults"] == []
    assert (said["doubles"], said["losses"], said["after_stop"]) == (0, 0, 0)
    assert said["relance"]["imported"] == PEOPLE
    assert (said["relance"]["duplicates"], said["relance"]["invalid"]) == (1, 1)
    assert said["relance"]["sent"] == said["platform"]["sent"] > 0

    again = _result(demo("--verify"))
    assert again["relance"] == said["relance"]
    assert again["platform"] == said["platform"]


@pytest.mark.timeout(120)
def test_a_demo_that_is_told_to_stop_ends_in_good_order(demo: Start, data_dir: Path) -> None:
    process = demo("--rate", "4")
    _wait(lambda: _under_way(data_dir), "a campaign with its contacts")
    process.terminate()
    _, words = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "goes on where this one stopped" in words
    assert read_state(data_dir) is None


def _answer(data_dir: Path, path: str) -> list[dict[str, Any]]:
    """The items of a list of the API; none while it is not up."""
    state, key = read_state(data_dir), read_api_key(data_dir)
    if state is None or key is None or not state.addresses.api:
        return []
    headers = {"Authorization": f"Bearer {key}"}
    try:
        answer = httpx.get(
            f"{state.addresses.api}{path}", headers=headers, timeout=10, trust_env=False, verify=trusted()
        )
    except httpx.TransportError:
        return []
    return list(answer.json()["items"]) if answer.is_success else []
