"""The demo's memory: one small file in the data directory, so that a demo that was killed goes on where it was."""

import csv
import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from cli.stack.state import write_private

RUN_FILE = "demo.json"


class Run(BaseModel):
    """One demo; what is None has not happened yet. `id` is the root of its Idempotency-Keys."""

    model_config = ConfigDict(frozen=True)

    id: str
    device: str
    secret: str
    contacts: Path
    rows: int
    rate: float
    window_seconds: float
    channel_id: str | None = None
    webhook_url: str | None = None
    campaign_id: str | None = None
    added: int | None = None
    duplicates: int = 0
    invalid: int = 0
    judged: bool = False

    @property
    def started(self) -> bool:
        """True once the campaign has its contacts."""
        return self.added is not None


def new_run(contacts: Path, rate: float, window_seconds: float) -> Run:
    """A fresh demo on a number of its own, so that nobody on it has been written to before."""
    return Run(
        id=secrets.token_hex(6),
        device=secrets.token_hex(12),
        secret=secrets.token_urlsafe(24),
        contacts=contacts.resolve(),
        rows=count_rows(contacts),
        rate=rate,
        window_seconds=window_seconds,
    )


def count_rows(contacts: Path) -> int:
    """Rows below the header, counted without Relance's own reader; empty lines do not count."""
    with contacts.open(encoding="utf-8-sig", newline="") as file:
        return sum(1 for row in csv.reader(file) if row) - 1


def load_run(data_dir: Path) -> Run | None:
    """The last demo in this data directory, or None."""
    try:
        return Run.model_validate_json((data_dir / RUN_FILE).read_text())
    except (FileNotFoundError, ValidationError):
        return None


def save_run(data_dir: Path, run: Run) -> Run:
    """Keep it; gives it back."""
    write_private(data_dir / RUN_FILE, run.model_dump_json(indent=2) + "\n")
    return run
