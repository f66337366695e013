"""A place of its own for each stack under test: an empty data directory and free ports."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cli.stack.probes import free_port
from settings import TEMPORAL_VARIABLES, Settings

STACK_PARTS = ("postgres", "temporal")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer has exported must not decide a test."""
    for name in [name for name in os.environ if name.startswith("RELANCE_")]:
        monkeypatch.delenv(name)
    for name in TEMPORAL_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty directory that PostgreSQL's own user can reach.

    Not `tmp_path`: every test run that starts beside this one locks other users out of the directory above it.
    """
    with TemporaryDirectory(prefix="relance-test-") as name:
        yield Path(name)


@pytest.fixture
def stack_settings(place: Path) -> Settings:
    """Settings of a stack that meets no other."""
    return Settings(
        data_dir=place / "data",
        api_port=free_port(),
        temporal_port=free_port(),
        temporal_ui_port=free_port(),
        simulator_port=free_port(),
    )


@pytest.fixture
def said() -> "Said":
    """Collects the sentences that the stack says."""
    return Said()


class Said:
    """The sentences so far."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def __call__(self, sentence: str) -> None:
        """Take one more."""
        self.sentences.append(sentence)

    def __contains__(self, words: str) -> bool:
        """True if one of the sentences has these words in it."""
        return any(words in sentence for sentence in self.sentences)
