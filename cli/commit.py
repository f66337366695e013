"""Of which code a run speaks, where the program runs from a clone of its repository."""

import shutil
import subprocess
from pathlib import Path

from cli.stack.programs import ROOT

GIT_SECONDS = 20.0
CODE = (".", ":(exclude)docs")
"""Runs are written into pages under docs/; that changes nothing of the code that they speak of."""


def commit(root: Path = ROOT) -> str | None:
    """The commit's short hash, with a plus when code was changed since; None without git or outside a clone."""
    git = shutil.which("git")
    # Without a repository of its own, git would tell of whichever one the folder lies in.
    if git is None or not (root / ".git").exists():
        return None
    head = _said((git, "-C", str(root), "rev-parse", "--short", "HEAD"))
    changed = _said((git, "-C", str(root), "status", "--porcelain", "--untracked-files=no", "--", *CODE))
    if head is None or changed is None:
        return None
    return head + ("+" if changed else "")


def _said(command: tuple[str, ...]) -> str | None:
    """What git prints; None when it fails or takes too long."""
    try:
        answer = subprocess.run(  # noqa: S603 - fixed arguments
            command, capture_output=True, text=True, check=True, timeout=GIT_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
