"""Of which code a run speaks: the commit, a plus for what was changed since, nothing where there is no repository."""

import shutil
import subprocess
from pathlib import Path

import pytest

from cli.commit import commit

GIT = shutil.which("git")
with_git = pytest.mark.skipif(GIT is None, reason="this machine has no git")


def git(root: Path, *arguments: str) -> str:
    """What git says, run by somebody of no settings."""
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org", "-c", "commit.gpgsign=false")
    said = subprocess.run((GIT or "git", "-C", str(root), *who, *arguments), capture_output=True, text=True, check=True)
    return said.stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with a program and a page."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "worker.py").write_text("first\n")
    (tmp_path / "docs" / "drill.md").write_text("first\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    return tmp_path


@with_git
def test_a_clean_clone_is_named_by_its_commit(clone: Path) -> None:
    assert commit(clone) == git(clone, "rev-parse", "--short", "HEAD")


@with_git
def test_changed_code_adds_a_plus_and_a_page_that_a_run_was_written_into_does_not(clone: Path) -> None:
    head = commit(clone)
    assert head is not None

    (clone / "docs" / "drill.md").write_text("second\n")
    assert commit(clone) == head

    (clone / "worker.py").write_text("second\n")
    assert commit(clone) == f"{head}+"


@with_git
def test_a_folder_within_somebody_elses_repository_is_named_by_nothing(clone: Path) -> None:
    assert commit(clone / "docs") is None


def test_without_git_and_without_a_repository_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert commit(tmp_path) is None

    (tmp_path / ".git").mkdir()
    assert commit(tmp_path) is None, "an empty folder is no repository"

    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit(tmp_path) is None
