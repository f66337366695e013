"""The process of a rehearsal: what it knows, where it may connect to, and how it ends."""

import subprocess
import sys
from contextlib import aclosing
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest

from rehearsal.apart import RehearsalFailed, rehearsed, rehearsing
from rehearsal.result import Progress, Rehearsed
from rehearsal.words import Line
from tests.rehearsal.briefs import brief
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)


def descendants() -> list[psutil.Process]:
    """The processes of rehearsals that this one started, and their servers."""
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if "rehearsal" in process.cmdline() or "temporal-test-server" in process.name()
    ]


async def test_it_tells_how_far_it_is_and_then_the_result() -> None:
    steps = [step async for step in rehearsing(brief(60, delay=60))]
    assert all(isinstance(step, Progress) for step in steps[:-1])
    last = steps[-1]
    assert isinstance(last, Rehearsed)
    assert last.message_1 == 60
    outs = [step.out for step in steps if isinstance(step, Progress)]
    assert outs == sorted(outs)


async def test_nothing_of_it_connects_to_another_machine() -> None:
    async with aclosing(rehearsing(brief(300, delay=60))) as steps:
        await anext(steps)
        connections = [one for process in descendants() for one in process.net_connections("inet")]
    remote = {one.raddr.ip for one in connections if one.raddr}
    assert remote
    assert all(ip_address(ip.removeprefix("::ffff:")).is_loopback for ip in remote), remote


async def test_whoever_stops_listening_leaves_no_process_behind() -> None:
    async with aclosing(rehearsing(brief(500, delay=60))) as steps:
        await anext(steps)
        assert len(descendants()) >= 2

    async def gone() -> bool:
        return descendants() == []

    await until(gone, "its processes are gone")


async def test_its_environment_holds_no_address_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELANCE_SECRET_KEYS", "x")
    monkeypatch.setenv("RELANCE_DATABASE_URL", "postgresql://x")
    async with aclosing(rehearsing(brief(300, delay=60))) as steps:
        await anext(steps)
        known = {name for process in descendants() for name in process.environ()}
    assert "PATH" in known
    assert not [name for name in known if name.startswith(("RELANCE_", "TEMPORAL_", "SENTRY_"))]


async def test_a_rehearsal_without_contacts_says_why_there_is_none() -> None:
    empty = brief(1).model_copy(update={"campaign": brief(1).campaign.model_copy(update={"contacts": []})})
    with pytest.raises(RehearsalFailed, match="nothing to rehearse"):
        await rehearsed(empty)


def test_it_runs_where_a_process_may_not_change_its_own_priority() -> None:
    """As under a system call filter without @resources, which answers EPERM."""
    code = (
        "import errno, os, sys\n"
        "def refused(_by):\n    raise PermissionError(errno.EPERM, 'Operation not permitted')\n"
        "os.nice = refused\nfrom rehearsal.__main__ import main\nsys.exit(main())"
    )
    told = brief(3).model_dump_json().encode() + b"\n"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(told)
        process.stdin.flush()  # and left open: the end of its input would stop it
        lines = [Line.model_validate_json(line) for line in process.stdout]
        assert process.wait(timeout=60) == 0
    assert [line.result.message_1 for line in lines if line.result] == [3]


def test_no_connector_database_or_http_client_is_even_loaded() -> None:
    ran = python(
        "import sys, rehearsal.__main__\n"
        "rooms = {'connectors', 'db', 'api', 'activities', 'simulator', 'settings', 'httpx', 'asyncpg', 'sqlalchemy'}\n"
        "print(sorted(rooms & {name.split('.')[0] for name in sys.modules}))"
    )
    assert ran.stdout.strip() == "[]", ran.stderr


@pytest.mark.parametrize(
    "connect",
    [
        "socket.create_connection(('192.0.2.1', 80), timeout=1)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
        "socket.getaddrinfo('example.com', 443)",
        "socket.socket(socket.AF_INET6, socket.SOCK_STREAM).connect(('2001:db8::1', 80))",
    ],
)
def test_its_sockets_lead_nowhere_else(connect: str) -> None:
    ran = python(f"import socket\nfrom rehearsal.closed import stay_on_this_machine\nstay_on_this_machine()\n{connect}")
    assert ran.returncode != 0
    assert "LeavesTheMachine" in ran.stderr


def test_its_sockets_reach_the_machine_itself() -> None:
    ran = python(
        "import socket\nfrom rehearsal.closed import stay_on_this_machine\nstay_on_this_machine()\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(server.getsockname(), timeout=5)\nprint('reached')"
    )
    assert ran.stdout.strip() == "reached", ran.stderr
