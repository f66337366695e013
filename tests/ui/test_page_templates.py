"""Templates: text that is not a constant is translated as data, escaped like all data."""

import re

from api.ui.rendering import TEMPLATES

LITERAL = re.compile(r"(?<![\w.])(?:n?gettext|_)\(\s*(?![\"'])")
"""In templates these mark what they return as safe and apply `%` to it: only for sentences that stand there."""


def test_only_sentences_that_stand_in_a_template_are_marked_safe() -> None:
    found = {
        str(path.relative_to(TEMPLATES)): LITERAL.findall(path.read_text())
        for path in TEMPLATES.rglob("*.html")
        if LITERAL.search(path.read_text())
    }
    assert found == {}


def test_nothing_is_marked_safe_by_hand() -> None:
    assert [path.name for path in TEMPLATES.rglob("*.html") if re.search(r"\|\s*safe\b|Markup", path.read_text())] == []
