"""The commands: one makes a copy of a data directory while it is in use, the other makes a new one from it."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from cli.backup.making import make_backup
from cli.backup.restoring import restore_backup
from cli.words import in_words, say
from settings import load_settings

Folder = Annotated[Path, typer.Argument(help="Folder of the backup.")]


def register(app: typer.Typer) -> None:
    """Add both commands."""
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(folder: Folder) -> None:
    """Copy the embedded database, Temporal's state and the keys into a new folder; the stack may run meanwhile."""
    with in_words():
        manifest = asyncio.run(make_backup(load_settings(), folder))
    say(f"{folder} holds {', '.join(manifest.files)}; keep it where only you can read it: with the keys in it")


def restore(folder: Folder) -> None:
    """Make an empty data directory from a backup. Sends stay held until `relance sends confirm`."""
    with in_words():
        settings = load_settings()
        asyncio.run(restore_backup(settings, folder))
    say(f"restored into {settings.data_dir}; sends are held: start with `relance up`, then `relance sends confirm`")
