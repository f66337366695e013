"""Variants are given exactly by weight, and no winner is named by chance (SPEC CAM-16)."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.variants import HEAVIEST, Replies, Verdict, judge, places

weights_of = st.lists(st.integers(1, HEAVIEST), min_size=2, max_size=5)


@given(weights_of, st.integers(0, 12_000))
def test_after_every_contact_each_variant_is_within_one_of_its_exact_share(weights: list[int], count: int) -> None:
    given_so_far, total = [0] * len(weights), sum(weights)
    for place, variant in enumerate(places(weights, 0, min(count, 3000)), 1):
        given_so_far[variant] += 1
        assert abs(given_so_far[variant] * total - place * weights[variant]) < total


@given(weights_of)
def test_ten_thousand_are_split_within_one_percent(weights: list[int]) -> None:
    counted = Counter(places(weights, 0, 10_000))
    for variant, weight in enumerate(weights):
        share = weight / sum(weights)
        assert abs(counted[variant] - 10_000 * share) < max(1.0, 0.01 * 10_000 * share)


@given(weights_of, st.lists(st.integers(0, 300), max_size=8))
def test_several_batches_are_one(weights: list[int], sizes: list[int]) -> None:
    pieces: list[int] = []
    for size in sizes:
        pieces += places(weights, len(pieces), size)
    assert pieces == places(weights, 0, sum(sizes))


def test_half_and_half_take_turns() -> None:
    assert places([50, 50], 0, 6) == [0, 1, 0, 1, 0, 1]
    assert places([3, 1], 0, 8).count(1) == 2


@pytest.mark.parametrize(
    ("replied", "sent", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (50, 1000, 0.0381, 0.0653)],
)
def test_the_interval_is_wilsons(replied: int, sent: int, low: float, high: float) -> None:
    assert Replies(sent, replied).interval == pytest.approx((low, high), abs=1e-4)


@given(st.integers(0, 5000), st.floats(0, 1))
def test_the_interval_holds_the_rate_and_stays_within_bounds(sent: int, share: float) -> None:
    result = Replies(sent, round(sent * share))
    low, high = result.interval
    assert 0 <= low <= high <= 1
    if result.rate is None:
        assert (low, high) == (0, 1)
    else:
        assert low - 1e-9 <= result.rate <= high + 1e-9


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([(1000, 100), (1000, 150)], (Verdict.WINNER, 1)),
        ([(1000, 100), (1000, 110)], (Verdict.NOT_SIGNIFICANT, None)),
        # Two of a kind lead: neither won.
        ([(1000, 150), (1000, 100), (1000, 151)], (Verdict.NOT_SIGNIFICANT, None)),
        # What is enough for one comparison is not for ten.
        ([(1000, 128), (1000, 100)], (Verdict.WINNER, 0)),
        ([(1000, 128), *[(1000, 100)] * 4], (Verdict.NOT_SIGNIFICANT, None)),
        ([(10, 4), (10, 0)], (Verdict.NOT_SIGNIFICANT, None)),
        ([(0, 0), (0, 0)], (Verdict.NOT_SIGNIFICANT, None)),
        ([(100, 100), (100, 100)], (Verdict.NOT_SIGNIFICANT, None)),
    ],
)
def test_a_winner_is_named_only_above_chance(
    results: list[tuple[int, int]], expected: tuple[Verdict, int | None]
) -> None:
    assert judge([Replies(*one) for one in results], is_over=True) == expected


def test_nobody_wins_while_it_runs() -> None:
    assert judge([Replies(1000, 100), Replies(1000, 900)], is_over=False) == (Verdict.TOO_EARLY, None)


@pytest.mark.parametrize("variants", [2, 5])
def test_equal_variants_have_a_winner_in_fewer_than_one_test_of_twenty(variants: int) -> None:
    chance, tests = random.Random(7), 3000
    winners = 0
    for _ in range(tests):
        results = [Replies(300, sum(chance.random() < 0.2 for _ in range(300))) for _ in range(variants)]
        winners += judge(results, is_over=True)[0] == Verdict.WINNER
    assert winners / tests < 0.05 + 0.01
