"""The table of evidence names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"`(tests/[\w/]+(?:\.py)?/?)(?:::(test_\w+))?`")


def test_every_test_that_the_evidence_names_exists() -> None:
    named = NAMED.findall((ROOT / "docs" / "evidence.md").read_text())
    assert len(named) > 50
    missing = []
    for path, test in named:
        file = ROOT / path
        if not file.exists() or (test and f"def {test}(" not in file.read_text()):
            missing.append(f"{path}::{test}")
    assert missing == []
