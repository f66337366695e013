"""What the pages use of others: pinned, unchanged, with its licence."""

import tomllib
from hashlib import sha256
from pathlib import Path

from api.ui.app import STATIC

VENDOR = STATIC / "vendor"
PINNED = tomllib.loads((VENDOR / "vendored.toml").read_text())


def test_every_file_is_the_one_that_is_pinned_and_no_other_is_there() -> None:
    found = {path.relative_to(VENDOR) for path in VENDOR.rglob("*") if path.is_file()} - {Path("vendored.toml")}
    pinned = {Path(name, file): hashed for name, entry in PINNED.items() for file, hashed in entry["sha256"].items()}
    assert found == set(pinned)
    assert {path: sha256((VENDOR / path).read_bytes()).hexdigest() for path in found} == pinned


def test_each_has_its_licence_and_version() -> None:
    for name, entry in PINNED.items():
        assert {"package", "version", "licence", "sha256"} == set(entry), name
        assert "LICENSE" in entry["sha256"], name
