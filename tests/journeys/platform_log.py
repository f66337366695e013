"""What the platform's own log says of pace: the judge of rates is the one who received."""

from bisect import bisect_left
from typing import Any


def most_in_any_second(posts: list[dict[str, Any]]) -> int:
    """How many posts arrived in the fullest second, wherever it begins."""
    times = sorted(post["at"] for post in posts)
    return max(bisect_left(times, begin + 1) - index for index, begin in enumerate(times))


def within(posts: list[dict[str, Any]], begin: float, end: float) -> list[dict[str, Any]]:
    """The posts that arrived in a span of time (Unix seconds)."""
    return [post for post in posts if begin <= post["at"] < end]
