"""Message 1 as an A/B test: which contact gets which variant, and what their replies allow to be said."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import combinations
from math import gcd, sqrt
from statistics import NormalDist

from pydantic import BaseModel, ConfigDict, Field

FEWEST, MOST = 2, 5
HEAVIEST = 1000
CONFIDENCE = 0.95

FEWEST_EXPECTED = 5.0
"""Below this many expected replies, or silences, of a variant the comparison's arithmetic does not hold."""


class Variant(BaseModel):
    """One way to say Message 1; its share is its weight among all weights."""

    model_config = ConfigDict(frozen=True)

    name: str
    weight: int = Field(ge=1, le=HEAVIEST)
    text: str


def places(weights: Sequence[int], first: int, count: int) -> list[int]:
    """Which variant (index) each of `count` contacts gets, of whom `first` others were given one before.

    The same place gets the same variant always, and after every contact each variant is within one contact of its exact
    share: uploads, batches and restarts in between make no difference.
    """
    common = gcd(*weights)
    round_ = _round(tuple(weight // common for weight in weights))
    return [round_[place % len(round_)] for place in range(first, first + count)]


@lru_cache(maxsize=256)
def _round(weights: tuple[int, ...]) -> tuple[int, ...]:
    """One round in which every variant comes as often as its weight says.

    The n-th of weight w belongs somewhere between the places n·W/w and (n+1)·W/w. Of those that may come, the one whose
    time ends first comes: then none is ever late.
    """
    total, given, order = sum(weights), [0] * len(weights), []
    for place in range(total):
        due = [index for index, weight in enumerate(weights) if given[index] * total < (place + 1) * weight]
        chosen = min(due, key=lambda index: (-(-(given[index] + 1) * total // weights[index]), index))
        given[chosen] += 1
        order.append(chosen)
    return tuple(order)


class Verdict(StrEnum):
    """What may be said of a comparison."""

    TOO_EARLY = "too_early"
    NOT_SIGNIFICANT = "not_significant"
    WINNER = "winner"


@dataclass(frozen=True, slots=True)
class Replies:
    """Of so many people who were sent a variant, so many replied."""

    sent: int
    replied: int

    @property
    def rate(self) -> float | None:
        """The share who replied; None when nobody was asked."""
        return self.replied / self.sent if self.sent else None

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share lies with 95 % confidence (Wilson); everywhere when nobody was asked."""
        if self.sent == 0:
            return 0.0, 1.0
        z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
        share, spread = self.replied / self.sent, z * z / self.sent
        middle = (share + spread / 2) / (1 + spread)
        half = z / (1 + spread) * sqrt(share * (1 - share) / self.sent + spread / (4 * self.sent))
        return max(0.0, middle - half), min(1.0, middle + half)


def judge(results: Sequence[Replies], *, is_over: bool) -> tuple[Verdict, int | None]:
    """What may be said, and which variant won.

    A winner is named once, when the campaign is over: whoever looks again and again while it runs would see one by
    chance sooner or later. It must differ from every other, at 95 % over all the comparisons that are made.
    """
    if not is_over:
        return Verdict.TOO_EARLY, None
    best = max(range(len(results)), key=lambda index: results[index].rate or 0.0)
    comparisons = len(list(combinations(results, 2)))
    beaten = (_differ(results[best], other, comparisons) for index, other in enumerate(results) if index != best)
    return (Verdict.WINNER, best) if all(beaten) else (Verdict.NOT_SIGNIFICANT, None)


def _differ(one: Replies, other: Replies, comparisons: int) -> bool:
    """Whether two shares differ by more than chance, when so many comparisons are made (z test, Bonferroni)."""
    sent = one.sent + other.sent
    share = (one.replied + other.replied) / sent if sent else 0.0
    if min(one.sent, other.sent) * min(share, 1 - share) < FEWEST_EXPECTED:
        return False
    error = sqrt(share * (1 - share) * (1 / one.sent + 1 / other.sent))
    limit = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / comparisons / 2)
    return abs(one.replied / one.sent - other.replied / other.sent) / error > limit
