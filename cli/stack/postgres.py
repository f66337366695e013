"""The embedded PostgreSQL 18 with pgvector: a supervised server on a private Unix socket."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGINT, SIGKILL
from urllib.parse import quote

import asyncpg
import psutil

from cli.stack import pgfiles
from cli.stack.errors import PartFailedError
from cli.stack.process import Child, Command, bare_environment, last_lines, spawn, stop

DATABASE = "relance"
LEFTOVER_SECONDS = 5.0
NOT_READY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)


class Postgres:
    """One cluster in `data_dir/postgres`. `fast` gives up safety against a power cut (never against a killed process).

    `check`, `prepare`, `command` and `is_ready` are what the supervisor asks of every part.
    """

    name = "postgres"
    ready_seconds = 60.0

    def __init__(self, data_dir: Path, *, fast: bool = False) -> None:
        self.data_dir = data_dir.resolve()
        self.cluster = self.data_dir / "postgres"
        self.sockets = pgfiles.socket_directory(self.cluster)
        self.log_file = self.data_dir / "logs" / "postgres.log"
        self.fast = fast
        self._user: str | None = None

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database, as superuser: it owns the schema; the application takes a lesser role."""
        return f"postgresql+asyncpg://{pgfiles.SUPERUSER}@/{DATABASE}?host={quote(str(self.sockets), safe='/')}"

    def check(self) -> None:
        """It has no port: its socket lies in the data directory, which is locked."""

    async def prepare(self) -> None:
        """Make what is missing, and see off the remains of a server that was killed."""
        self._user = pgfiles.system_user()
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._user is not None:
            pgfiles.open_installation(pgfiles.installation())
            pgfiles.open_the_way(self.cluster)
        pgfiles.check_owner(self.cluster, self._user)
        if not (self.cluster / "PG_VERSION").exists():
            await pgfiles.initialise(self.cluster, self._user, fast=self.fast)
        pgfiles.make_private(self.sockets, self._user)
        await end_leftovers(self.cluster)
        # A dead server that nobody has collected keeps its pid, and the new one would respect its lock for good.
        for left in (self.cluster / "postmaster.pid", self.sockets / ".s.PGSQL.5432.lock"):
            left.unlink(missing_ok=True)

    def command(self) -> Command:
        """The server itself, in the foreground, on its socket only."""
        settings = {"max_connections": "200", "log_timezone": "UTC", "timezone": "UTC", "log_statement": "none"}
        # A failed statement would print its text, and with it a contact's name or number, into the log.
        settings |= {"log_min_error_statement": "panic", "log_error_verbosity": "terse"}
        if self.fast:
            settings |= {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        program = str(pgfiles.installation() / "bin" / "postgres")
        argv = (program, "-D", str(self.cluster), "-k", str(self.sockets), "-h", "", *options)
        environment = bare_environment()
        return Command(argv, self.log_file, environment, Path("/"), self._user, SIGINT)  # SIGINT: a fast shutdown

    async def is_ready(self) -> bool:
        """True once the database answers; makes it on the first run."""
        try:
            connection = await self._connect(DATABASE)
        except asyncpg.InvalidCatalogNameError:
            return await self._make_database()
        except NOT_READY:
            return False
        await connection.close()
        return True

    async def _connect(self, database: str) -> asyncpg.Connection:
        return await asyncpg.connect(
            host=str(self.sockets), port=5432, user=pgfiles.SUPERUSER, database=database, timeout=2, ssl=False
        )

    async def _make_database(self) -> bool:
        try:
            connection = await self._connect("template1")
        except NOT_READY:
            return False
        try:
            await connection.execute(f"CREATE DATABASE {DATABASE}")
        except NOT_READY:
            return False
        finally:
            await connection.close()
        return True


def processes_of(cluster: Path) -> list[psutil.Process]:
    """The live processes of a cluster; all of them have it as their working directory."""
    found = []
    for process in psutil.process_iter(["name", "cwd"]):
        if process.info["name"] == "postgres" and process.info["cwd"] == str(cluster):
            found.append(process)
    return found


async def end_leftovers(cluster: Path) -> None:
    """Wait until no process of a killed server holds the shared memory, ending those that stay too long.

    Raises PartFailedError if a process survives even SIGKILL.
    """
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while alive := processes_of(cluster):
        if time.monotonic() > deadline + 5:
            raise PartFailedError(f"a former PostgreSQL still runs on {cluster} (pid {alive[0].pid}): stop it by hand")
        for process in alive:
            _press(process, hard=time.monotonic() > deadline)
        await asyncio.sleep(0.05)


def _press(process: psutil.Process, *, hard: bool) -> None:
    try:
        if hard:
            process.send_signal(SIGKILL)
        elif process.ppid() in {0, 1} and "-D" in process.cmdline():  # an orphaned server, not a child of one
            process.send_signal(SIGINT)
    except psutil.NoSuchProcess:
        return


async def wait_ready(server: Postgres, child: Child) -> None:
    """Wait until the server answers. Raises PartFailedError, with the end of the log, if it exits or takes too long."""
    deadline = time.monotonic() + server.ready_seconds
    while not await server.is_ready():
        if not child.running or time.monotonic() > deadline:
            raise PartFailedError(
                f"PostgreSQL did not start, see {server.log_file}; its last words:\n{last_lines(server.log_file)}"
            )
        await asyncio.sleep(0.05)


@asynccontextmanager
async def running_postgres(data_dir: Path, *, fast: bool = False) -> AsyncIterator[str]:
    """Run a server in `data_dir` while the block runs; gives its SQLAlchemy URL."""
    server = Postgres(data_dir, fast=fast)
    await server.prepare()
    child = await spawn(server.command())
    try:
        await wait_ready(server, child)
        yield server.url
    finally:
        await stop(child)
