"""Records are cut exactly where Python's csv module would cut them, whatever the pieces, in bounded memory."""

import csv
import io
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from domain.csv_records import MAX_RECORD_CHARS, Fault, cells_of, split_records

texts = st.text('ab,;"\n é', max_size=60)


def cut(text: str, at: list[int]) -> list[str]:
    places = sorted({min(place, len(text)) for place in at} | {0, len(text)})
    return [text[start:end] for start, end in pairwise(places)]


@given(texts, st.lists(st.integers(0, 60), max_size=6), st.sampled_from(",;"))
def test_it_agrees_with_pythons_reader_wherever_the_pieces_are_cut(text: str, at: list[int], delimiter: str) -> None:
    records = list(split_records(iter(cut(text, at)), delimiter))
    read = [record for _, record in records]
    if read and read[-1] is Fault.UNCLOSED:
        return
    expected = [row or [""] for row in csv.reader(io.StringIO(text), delimiter=delimiter)]
    assert [cells_of(record, delimiter) for record in read if isinstance(record, str)] == expected
    assert [row for row, _ in records] == list(range(1, len(expected) + 1))


@given(st.lists(st.lists(st.text('ab,"\n é', max_size=8), min_size=2, max_size=4), max_size=6))
def test_what_pythons_writer_writes_comes_back(rows: list[list[str]]) -> None:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    read = [
        cells_of(record, ",") for _, record in split_records(iter([file.getvalue()]), ",") if isinstance(record, str)
    ]
    assert read == rows


def test_a_row_over_the_limit_is_passed_over_and_the_next_is_read() -> None:
    large = "x" * (MAX_RECORD_CHARS + 1)
    for cell in (large, f'"{large}"', f'"a\n{large}\n""b"'):
        assert list(split_records(iter([f"1,{cell},2\nnext\n"]), ",")) == [(1, Fault.TOO_LARGE), (2, "next")]


def test_a_quotation_mark_that_is_never_closed_is_told_with_the_row_where_it_opened() -> None:
    pieces = iter(['a,b\n1,2\n3,"4\n5,6\n', "7,8\n" * 100_000])
    assert list(split_records(pieces, ",")) == [(1, "a,b"), (2, "1,2"), (3, Fault.UNCLOSED)]
