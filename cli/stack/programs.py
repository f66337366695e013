"""Our own programs as parts of the stack: simulator, worker and API, each `python -m <name>`; and the migrations."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.stack.errors import PartFailedError
from cli.stack.probes import answers, ensure_free
from cli.stack.process import Command, last_lines, open_log
from settings import Settings, local_url

ROOT = Path(__file__).resolve().parents[2]
MIGRATION_SECONDS = 120.0
STOP_MARGIN_SECONDS = 15.0


class Program:
    """A Python module that runs until it is told to stop."""

    ready_seconds = 60.0

    def __init__(
        self,
        name: str,
        arguments: tuple[str, ...],
        log_file: Path,
        environment: Mapping[str, str],
        *,
        free: Callable[[], None],
        ready: Callable[[], Awaitable[bool]],
        stop_seconds: float,
    ) -> None:
        self.name = name
        self.log_file = log_file
        self._arguments = arguments
        self._environment = environment
        self._free = free
        self._ready = ready
        self._stop_seconds = stop_seconds

    def check(self) -> None:
        """Raise PortInUseError if its port is taken."""
        self._free()

    async def prepare(self) -> None:
        """Nothing to prepare."""

    def command(self) -> Command:
        """This Python with the module."""
        argv = (sys.executable, "-m", self.name, *self._arguments)
        return Command(argv, self.log_file, self._environment, ROOT, stop_seconds=self._stop_seconds)

    async def is_ready(self) -> bool:
        """As the program defines it."""
        return await self._ready()


def simulator(settings: Settings, data_dir: Path, environment: Mapping[str, str]) -> Program:
    """The pretended platforms, on the loopback address."""
    port = settings.simulator_port
    arguments = ("--host", "127.0.0.1", "--port", str(port), "--data-dir", str(data_dir))
    return Program(
        "simulator",
        arguments,
        data_dir / "logs" / "simulator.log",
        environment,
        free=lambda: ensure_free("127.0.0.1", port, "RELANCE_SIMULATOR_PORT", "the simulator"),
        ready=lambda: answers(f"http://127.0.0.1:{port}/healthz"),
        stop_seconds=STOP_MARGIN_SECONDS,
    )


def worker(settings: Settings, data_dir: Path, environment: Mapping[str, str]) -> Program:
    """The Temporal worker; when stopped it may first finish the sends that it has begun."""
    port = int(environment["RELANCE_WORKER_METRICS_PORT"])
    return Program(
        "worker",
        (),
        data_dir / "logs" / "worker.log",
        environment,
        free=lambda: ensure_free(settings.metrics_host, port, "RELANCE_WORKER_METRICS_PORT", "the worker"),
        ready=lambda: answers(f"{local_url(settings.metrics_host, port)}/healthz"),
        stop_seconds=settings.send_timeout_seconds + STOP_MARGIN_SECONDS,
    )


def api(settings: Settings, data_dir: Path, environment: Mapping[str, str]) -> Program:
    """The HTTP API."""
    return Program(
        "api",
        (),
        data_dir / "logs" / "api.log",
        environment,
        free=lambda: ensure_free(settings.api_host, settings.api_port, "RELANCE_API_PORT", "the API"),
        ready=lambda: answers(f"{settings.api_url}/healthz"),
        stop_seconds=settings.drain_seconds + STOP_MARGIN_SECONDS,
    )


@dataclass(frozen=True)
class Made:
    """Secrets that the migrations made: the first tenant's API key, and the token for its owner's first sign-in."""

    api_key: str | None = None
    welcome_token: str | None = None


async def migrate(data_dir: Path, environment: Mapping[str, str]) -> Made:
    """Bring the schema up to date (`python -m migrations`); returns what it made for a first tenant.

    It arrives as a JSON line on standard output, which therefore goes to no log.
    Raises PartFailedError when it fails or takes too long.
    """
    log_file = data_dir / "logs" / "migrations.log"
    with open_log(log_file) as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "migrations"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=dict(environment),
            cwd=ROOT,
        )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), MIGRATION_SECONDS)
    except TimeoutError:
        raise PartFailedError(f"migrations took over {MIGRATION_SECONDS:.0f} s, see {log_file}") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise PartFailedError(f"migrations failed, see {log_file}; its last words:\n{last_lines(log_file)}")
    return made_by(output.decode(errors="replace"))


def made_by(output: str) -> Made:
    """The secrets among the lines that the migrations printed."""
    for line in output.splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict):
            found = {name: said.get(name) for name in ("bootstrap_api_key", "welcome_token")}
            key, token = (secret if isinstance(secret, str) else None for secret in found.values())
            if key or token:
                return Made(key, token)
    return Made()
