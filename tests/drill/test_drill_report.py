"""What a drill writes into the document: runs with different seeds side by side, the same seed replaced."""

from dataclasses import replace
from pathlib import Path

import pytest

from cli.drill.command import chosen
from cli.drill.fault import Fault
from cli.drill.logs import Finding
from cli.drill.outcome import Outcome, Tally
from cli.drill.performance import Result, Row, groups
from cli.drill.registry import FAULTS
from cli.drill.report import BEGIN, END, as_json, section, write_section
from cli.drill.scene import Scene
from cli.stack.errors import StackError


async def nothing(_scene: Scene, _chance: object, _short: bool) -> Outcome:
    """A fault that is never brought about."""
    raise NotImplementedError


def result(seed: int, outcome: Outcome, *findings: Finding) -> Result:
    """A drill of one fault."""
    return Result(seed, False, 61.0, (Row(Fault("F01", "the worker is killed", nothing), 60.0, outcome),), findings)


def test_runs_of_two_seeds_stand_side_by_side_and_a_repeated_one_is_replaced(tmp_path: Path) -> None:
    document = tmp_path / "drill.md"
    document.write_text(f"# The drill\n\nBefore.\n\n{BEGIN}\n{END}\n\nAfter.\n")

    write_section(document, result(7, Outcome("first of seven")))
    write_section(document, result(8, Outcome("first of eight", recovery_seconds=1.25)))
    write_section(document, result(7, Outcome("second of seven", Tally(doubles=1))))

    text = document.read_text()
    assert text.startswith("# The drill\n\nBefore.")
    assert text.endswith("After.\n")
    assert text.count("### Seed 7\n") == text.count("### Seed 8\n") == 1
    assert "first of seven" not in text
    assert "| F01 | first of eight | 60 | 0 | 0 | 0 | 1.2 | passed |" in text
    assert "| F01 | second of seven | 60 | 1 | 0 | 0 | – | FAILED |" in text
    assert "- F01: 1 doubled" in text


def test_a_table_says_of_which_code_it_speaks_where_that_is_known() -> None:
    unnamed = result(7, Outcome("done"))
    named = replace(unnamed, commit="a1b2c3d+")

    assert ", commit a1b2c3d+, " in section(named)
    assert "commit" not in section(unnamed)
    assert (as_json(named)["commit"], as_json(unnamed)["commit"]) == ("a1b2c3d+", None)


def test_a_line_of_trouble_in_a_log_fails_a_drill_whose_faults_all_passed() -> None:
    assert result(1, Outcome("done")).passed
    troubled = result(1, Outcome("done"), Finding("worker.log", "traceback", 3, "Traceback"))
    assert not troubled.passed
    assert as_json(troubled)["passed"] is False


def test_only_the_short_form_runs_faults_at_once_and_only_those_that_do_not_meet() -> None:
    assert groups(FAULTS, short=False) == [[fault] for fault in FAULTS]
    names = [[fault.name for fault in group] for group in groups(FAULTS, short=True)]
    assert ["F03", "F05", "F14"] in names
    assert ["F01"] in names
    assert sorted(name for group in names for name in group) == [fault.name for fault in FAULTS]


def test_faults_are_chosen_by_name_in_the_drills_own_order() -> None:
    assert [fault.name for fault in chosen("f08, F01")] == ["F01", "F08"]
    assert chosen(None) == list(FAULTS)
    with pytest.raises(StackError, match="no such fault: F99; there are F01"):
        chosen("F99,F01")
