"""Keeps a process on its own machine: no connection from here leads anywhere else."""

import sys
from ipaddress import ip_address
from typing import Any


class LeavesTheMachine(PermissionError):
    """A rehearsal tried to reach another machine."""


def stay_on_this_machine() -> None:
    """From now on the process's Python code connects to loopback addresses only; it cannot be undone."""
    sys.addaudithook(_refuse_others)


def _refuse_others(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
        address = arguments[1] if event != "socket.getaddrinfo" else (arguments[0],)
        if isinstance(address, tuple) and not _is_loopback(address[0]):
            raise LeavesTheMachine(f"a rehearsal connects to nothing but itself, not to {address[0]!r}")


def _is_loopback(host: object) -> bool:
    if host in (None, "localhost", b"localhost"):
        return True
    try:
        return ip_address(host.decode() if isinstance(host, bytes) else str(host)).is_loopback
    except ValueError:  # a name would have to be asked of another machine
        return False
