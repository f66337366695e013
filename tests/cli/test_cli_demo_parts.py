"""The demo's parts: its memory, its script, its contacts, its ports, and how it reads the simulator's log."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.client import Api
from cli.demo import command, script
from cli.demo.collection import gather
from cli.demo.command import CONTACTS, Options, play
from cli.demo.place import stage
from cli.demo.platform import Platform
from cli.demo.ports import PORTS, with_free_ports
from cli.demo.runs import RUN_FILE, load_run, new_run, save_run
from cli.main import app
from cli.stack.environment import Addresses
from cli.stack.errors import StackError
from cli.stack.probes import free_port
from cli.stack.state import ProcessId, StackState, write_state
from domain.phones import InvalidPhone, normalise_phone
from domain.templates import render
from settings import Settings
from simulator.app import SimulatorConfig
from simulator.behaviour import Behaviour
from simulator.server import serving
from tests.cli.conftest import StubApi

DEVICE = "a" * 24
HEADERS = {"Token": script.DEMO_TOKEN}


def test_the_example_contacts_hold_people_doubles_and_bad_numbers() -> None:
    run = new_run(CONTACTS, rate=10, window_seconds=10)
    phones: list[str] = []
    bad = 0
    for line in CONTACTS.read_text(encoding="utf-8").splitlines()[1:]:
        try:
            phones.append(normalise_phone(line.split(",")[0]))
        except InvalidPhone:
            bad += 1
    assert run.rows == len(phones) + bad
    assert len(set(phones)) >= 200
    assert len(phones) > len(set(phones))
    assert bad > 0


def test_the_example_numbers_are_all_reserved_for_fiction() -> None:
    reserved = ("+3363998", "+447700900", "+1202555", "+49176040690")
    for line in CONTACTS.read_text(encoding="utf-8").splitlines()[1:]:
        try:
            phone = normalise_phone(line.split(",")[0])
        except InvalidPhone:
            continue
        assert phone.startswith(reserved)


@given(first_name=st.text(min_size=1, max_size=20), city=st.text(min_size=1, max_size=20))
def test_both_messages_are_recognised_however_they_are_rendered(first_name: str, city: str) -> None:
    for variables in ({}, {"first_name": first_name}, {"city": city}, {"first_name": first_name, "city": city}):
        assert script.which_message(render(script.MESSAGE_1, variables)) == 1
        assert script.which_message(render(script.MESSAGE_2, variables)) == 2


def test_any_other_text_is_neither_message() -> None:
    assert script.which_message("hello") == 0


@given(st.floats(min_value=2, max_value=86_400))
def test_people_of_the_demo_always_answer_within_the_window(window: float) -> None:
    behaviour = Behaviour.model_validate(script.behaviour(window))
    assert behaviour.people.delay.max_seconds < window
    assert 0 < behaviour.people.stop_share < behaviour.people.reply_share


def test_a_run_is_remembered_and_a_torn_file_is_no_run(tmp_path: Path) -> None:
    run = new_run(CONTACTS, rate=10, window_seconds=10)
    assert load_run(tmp_path) is None
    save_run(tmp_path, run.model_copy(update={"campaign_id": "c", "added": 3}))
    kept = load_run(tmp_path)
    assert kept is not None
    assert kept.id == run.id
    assert kept.started
    assert (tmp_path / RUN_FILE).stat().st_mode & 0o077 == 0
    (tmp_path / RUN_FILE).write_text('{"id": "cut')
    assert load_run(tmp_path) is None


def test_two_runs_share_neither_device_nor_secret() -> None:
    first, second = new_run(CONTACTS, 10, 10), new_run(CONTACTS, 10, 10)
    assert {first.id, first.device, first.secret}.isdisjoint({second.id, second.device, second.secret})


def test_a_taken_default_port_is_replaced_and_a_chosen_one_is_not(stub: StubApi, tmp_path: Path) -> None:
    taken = int(stub.url.rpartition(":")[2])
    free: dict[str, Any] = {name: free_port() for name in PORTS if name != "api_port"}
    chosen = Settings(data_dir=tmp_path, api_port=taken, **free)
    assert with_free_ports(chosen) is chosen
    default = chosen.model_copy()
    default.model_fields_set.discard("api_port")
    moved = with_free_ports(default)
    assert moved.api_port != taken
    assert moved.public_url == moved.api_url
    assert moved.simulator_port == free["simulator_port"]


def test_the_demo_refuses_where_only_real_people_could_be_reached(tmp_path: Path) -> None:
    real = Settings(data_dir=tmp_path, wassenger_url="https://api.wassenger.com")
    with pytest.raises(StackError, match="RELANCE_WASSENGER_URL"), stage(real):
        pytest.fail("a stage on the real platform")


def test_the_demo_refuses_a_running_stack_without_simulator(tmp_path: Path) -> None:
    own = ProcessId.of(os.getpid())
    assert own is not None
    write_state(tmp_path, StackState(own, Addresses(api="http://127.0.0.1:1")))
    with pytest.raises(StackError, match="real platform"), stage(Settings(data_dir=tmp_path)):
        pytest.fail("a stage on the real platform")


def test_resume_and_verify_need_a_run(tmp_path: Path) -> None:
    options = Options(CONTACTS, rate=10, window=10, limit=10, resume=True)
    for wanted in (options, replace(options, resume=False, verify=True)):
        with pytest.raises(StackError, match="there is no demo"):
            play(Settings(data_dir=tmp_path), wanted)


@pytest.mark.parametrize("agrees", [True, False])
def test_the_end_of_what_is_kept_to_look_at_is_no_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], agrees: bool
) -> None:
    class Kept:
        own = object()

        def check(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(command, "stage", lambda _settings: nullcontext(Kept()))
    monkeypatch.setattr(command, "_perform", lambda *_: agrees)
    monkeypatch.setenv("RELANCE_DATA_DIR", str(tmp_path))
    result = CliRunner().invoke(app, ["demo", "--keep", "--new"])
    assert result.exit_code == (0 if agrees else 1)
    assert "interrupted" not in result.stderr


async def _with_simulator(tmp_path: Path, act: Callable[[str], None]) -> None:
    """Run blocking code against a real simulator."""
    async with serving(SimulatorConfig(data_dir=tmp_path)) as url:
        await asyncio.to_thread(act, url)


async def test_both_accounts_are_read_only_when_every_acknowledged_event_was_acted_on(
    stub: StubApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gauge = 'relance_inbound_unprocessed_events{{state="unmatched"}} 7.0\n{}'
    for page in ("# the database is away\n", gauge.format('relance_inbound_unprocessed_events{state="waiting"} 2.0\n')):
        stub.text("/metrics", page, "text/plain")
    stub.problem("GET", "/metrics", 503, "The API is stopping.")
    stub.text("/metrics", gauge.format('relance_inbound_unprocessed_events{state="waiting"} 0.0\n'), "text/plain")
    run = new_run(CONTACTS, rate=10, window_seconds=10).model_copy(update={"campaign_id": str(UUID(int=1))})
    page = f"/api/campaigns/{run.campaign_id}"
    stub.on("GET", page, {"id": run.campaign_id, "status": "completed"})
    stub.on("GET", f"{page}/contacts", {"items": [], "next_cursor": None})
    looks = []

    def act(url: str) -> None:
        platform = Platform(url)
        with Api(stub.url, "key") as api:
            assert gather(api, platform, run, lambda: looks.append("looked")).status == "completed"
        platform.close()

    await _with_simulator(tmp_path, act)
    assert len(looks) == 2
    assert [path.partition("?")[0] for _, path, _ in stub.asked] == ["/metrics"] * 4 + [page, f"{page}/contacts"]
    assert "2 events of the platform are stored" in capsys.readouterr().err


async def test_a_webhook_is_registered_once_and_moves_with_the_api(tmp_path: Path) -> None:
    def act(url: str) -> None:
        platform = Platform(url)
        for port in (8000, 8000, 9000):
            platform.ensure_webhook("demo", f"http://127.0.0.1:{port}/webhooks/wassenger/x?secret=s", DEVICE)
        hooks = httpx.get(f"{url}/v1/webhooks", headers=HEADERS).json()
        platform.close()
        assert [hook["url"] for hook in hooks] == ["http://127.0.0.1:9000/webhooks/wassenger/x?secret=s"]
        assert hooks[0]["device"] == DEVICE

    await _with_simulator(tmp_path, act)


async def test_the_log_is_read_person_by_person(tmp_path: Path) -> None:
    def act(url: str) -> None:
        platform = Platform(url)
        platform.teach({"people": {"reply_share": 0, "stop_share": 0}, "receipts": {"failed_share": 1.0}})
        for text in (render(script.MESSAGE_1, {}), render(script.MESSAGE_2, {}), "something else"):
            body = {"phone": "+33639980001", "message": text, "device": DEVICE}
            httpx.post(f"{url}/v1/messages", json=body, headers=HEADERS).raise_for_status()
        inbound = {"device": DEVICE, "phone": "+33639980002", "text": "STOP"}
        httpx.post(f"{url}/control/inbound", json=inbound).raise_for_status()
        deadline = time.monotonic() + 10
        while platform.busy() and time.monotonic() < deadline:
            time.sleep(0.02)
        people = {person.phone: person for person in platform.seen(DEVICE)}
        unheard = platform.unheard(DEVICE)
        platform.close()
        first, second = people["+33639980001"], people["+33639980002"]
        assert (len(first.message_1), len(first.message_2), len(first.others)) == (1, 1, 1)
        assert first.failed
        assert second.stop is not None
        assert second.answer is None
        assert unheard == 1  # no webhook is registered, so nobody has acknowledged the STOP

    await _with_simulator(tmp_path, act)
