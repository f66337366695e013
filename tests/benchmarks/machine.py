"""What a run was measured on and with."""

import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import psutil

from cli.commit import commit
from cli.stack import pgfiles
from cli.stack.temporal import temporal_program

ROOT = Path(__file__).resolve().parents[2]


def about(command: str) -> dict[str, str]:
    """The command, the date, the code, the machine and the versions that matter."""
    return {
        "command": command,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit() or "unknown",
        "cpu": cpu_model(),
        "cores": str(psutil.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "temporal": said_by(temporal_program(), "--version"),
        "postgresql": said_by(str(pgfiles.installation() / "bin" / "postgres"), "--version"),
    }


def cpu_model() -> str:
    """The processor's name as the kernel tells it."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def said_by(*command: str) -> str:
    """The first line that a command prints; empty when it fails."""
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    return answer.stdout.strip().partition("\n")[0] if answer.returncode == 0 else ""
