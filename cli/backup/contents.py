"""What a backup consists of, and PostgreSQL's own programs that write and read its part."""

import asyncio
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import make_url

from cli.stack import pgfiles
from cli.stack.errors import StackError
from cli.stack.process import bare_environment
from cli.stack.state import KEY_FILE

DUMP, TEMPORAL, SECRET, MANIFEST = "relance.dump", "temporal.db", "secret.key", "manifest.json"
KEYS = (SECRET, KEY_FILE)


@dataclass(frozen=True)
class Manifest:
    """Written last: a folder without it is no whole backup."""

    taken_at: str
    revision: str
    files: list[str]

    def write(self, folder: Path) -> None:
        """Put it beside the files."""
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Raises StackError where the folder is no whole backup."""
        try:
            manifest = cls(**json.loads((folder / MANIFEST).read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise StackError(f"{folder} is not a whole backup: {MANIFEST} is missing or cannot be read") from error
        if missing := [name for name in manifest.files if not (folder / name).exists()]:
            raise StackError(f"{folder} lacks {', '.join(missing)}")
        return manifest


async def run_postgres_tool(program: str, url: str, *arguments: str) -> None:
    """Run `pg_dump` or `pg_restore` against the embedded database. Raises StackError with its last words."""
    target = make_url(url)
    where = ("--host", str(target.query["host"]), "--username", str(target.username), "--dbname", str(target.database))
    process = await asyncio.create_subprocess_exec(
        str(pgfiles.installation() / "bin" / program),
        *where,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=bare_environment(),
    )
    _, said = await process.communicate()
    if process.returncode != 0:
        raise StackError(f"{program} failed: {said.decode(errors='replace').strip()[-500:]}")
