"""Checks of this machine: data directory, disk, keys, programs, ports."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cli.doctor.findings import Finding, fine, note, wrong
from cli.stack.errors import PortInUseError, StackError
from cli.stack.probes import ensure_free
from cli.stack.state import KEY_FILE, StackState
from cli.stack.temporal import temporal_program
from settings import Settings, external_temporal, is_loopback

GIGABYTE = 1_000_000_000
NOWHERE = "the database, Temporal's state and the keys are kept there"
STANDS_STILL = "nothing is sent and no reply is taken while it is down"
COMMON_ZONE = "Europe/Paris"
SCARCE_BYTES, EMPTY_BYTES = 2 * GIGABYTE, GIGABYTE // 4


def check_machine(settings: Settings, state: StackState | None) -> Iterator[Finding]:
    """Everything that can be seen without asking another process."""
    yield _data_dir(settings.data_dir)
    yield _disk(settings.data_dir)
    yield _secret_key(settings)
    yield _api_key(settings)
    yield _time_zones()
    yield _public_url(settings)
    if not external_temporal():
        yield _program()
    if state is not None and state.running:
        yield fine("stack", f"runs (pid {state.supervisor.pid})")
        return
    if _is_run_otherwise(settings):
        yield note("stack", "not run by `relance up` here", "its parts are looked at one by one below")
        return
    yield from _ports(settings)
    yield _stopped(state)


def _is_run_otherwise(settings: Settings) -> bool:
    """Whether the parts are processes of somebody else's (systemd, containers), which hold their ports rightly."""
    return settings.database_url is not None and external_temporal()


def _existing(path: Path) -> Path:
    """The directory, or the nearest one above it that exists."""
    return next(candidate for candidate in (path, *path.parents) if candidate.exists())


def _data_dir(data_dir: Path) -> Finding:
    name, place = "data directory", _existing(data_dir.resolve())
    if not place.is_dir():
        return wrong(name, f"{place} is a file", "set RELANCE_DATA_DIR to a directory", why=NOWHERE)
    if not os.access(place, os.W_OK | os.X_OK):
        advice = "give this user the right, or set RELANCE_DATA_DIR to another"
        return wrong(name, f"{place} cannot be written", advice, why=NOWHERE)
    return fine(name, str(data_dir.resolve()) + ("" if data_dir.exists() else " (made at the first start)"))


def _disk(data_dir: Path) -> Finding:
    free = shutil.disk_usage(_existing(data_dir.resolve())).free
    words = f"{free / GIGABYTE:.1f} GB free"
    if free < EMPTY_BYTES:
        why = "PostgreSQL and Temporal stop when they cannot write"
        return wrong("disk", words, f"free some space where {data_dir} lies", why=why)
    return note("disk", words, "keep an eye on it") if free < SCARCE_BYTES else fine("disk", words)


def _secret_key(settings: Settings) -> Finding:
    name, path = "secret key", settings.data_dir / "secret.key"
    if settings.secret_keys is not None:
        return fine(name, "as set by RELANCE_SECRET_KEYS")
    if not path.exists():
        if (settings.data_dir / "postgres").exists():
            advice = "restore secret.key from a backup, or reconnect every channel with `relance channel reconnect`"
            return wrong(name, f"{path} is gone", advice, why="no stored credentials can be read without it")
        return note(name, "none yet; it is made at the first start", "keep a copy of it apart from the database")
    if path.stat().st_mode & 0o077:
        why = "with it and a copy of the database anybody reads every account's key"
        return wrong(name, f"{path} can be read by others", f"chmod 600 {path}", why=why)
    return fine(name, str(path))


def _api_key(settings: Settings) -> Finding:
    if settings.bootstrap_api_key is not None:
        return fine("API key", "as set by RELANCE_BOOTSTRAP_API_KEY")
    path = settings.data_dir / KEY_FILE
    if path.exists():
        return fine("API key", str(path))
    return note("API key", "none kept here", "it is made at the first start, or give it with RELANCE_API_KEY")


def _time_zones() -> Finding:
    try:
        ZoneInfo(COMMON_ZONE)
    except ZoneInfoNotFoundError:
        advice = "run `make install` (the package tzdata), or install the system's tzdata"
        why = "quota days and send windows are reckoned in the tenant's zone: no send passes the gate without"
        return wrong("time zones", f"{COMMON_ZONE} is not known on this machine", advice, why=why)
    return fine("time zones", "known")


def _public_url(settings: Settings) -> Finding:
    name, host = "public address", urlsplit(settings.public_url).hostname or ""
    if settings.uses_simulator:
        return fine(name, settings.public_url)
    if is_loopback(host) or not settings.public_url.startswith("https://"):
        words = f"{settings.public_url} is no address that a platform can call safely"
        why = "platforms bring replies and receipts there, with the channel's secret in the address"
        return wrong(name, words, "set RELANCE_PUBLIC_URL to an https:// address that leads to the API", why=why)
    return fine(name, settings.public_url)


def _program() -> Finding:
    try:
        return fine("temporal program", temporal_program())
    except StackError as error:
        return wrong("temporal program", str(error), "run `make install`", why="without it no workflow runs")


def _ports(settings: Settings) -> Iterator[Finding]:
    for variable, host in _wanted_ports(settings).items():
        port = getattr(settings, variable)
        setting = f"RELANCE_{variable.upper()}"
        try:
            ensure_free(host, port, setting, "the stack")
        except PortInUseError:
            advice = f"stop it, or set {setting} to a free port"
            yield wrong(f"port {port}", "another program listens there", advice, why="the stack cannot start there")
        else:
            yield fine(f"port {port}", "free")


def _wanted_ports(settings: Settings) -> dict[str, str]:
    """The ports that the parts started here would take, with the address that each binds to."""
    local = "127.0.0.1"
    temporal = {} if external_temporal() else {"temporal_port": local, "temporal_ui_port": local}
    simulator = {"simulator_port": local} if settings.uses_simulator else {}
    return {"api_port": settings.api_host, **temporal, **simulator}


def _stopped(state: StackState | None) -> Finding:
    if state is not None:
        advice = "`make up` takes over and goes on where it stopped"
        words = f"was killed (its supervisor, pid {state.supervisor.pid}, is gone)"
        return wrong("stack", words, advice, why=STANDS_STILL)
    return wrong("stack", "not running", "start it with `make up`", why=STANDS_STILL)
