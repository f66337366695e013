"""What the platform's own log says of pace: the judge of rates is the one who received."""

from itertools import pairwise
from typing import Any


def gaps_after_the_first_second(posts: list[dict[str, Any]]) -> list[float]:
    """Seconds between neighbours, from one second after the first on (a channel's first second may hold a burst)."""
    times = sorted(post["at"] for post in posts)
    return [later - sooner for sooner, later in pairwise(times) if sooner >= times[0] + 1]


def within(posts: list[dict[str, Any]], begin: float, end: float) -> list[dict[str, Any]]:
    """The posts that arrived in a span of time (Unix seconds)."""
    return [post for post in posts if begin <= post["at"] < end]
