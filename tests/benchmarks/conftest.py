"""The recorder of figures, the table at the end of a run, and the file it is written to."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.benchmarks.figures import Figure, Figures, Run, cells, table
from tests.benchmarks.machine import about

RECORDER = pytest.StashKey[Figures]()
RESULTS = pytest.StashKey[Path | None]()


def pytest_configure(config: pytest.Config) -> None:
    """Where results go is read now: the tests themselves run without any outside setting."""
    given = os.environ.get("RELANCE_BENCH_RESULTS")
    config.stash[RESULTS] = Path(given) if given else None
    config.stash[RECORDER] = Figures()


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> Figures:
    """`figures.add(…)` records a figure of this run."""
    return pytestconfig.stash[RECORDER]


@pytest.fixture(autouse=True)
def _say_figures(pytestconfig: pytest.Config, figures: Figures) -> Iterator[None]:
    """Each figure is printed as soon as it is known."""
    capture = pytestconfig.pluginmanager.get_plugin("capturemanager")
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    assert capture is not None
    assert reporter is not None

    def say(figure: Figure) -> None:
        with capture.global_and_fixture_disabled():
            reporter.write_line("  ".join(cell for cell in cells(figure) if cell))

    figures.listener = say
    yield
    figures.listener = None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table of all figures; nothing where no benchmark ran."""
    rows = config.stash[RECORDER].rows
    if not rows:
        return
    command = shlex.join(["pytest", *config.invocation_params.args])
    failed = [report.nodeid for kind in ("failed", "error") for report in terminalreporter.getreports(kind)]
    path = config.stash[RESULTS] or Path(mkdtemp(prefix="relance-bench-")) / "results.json"
    Run(rows, about(command), failed).write(path)
    terminalreporter.section("figures")
    terminalreporter.write_line(table(rows))
    terminalreporter.write_line(f"\nresults: {path}")
