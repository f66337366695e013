"""r: a rehearsal of many contacts over a day, by the process that the page and the command start."""

import time

import pytest

from rehearsal.apart import rehearsed
from tests.benchmarks.figures import Figures, at_most
from tests.rehearsal.briefs import DAY, brief

CONTACTS = 1000
BOUND_SECONDS = 30.0

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]


async def test_a_thousand_contacts_over_a_day(figures: Figures) -> None:
    began = time.monotonic()
    result = await rehearsed(brief(CONTACTS, delay=DAY / CONTACTS))
    took = time.monotonic() - began
    assert (result.status, result.message_1) == ("completed", CONTACTS)
    assert result.message_2 == result.replies > CONTACTS / 5
    assert result.duration_seconds == pytest.approx(2 * DAY, rel=0.01)
    figures.add("r1", f"rehearsal of {CONTACTS:,} contacts over 24 h", took, "s", bound=at_most(BOUND_SECONDS))
    figures.add("r2", "what each of its contacts takes", took / CONTACTS * 1000, "ms")
    assert took <= BOUND_SECONDS
