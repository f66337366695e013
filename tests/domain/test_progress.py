"""The counts of a campaign add up, or do not exist."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.progress import MESSAGE_1_STATES, Counts
from domain.statuses import MessageStatus

states = st.dictionaries(st.sampled_from(MESSAGE_1_STATES), st.integers(0, 10_000))


def test_the_summed_states_are_all_states_of_message_1() -> None:
    assert set(MESSAGE_1_STATES) == {str(status) for status in MessageStatus}


def test_the_fields_are_those_of_the_contract() -> None:
    contract = {"total", *MESSAGE_1_STATES, "replied", "message_2_sent", "no_reply"}
    assert set(Counts.model_fields) == contract | {"held", "opted_out"}


@given(states, st.integers(0, 100))
def test_the_total_is_the_sum_and_what_followed_does_not_count(counted: dict[str, int], replied: int) -> None:
    counts = Counts.of(counted, replied=replied, message_2_sent=replied, held=3)
    assert counts.total == sum(counted.values())
    assert 0 <= counts.error_rate <= 1


@given(states, st.integers(-5, 5).filter(bool))
def test_any_other_total_is_refused(counted: dict[str, int], off: int) -> None:
    total = sum(counted.values()) + off
    with pytest.raises(ValidationError, match=r"add up to|greater than or equal"):
        Counts.model_validate({**counted, "total": total})


def test_the_error_rate_is_of_what_was_attempted() -> None:
    counts = Counts.of({"pending": 50, "sent": 5, "read": 3, "failed": 1, "unknown": 1, "suppressed": 9})
    assert counts.error_rate == 0.2
    assert counts.left == 50
    assert Counts().error_rate == 0


def test_an_unheard_of_state_is_refused() -> None:
    with pytest.raises(ValueError, match="lost: not a state"):
        Counts.of({"lost": 1})
