"""What the supervisor asks of a part of the stack."""

from pathlib import Path
from typing import Protocol

from cli.stack.process import Command


class Part(Protocol):
    """One program under supervision."""

    name: str
    log_file: Path
    ready_seconds: float
    """How long it may take from its start until `is_ready`."""

    def check(self) -> None:
        """Raise PortInUseError if somebody else has its port; asked of all parts before any is started."""

    async def prepare(self) -> None:
        """Make what the program needs; called before each start. Raises StackError in words."""

    def command(self) -> Command:
        """The program to run."""

    async def is_ready(self) -> bool:
        """True once it does its work; asked again and again after a start."""
