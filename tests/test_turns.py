"""Tests that judge times run one at a time, with nothing beside them but quiet ones, and none is forgotten."""

import os
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from xdist.remote import Producer

from tests.turns import LOWEST, ROOT, InTurns, give_way, is_quiet, judges_times

FILES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py"))
TIMED = [file for file in FILES if judges_times(file)]
QUIET = [file for file in FILES if is_quiet(file) and not judges_times(file)]
LOUD = [file for file in FILES if not is_quiet(file) and not judges_times(file)]
some_files = st.sampled_from(TIMED) | st.sampled_from(QUIET) | st.sampled_from(LOUD)


@dataclass(eq=False)
class Process:
    """What runs tests, as the scheduler knows it: like the real one it begins a test only once it knows the next."""

    gateway: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(id="process"))
    waiting: list[int] = field(default_factory=list)
    shutting_down: bool = False

    def send_runtest_some(self, tests: list[int]) -> None:
        """Gets more to do."""
        self.waiting += tests

    def shutdown(self) -> None:
        """Gets nothing more."""
        self.shutting_down = True

    @property
    def running(self) -> int | None:
        """The test under way."""
        return self.waiting[0] if len(self.waiting) > 1 or (self.waiting and self.shutting_down) else None


def test_the_drill_judges_times_and_the_rules_of_the_domain_do_not() -> None:
    assert "tests/drill/test_drill_short.py" in TIMED
    assert "tests/journeys/test_rates.py" in TIMED
    assert is_quiet("tests/domain/test_breaker.py")
    assert not is_quiet("tests/kills/test_kill_parts.py")
    assert not is_quiet("tests/test_turns.py")


def test_every_test_that_must_run_alone_is_in_a_file_that_judges_times(request: pytest.FixtureRequest) -> None:
    marked = {item.nodeid.partition("::")[0] for item in request.session.items if item.get_closest_marker("alone")}
    assert marked <= set(TIMED)


@pytest.mark.parametrize(
    ("file", "worker", "lowered"),
    [
        ("tests/domain/test_breaker.py", "gw0", [LOWEST]),
        (TIMED[0], "gw0", []),
        ("tests/domain/test_breaker.py", "", []),
    ],
)
def test_only_one_of_several_processes_gives_way_and_not_while_it_judges_times(
    monkeypatch: pytest.MonkeyPatch, file: str, worker: str, lowered: list[int]
) -> None:
    by: list[int] = []
    monkeypatch.setattr(os, "nice", by.append)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    if worker:
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
    give_way(file)
    assert by == lowered


@given(
    processes=st.integers(1, 5),
    ends=st.lists(st.integers(0, 4), max_size=200),
    tests=st.dictionaries(some_files, st.integers(1, 4), min_size=1),
)
@example(processes=3, ends=[], tests={QUIET[0]: 1, LOUD[0]: 3, LOUD[1]: 1, LOUD[2]: 1, TIMED[0]: 1})
def test_whoever_ends_first_nothing_loud_runs_beside_what_judges_times_and_nobody_waits_for_nothing(
    processes: int, ends: list[int], tests: dict[str, int]
) -> None:
    names = [f"{file}::test_{number}" for file in sorted(tests) for number in range(tests[file])]
    config = SimpleNamespace(getvalue=lambda _: ["popen"] * processes, option=SimpleNamespace(loadscopereorder=False))
    scheduler = InTurns(config, Producer("turns", enabled=False))
    nodes = [Process() for _ in range(processes)]
    for node in nodes:
        scheduler.add_node(node)
        scheduler.add_node_collection(node, names)
    scheduler.schedule()
    done: list[int] = []

    def end(node: Process) -> None:
        under_way = [names[one.running].partition("::")[0] for one in nodes if one.running is not None]
        timed = [file for file in under_way if judges_times(file)]
        assert len(timed) <= 1
        assert not timed or all(is_quiet(file) or file in timed for file in under_way)
        if node.running is not None:
            done.append(node.waiting.pop(0))
            scheduler.mark_test_complete(node, done[-1])
        is_judged = any(judges_times(names[test].partition("::")[0]) for test in range(len(names)) if test not in done)
        takes = {file for file in scheduler.workqueue if not is_judged or is_quiet(file)}
        assert not takes or all(one.running is not None or one.shutting_down for one in nodes)

    for number in ends:
        end(nodes[number % processes])
    for node in nodes * len(names):
        end(node)
    assert sorted(done) == list(range(len(names)))
