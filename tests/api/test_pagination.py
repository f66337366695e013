"""Cursors: what was encoded comes back, and nothing else is believed."""

from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from api.pagination import RowNumber, decode_cursor, encode_cursor, page_of
from api.positions import BY_AGE
from api.problems import Unprocessable

NUMBER: TypeAdapter[int] = TypeAdapter(RowNumber)
MOMENTS = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2099, 12, 31), timezones=st.just(UTC))


@given(MOMENTS, st.uuids())
def test_a_position_comes_back_as_it_was(moment: datetime, row_id: UUID) -> None:
    assert decode_cursor(encode_cursor((moment, row_id)), BY_AGE) == (moment, row_id)


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_a_row_number_comes_back_as_it_was(number: int) -> None:
    assert decode_cursor(encode_cursor(number), NUMBER) == number


@given(st.text(max_size=50))
def test_whatever_else_comes_is_a_position_or_refused(text: str) -> None:
    with suppress(Unprocessable):
        number = decode_cursor(text, NUMBER)
        assert number is not None
        assert 0 <= number < 2**63


@pytest.mark.parametrize("forged", [-1, 2**63, "x", [1, 2], None])
def test_a_forged_position_is_refused(forged: object) -> None:
    with pytest.raises(Unprocessable):
        decode_cursor(encode_cursor(forged), NUMBER)  # type: ignore[arg-type]  # forged on purpose


def test_the_last_page_has_no_cursor() -> None:
    assert page_of([1, 2], 2, lambda item: item) == ([1, 2], None)
    shown, cursor = page_of([1, 2, 3], 2, lambda item: item)
    assert shown == [1, 2]
    assert decode_cursor(cursor, NUMBER) == 2
