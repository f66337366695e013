"""Cuts the text of a CSV file into records, never holding more than one record of bounded size."""

import csv
from collections.abc import Iterator
from enum import Enum

MAX_RECORD_CHARS = 131_072
"""Rows above this are passed over. It is also the most that Python's csv module takes in one cell by default."""


class Fault(Enum):
    """Why a record's text is not there."""

    TOO_LARGE = "too large"
    UNCLOSED = "unclosed"


class _At(Enum):
    """Where in a record the scan stands; the same four places as in Python's csv module."""

    CELL_START = 0
    PLAIN = 1
    QUOTED = 2
    QUOTE_IN_QUOTED = 3


def split_records(pieces: Iterator[str], delimiter: str) -> Iterator[tuple[int, str | Fault]]:
    """(row, text) of each record, rows counted as a spreadsheet does: from 1, blank ones too, a cell with line breaks
    being one row. `pieces` end their lines with "\\n"."""
    row = 1
    partial = _Partial(delimiter)
    for piece in pieces:
        lines = piece.split("\n")
        rest = lines.pop()
        for line in lines:
            if partial.is_empty and '"' not in line and len(line) <= MAX_RECORD_CHARS:
                yield row, line
            elif (record := partial.end_line(line)) is not None:
                yield row, record
            else:
                continue
            row += 1
        if rest:
            partial.add(rest)
    if (record := partial.end_of_file()) is not None:
        yield row, record


def cells_of(record: str, delimiter: str) -> list[str]:
    """The cells of one record."""
    if '"' not in record:
        return record.split(delimiter)
    return next(csv.reader((record,), delimiter=delimiter))


class _Partial:
    """A record that is not complete yet. Past the limit it forgets the text and only follows the quotes to the end."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._start()

    def _start(self) -> None:
        self.is_empty = True
        self._parts: list[str] = []
        self._size = 0
        self._at = _At.CELL_START

    def add(self, text: str) -> None:
        """Takes a part of a line."""
        self.is_empty = False
        self._at = _scan(text, self._at, self._delimiter)
        self._size += len(text)
        if self._size <= MAX_RECORD_CHARS:
            self._parts.append(text)
        else:
            self._parts.clear()

    def end_line(self, text: str) -> str | Fault | None:
        """Takes the last part of a line; the record, or None when a quoted cell goes on in the next line."""
        self.add(text)
        if self._at is _At.QUOTED:
            self.add("\n")
            return None
        return self._taken()

    def end_of_file(self) -> str | Fault | None:
        """What is left at the end, if anything."""
        if self.is_empty:
            return None
        return Fault.UNCLOSED if self._at is _At.QUOTED else self._taken()

    def _taken(self) -> str | Fault:
        record = "".join(self._parts) if self._size <= MAX_RECORD_CHARS else Fault.TOO_LARGE
        self._start()
        return record


def _scan(text: str, at: _At, delimiter: str) -> _At:
    """Where the scan stands after `text`. It leaps from one quote or delimiter to the next."""
    position = 0
    while position < len(text):
        if at is _At.PLAIN or at is _At.QUOTED:
            found = text.find(delimiter if at is _At.PLAIN else '"', position)
            if found < 0:
                return at
            at = _At.CELL_START if at is _At.PLAIN else _At.QUOTE_IN_QUOTED
            position = found + 1
        else:
            letter = text[position]
            if letter == '"':
                at = _At.QUOTED
            elif letter == delimiter:
                at = _At.CELL_START
            else:
                at = _At.PLAIN
            position += 1
    return at
