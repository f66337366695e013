"""Reading an upload: chunk by chunk, never further ahead than one chunk."""

import io
from collections.abc import Iterator

import pytest

from api.problems import Unprocessable
from api.uploads import CHUNK_ROWS, in_chunks
from domain.csv_rows import ContactRow, CsvProblem, RowProblem, read_contacts
from tests.api.people import phone

ROWS = 10 * CHUNK_ROWS + 7


class Source(io.RawIOBase):
    """A file that is made up while it is read, and remembers how far that was."""

    def __init__(self, rows: int) -> None:
        self.read_rows = 0
        self._pieces = self._make(rows)

    def _make(self, rows: int) -> Iterator[bytes]:
        yield b"phone\n"
        for number in range(rows):
            self.read_rows = number + 1
            yield f"{phone(number)}\n".encode()

    def read(self, _size: int = -1) -> bytes:
        """The next piece, however much was asked for."""
        return next(self._pieces, b"")


async def test_no_more_than_one_chunk_is_held() -> None:
    source = Source(ROWS)
    taken = 0
    async for chunk in in_chunks(read_contacts(source)):
        assert len(chunk) <= CHUNK_ROWS
        taken += len(chunk)
        assert source.read_rows - taken <= 2
    assert taken == ROWS


async def test_a_fault_in_the_middle_becomes_a_problem_with_the_file() -> None:
    def rows() -> Iterator[ContactRow | RowProblem]:
        yield ContactRow(2, phone(1), {})
        raise CsvProblem("The file is torn.")

    with pytest.raises(Unprocessable) as problem:
        [chunk async for chunk in in_chunks(rows())]
    assert problem.value.extra["errors"] == [{"field": "file", "message": "The file is torn."}]
