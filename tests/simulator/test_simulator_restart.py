"""A simulator killed with -9 continues from its journal; two never share one."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from cli.stack.probes import free_port
from simulator.app import SimulatorConfig
from simulator.journal import Journal, JournalLockedError
from simulator.server import serving
from tests.simulator.stage import AT_ONCE, KEY, Hand, Receiver, until

ROOT = Path(__file__).resolve().parents[2]


@asynccontextmanager
async def _process(data_dir: Path) -> AsyncIterator[tuple[Hand, subprocess.Popen[bytes]]]:
    port = free_port()
    environment = os.environ | {"RELANCE_SIMULATOR_PORT": str(port), "RELANCE_DATA_DIR": str(data_dir)}
    command = [sys.executable, "-m", "simulator", "--seed", "7"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment)  # noqa: ASYNC220  # starts in a moment
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as http:
            await _healthy(http)
            yield Hand(http), process
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)


async def _healthy(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                if (await http.get("/healthz")).status_code == 200:
                    return
            except httpx.ConnectError:
                await asyncio.sleep(0.05)


async def test_after_kill_9_the_log_people_and_webhooks_go_on(tmp_path: Path, receiver: Receiver) -> None:
    soon = {"min_seconds": 1.5, "max_seconds": 1.5}
    people = {"reply_share": 1, "stop_share": 0, "delay": soon, "texts": [{"text": "yes"}]}
    receiver.status = 503
    async with _process(tmp_path) as (hand, process):
        await hand.subscribe(receiver.url)
        await hand.behave(people=people, receipts={"announce": False, "delay": AT_ONCE, "read_delay": soon})
        rule = {"kind": "reject", "match": {"text_contains": "bad", "next_n": 2}}
        await hand.control("PUT", "faults", {"rules": [rule]})
        sent = [(await hand.send(phone=f"+3360000000{index}", reference=f"r{index}")).json() for index in range(5)]
        assert (await hand.send(text="bad", reference="bad")).status_code == 400
        await hand.control("POST", "inbound", {"phone": "+33600000099", "text": "unheard"})
        await until(lambda: len(receiver.bodies) > 0)
        before = await hand.log()
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
    receiver.status = 200
    receiver.bodies.clear()
    async with _process(tmp_path) as (hand, _):
        assert await hand.log() == before
        assert [row["id"] for row in await hand.find(reference="r3")] == [sent[3]["id"]]
        await until(lambda: sorted(receiver.texts()) == ["unheard"] + ["yes"] * 5)
        assert len({body["data"]["id"] for body in receiver.bodies}) == 6
        assert [(await hand.send(text="bad", reference="again")).status_code for _ in range(2)] == [400, 201]
        counted = await hand.summary()
        assert (counted["received"], counted["accepted"], counted["by_reference_doubles"]) == (8, 6, [])


async def test_a_restart_in_process_keeps_everything_it_answered(tmp_path: Path) -> None:
    config = SimulatorConfig(tmp_path)
    async with serving(config) as base_url, httpx.AsyncClient(base_url=base_url) as http:
        hand = Hand(http)
        await hand.control("POST", "revoke", {"token": "old"})
        await hand.subscribe("http://127.0.0.1:1/hook")
        made = await hand.http.post("/v1/files", files={"file": ("a.txt", b"content", "text/plain")}, headers=KEY)
        assert (await hand.send(reference="r")).status_code == 201
        people = await hand.control("GET", "people")
    async with serving(config) as base_url, httpx.AsyncClient(base_url=base_url) as http:
        hand = Hand(http)
        assert (await http.get("/v1/me", headers={"Token": "old"})).status_code == 401
        assert len((await http.get("/v1/webhooks", headers=KEY)).json()) == 1
        kept = await http.get(f"/v1/files/{made.json()[0]['id']}/download", headers=KEY)
        assert kept.content == b"content"
        [before], [after] = people["items"], (await hand.control("GET", "people"))["items"]
        assert [each["id"] for each in after["received"]] == [each["id"] for each in before["received"]]


async def test_a_stop_does_not_wait_for_answers_that_are_withheld(tmp_path: Path) -> None:
    async with _process(tmp_path) as (hand, process):
        await hand.fault("timeout", seconds=60)
        sending = asyncio.create_task(hand.send(reference="held"))
        await hand.summary_when(lambda counted: counted["accepted"] == 1)
        process.send_signal(signal.SIGTERM)
        with pytest.raises(httpx.RemoteProtocolError):
            await sending
        assert await asyncio.to_thread(process.wait, 5) == -signal.SIGTERM


def test_a_line_cut_by_a_kill_is_dropped_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"kind":"a"}\n{"kind":"b"')
    journal = Journal(path)
    assert list(journal.read()) == [{"kind": "a"}]
    journal.append({"kind": "c"})
    journal.close()
    assert [json.loads(line) for line in path.read_text().splitlines()] == [{"kind": "a"}, {"kind": "c"}]


async def test_a_second_simulator_on_the_same_directory_is_refused_in_words(tmp_path: Path) -> None:
    async with serving(SimulatorConfig(tmp_path)):
        with pytest.raises(JournalLockedError, match="in use by another simulator"):
            async with serving(SimulatorConfig(tmp_path)):
                pytest.fail("two simulators wrote to one journal")


async def test_the_process_says_in_words_that_its_directory_is_taken(tmp_path: Path) -> None:
    async with serving(SimulatorConfig(tmp_path)):
        command = [sys.executable, "-m", "simulator", "--port", str(free_port()), "--data-dir", str(tmp_path)]
        ended = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert b"in use by another simulator" in ended.stderr
    assert b"Traceback" not in ended.stderr
