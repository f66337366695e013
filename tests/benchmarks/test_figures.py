"""The table and the page that benchmarks end in; quick, and part of the ordinary tests."""

from pathlib import Path

import pytest

from tests.benchmarks.figures import Figures, Run, at_least, at_most, table
from tests.benchmarks.report import BEGIN, END, main, write

ABOUT = dict.fromkeys(
    ("command", "date", "commit", "cpu", "cores", "memory", "system", "python", "temporal", "postgresql"), "x"
)


def recorded(value: float) -> Figures:
    """One figure of each kind."""
    figures = Figures()
    figures.add("a10", "time over the ideal", value, bound=at_most(1.01))
    figures.add("a2", "rows", 30, "rows/s", baseline=("bare", 100), bound=at_least(0.8, of="ratio"))
    figures.add("a1", "most in a second", 11)
    return figures


def run_of(value: float, failed: list[str] | None = None) -> Run:
    """A run with these figures."""
    return Run(recorded(value).rows, ABOUT, failed or [])


def test_the_table_says_which_bound_is_missed_and_orders_by_number() -> None:
    head, first, second, third = table(recorded(1.005).rows).splitlines()
    assert "baseline" in head
    assert first.split()[0] == "a1"
    assert second.split()[0] == "a2"
    assert "0.300" in second
    assert second.endswith("NOT MET")
    assert third.split()[0] == "a10"
    assert third.rstrip().endswith(" met")


def test_an_id_is_recorded_once() -> None:
    figures = recorded(1)
    with pytest.raises(AssertionError, match="a1 is recorded already"):
        figures.add("a1", "again", 1)


def test_the_page_shows_medians_and_ranges_and_keeps_the_prose_around_them(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(f"Before\n{BEGIN}\nold figures\n{END}\nAfter\n")
    files = [tmp_path / f"{number}.json" for number in range(3)]
    for file, value in zip(files, (1.004, 1.05, 1.02), strict=True):
        run_of(value).write(file)
    write([Run.read(file) for file in files], page)
    content = page.read_text()
    assert content.startswith("Before\n")
    assert content.endswith("\nAfter\n")
    assert "old figures" not in content
    assert "1.020 (1.004–1.050)" in content
    assert next(line for line in content.splitlines() if "a10" in line).endswith("| NOT MET | 3 |")


def test_a_run_with_a_wrong_result_is_not_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.json"
    run_of(1, failed=["test_lost"]).write(file)
    assert main([str(file)]) == 1
    assert "test_lost" in capsys.readouterr().err
