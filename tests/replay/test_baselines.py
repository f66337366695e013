"""What each path asks of Temporal, compared with its baseline: for the histories on file, and for the code of today."""

import pytest

from tests.replay.baseline import BASELINES, HISTORIES, baseline_file, commands_of, history_of
from tests.replay.record import ordinary_server, told
from tests.replay.stories import STEADY, STORIES

NAMES = sorted(story.__name__ for story in STORIES)

CURE = """
The path {story} asks for other things than its baseline says, or in another order (<: baseline, >: now).
Runs that are under way have done it the old way: keep that beside the new one, `if workflow.patched("..."):`, as
docs/changing-workflows.md shows, and tell a story of the new path. If the change cannot meet such a run (an option such
as a timeout or a priority; a workflow that nobody runs yet), write the baseline anew:
`python -m tests.replay.record {story}`
"""


def difference(story: str, now: list[str]) -> list[str]:
    """The lines that differ, each with its place."""
    before = baseline_file(story).read_text().splitlines()
    longest = max(len(before), len(now))
    padded = [[*lines, *["(ends)"] * (longest - len(lines))] for lines in (before, now)]
    return [f"{place}: < {old} > {new}" for place, (old, new) in enumerate(zip(*padded, strict=True), 1) if old != new]


@pytest.mark.parametrize("story", NAMES)
def test_a_history_on_file_is_the_one_that_the_baseline_knows(story: str) -> None:
    assert difference(story, commands_of(history_of(HISTORIES / f"{story}.json"))) == [], CURE.format(story=story)


async def test_a_path_told_anew_by_todays_code_asks_for_the_same_in_the_same_order() -> None:
    async with ordinary_server() as environment:
        for story in STEADY:
            now = commands_of(await told(environment.client, story))

            assert difference(story.__name__, now) == [], CURE.format(story=story.__name__)


def test_every_baseline_has_a_story() -> None:
    assert sorted(file.stem for file in BASELINES.glob("*.txt")) == NAMES


def test_a_change_of_one_line_is_told_with_its_place() -> None:
    changed = commands_of(history_of(HISTORIES / "enrollment_reply.json"))
    changed[1:1] = ["timer"]

    assert difference("enrollment_reply", changed)[0].startswith("2: < activity deliveries.send on relance-send")
