"""A port is given to one process only, though it stays unused for a while."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from cli.stack import probes
from cli.stack.errors import PortInUseError
from cli.stack.probes import free_port

TWO_PORTS = range(32_001, 32_005, 2)
"""None of those that are given otherwise."""

IN_ANOTHER_PROCESS = f"""
from cli.stack import probes
probes._PORTS = {TWO_PORTS!r}
print(probes.free_port(), flush=True)
input()
"""


@pytest.fixture(autouse=True)
def two_ports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """There are two ports to give, and no signs of this process yet."""
    signs: list[socket.socket] = []
    monkeypatch.setattr(probes, "_PORTS", TWO_PORTS)
    monkeypatch.setattr(probes, "_signs", signs)
    yield
    for sign in signs:
        sign.close()


def test_a_port_is_not_given_twice_while_the_process_that_has_it_lives() -> None:
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        theirs = int(other.stdout.readline())
        ours = free_port()
        assert {ours, theirs} == set(TWO_PORTS)
        with pytest.raises(PortInUseError, match="none of the ports from 32001 to 32003 is free"):
            free_port()
        other.stdin.write("\n")
        other.stdin.flush()
        assert other.wait(10) == 0
    assert free_port() == theirs
