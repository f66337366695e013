"""The embedded Temporal development server with its Web UI, on a SQLite file."""

import shutil
import sys
from pathlib import Path

from cli.stack.errors import StackError
from cli.stack.probes import answers, ensure_free
from cli.stack.process import Command, bare_environment

# The development server takes these for all task queues at once. One partition makes the limits per channel exact (with
# four, each partition grants a quarter of them); the request ceilings are meant for machines shared by many tenants.
DYNAMIC_CONFIG = {
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
    "matching.enableFairness": "true",
    # Timers are shifted behind what the timer queue has read already, by default up to a second: a start delay of 0.1 s
    # would last 1 s, and each batch of a campaign would begin with a gap.
    "history.timerProcessorMaxTimeShift": '"50ms"',
    "matching.rps": "100000",
    "frontend.rps": "100000",
    "frontend.namespaceRPS": "100000",
    "frontend.namespaceRPS.visibility": "1000",
    "history.rps": "100000",
    "frontend.enableServerVersionCheck": "false",
}
SQLITE_PRAGMAS = ("journal_mode=wal", "synchronous=normal")
SEARCH_ATTRIBUTES = ("RelanceTenant", "RelanceCampaign", "RelanceChannel")


def temporal_program() -> str:
    """Path of the `temporal` binary: the one installed beside this Python, else the one on the PATH."""
    beside = Path(sys.executable).parent / "temporal"
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise StackError("the program `temporal` is missing: run `make install`, or set TEMPORAL_ADDRESS")
    return found


class TemporalServer:
    """One server; all its state is `data_dir/temporal.db`."""

    name = "temporal"
    ready_seconds = 60.0

    def __init__(self, data_dir: Path, port: int, ui_port: int) -> None:
        self.database = data_dir / "temporal.db"
        self.log_file = data_dir / "logs" / "temporal.log"
        self.port = port
        self.ui_port = ui_port

    @property
    def address(self) -> str:
        """Target of Temporal clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def ui_url(self) -> str:
        """Where people look at workflows."""
        return f"http://127.0.0.1:{self.ui_port}"

    def check(self) -> None:
        """Raise PortInUseError if one of the two ports is taken."""
        ensure_free("127.0.0.1", self.port, "RELANCE_TEMPORAL_PORT", "Temporal")
        ensure_free("127.0.0.1", self.ui_port, "RELANCE_TEMPORAL_UI_PORT", "the Temporal Web UI")

    async def prepare(self) -> None:
        """Nothing to prepare: the server makes its file itself."""

    def command(self) -> Command:
        """The server in the foreground, reachable from this machine only, asking nothing of the internet."""
        argv = [temporal_program(), "server", "start-dev", "--db-filename", str(self.database), "--ip", "127.0.0.1"]
        argv += ["--port", str(self.port), "--ui-port", str(self.ui_port), "--ui-disable-news-fetch"]
        argv += ["--log-level", "warn", "--log-format", "json"]
        for pragma in SQLITE_PRAGMAS:
            argv += ["--sqlite-pragma", pragma]
        for key, value in DYNAMIC_CONFIG.items():
            argv += ["--dynamic-config-value", f"{key}={value}"]
        for attribute in SEARCH_ATTRIBUTES:
            argv += ["--search-attribute", f"{attribute}=Keyword"]
        return Command(tuple(argv), self.log_file, bare_environment())

    async def is_ready(self) -> bool:
        """True once the namespace can be read through the Web UI, so both the server and the UI are up."""
        return await answers(f"{self.ui_url}/api/v1/namespaces/default")
