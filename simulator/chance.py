"""Draws that depend on the seed and on who is concerned, never on the order of calls."""

from collections.abc import Sequence
from hashlib import blake2b


def draw(seed: int, *about: object) -> float:
    """A number in [0, 1) that is the same in every run for the same seed and subject."""
    subject = "\x1f".join(map(str, (seed, *about)))
    return int.from_bytes(blake2b(subject.encode(), digest_size=7).digest()) / 2**56


def pick(weights: Sequence[float], at: float) -> int:
    """The index that a draw `at` in [0, 1) falls on when each index is as wide as its weight."""
    left = at * sum(weights)
    for index, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return index
    return len(weights) - 1
