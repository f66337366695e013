"""What happened in a rehearsal, message by message."""

import pytest

from rehearsal import stage
from rehearsal.roll import Roll


@pytest.fixture
def rolls(monkeypatch: pytest.MonkeyPatch) -> list[Roll]:
    """The roll of each rehearsal, with every single send on it."""
    kept: list[Roll] = []

    class Kept(Roll):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            kept.append(self)

    monkeypatch.setattr(stage, "Roll", Kept)
    return kept
