"""Questions to the local network: is this port free, does that address answer."""

import atexit
import secrets
import socket
import ssl
from contextlib import closing
from functools import cache

import httpx
import psutil

from cli.stack.errors import PortInUseError

PROBE_SECONDS = 2.0


def ensure_free(host: str, port: int, variable: str, what: str) -> None:
    """Raise PortInUseError, naming the environment variable to change, if `what` could not listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
            trial.listen(1)
        except OSError as error:
            raise PortInUseError(
                f"{what} cannot listen on {host}:{port} ({error.strerror}{_owner(port)}): "
                f"stop the program that uses port {port}, or set {variable} to a free one"
            ) from error


def is_free(host: str, port: int) -> bool:
    """Whether somebody could listen there now."""
    try:
        ensure_free(host, port, "", "")
    except PortInUseError:
        return False
    return True


def _owner(port: int) -> str:
    try:
        taken = [entry for entry in psutil.net_connections("tcp") if entry.laddr and entry.laddr.port == port]
        pids = [entry.pid for entry in taken if entry.status == psutil.CONN_LISTEN and entry.pid]
        return f", by {psutil.Process(pids[0]).name()}, pid {pids[0]}" if pids else ""
    except psutil.Error:  # whose port it is, is a courtesy; some systems tell it to root only
        return ""


def free_port() -> int:
    """A port on which nobody listens, and which nobody else is given by this function while this process lives."""
    candidates = list(_PORTS)
    while candidates:
        port = candidates.pop(secrets.randbelow(len(candidates)))
        if _reserve(port) and is_free("127.0.0.1", port):
            return port
    raise PortInUseError(f"none of the ports from {_PORTS[0]} to {_PORTS[-1]} is free: stop some of the programs there")


def _reserve(port: int) -> bool:
    """Holds the UDP port of that number: a sign to other processes, which leaves the TCP port to whoever gets it.

    Between the look and the use lie seconds, in which another process would find the same port free.
    """
    sign = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sign.bind(("127.0.0.1", port))
    except OSError:
        sign.close()
        return False
    _signs.append(sign)
    atexit.register(sign.close)
    return True


_PORTS = range(20_000, 32_000, 2)
"""Below those that systems give to outgoing connections (from 32768 on Linux), one of which could take a port between
the look and the use; the odd ones stay for what lives beside a port."""

_signs: list[socket.socket] = []


@cache
def trusted() -> ssl.SSLContext:
    """The authorities that httpx trusts, read once: each client that reads them itself takes 26 ms of a processor."""
    return httpx.create_ssl_context(trust_env=False)


async def get(url: str) -> httpx.Response | None:
    """The answer of a local address, or None if there is none yet."""
    try:
        async with httpx.AsyncClient(timeout=PROBE_SECONDS, trust_env=False, verify=trusted()) as client:
            return await client.get(url)
    except httpx.TransportError:
        return None


async def answers(url: str) -> bool:
    """True if the address answers with success."""
    response = await get(url)
    return response is not None and response.is_success
