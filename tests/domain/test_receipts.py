"""Receipts move a message forward only, in whatever order and however often they arrive."""

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.receipts import RECEIPTS, UnknownStatus, advance
from domain.statuses import DeliveryStatus, MessageStatus

receipts = st.sampled_from(sorted(RECEIPTS))
statuses = st.sampled_from(sorted({*MessageStatus, *DeliveryStatus}))


@pytest.mark.parametrize(
    ("current", "incoming", "expected"),
    [
        ("sent", "delivered", "delivered"),
        ("delivered", "read", "read"),
        ("read", "delivered", "read"),
        ("delivered", "sent", "delivered"),
        ("sent", "failed", "failed"),
        ("failed", "sent", "failed"),
        ("delivered", "failed", "delivered"),
        ("read", "failed", "read"),
        ("failed", "delivered", "delivered"),
        ("sending", "sent", "sent"),
        ("unknown", "sent", "sent"),
        ("unknown", "failed", "failed"),
        ("pending", "read", "read"),
        ("cancelled", "sent", "sent"),
    ],
)
def test_a_receipt_moves_the_message(current: str, incoming: str, expected: str) -> None:
    assert advance(current, incoming) == expected


@given(statuses, st.lists(receipts, max_size=8), st.data())
def test_shuffled_and_doubled_receipts_end_in_the_same_state(
    start: str, arrived: list[str], data: st.DataObject
) -> None:
    doubled = arrived + (data.draw(st.lists(st.sampled_from(arrived), max_size=8)) if arrived else [])
    shuffled = data.draw(st.permutations(doubled))
    assert reduce(advance, shuffled, start) == reduce(advance, arrived, start)


@given(statuses, receipts)
def test_a_repeated_receipt_changes_nothing(start: str, receipt: str) -> None:
    once = advance(start, receipt)
    assert advance(once, receipt) == once


def test_what_is_no_receipt_is_refused() -> None:
    with pytest.raises(UnknownStatus, match="not a receipt"):
        advance("sent", "pending")
    with pytest.raises(UnknownStatus, match="not a status"):
        advance("lost", "sent")
