"""Reads contacts from a CSV file as a stream: each row becomes a contact or a problem that names row and column."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from domain.contact_rows import MAX_NAME_CHARS, Cell, ContactRow, RowProblem, contact_from_json, contact_row
from domain.csv_columns import BadMapping, Column, DuplicateColumn, HeaderTooLarge, MissingColumn, mapped_columns
from domain.csv_records import MAX_RECORD_CHARS, Fault, cells_of, split_records
from domain.csv_text import BinarySource, CsvProblem, EmptyFile, WrongEncoding, read_text
from domain.phones import known_region

__all__ = [
    "BadMapping",
    "ContactRow",
    "CsvProblem",
    "DuplicateColumn",
    "EmptyFile",
    "HeaderTooLarge",
    "MissingColumn",
    "RowProblem",
    "WrongEncoding",
    "contact_from_json",
    "read_contacts",
    "read_header",
    "with_delimiter",
]

DELIMITERS = (",", ";", "\t")
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?', re.IGNORECASE)

_FAULTS = {
    Fault.TOO_LARGE: f"The row is larger than {MAX_RECORD_CHARS // 1024} kB, and a cell may hold 32 kB; shorten it.",
    Fault.UNCLOSED: "A quotation mark opened in this row is never closed, so that the rest of the file is one cell. "
    "Close it, or double it if it is meant as a sign.",
}


def read_contacts(
    lines: Iterable[bytes] | BinarySource,
    default_region: str | None = None,
    mapping: Mapping[str, str] | None = None,
    *,
    encoding: str | None = None,
) -> Iterator[ContactRow | RowProblem]:
    """The rows of a CSV file, one after the other, in bounded memory; rows that are blank are passed over.

    `lines` is a binary file or pieces of bytes, cut anywhere. The delimiter (comma, semicolon, tab) is the one that the
    header uses. `mapping` is header → variable name ("phone" for the numbers, "" to leave a column out); other columns
    become variables by `variable_name` of their header. A header that is written as in the file means that column, else
    the only one that would be the same variable; of columns with the same header, `Notes (2)` is the second. Duplicate
    numbers are not looked for here.

    Raises at the call, before any row: EmptyFile, WrongEncoding, MissingColumn, DuplicateColumn, BadMapping,
    HeaderTooLarge, and ValueError for a region that does not exist. While rows are taken WrongEncoding may still come,
    at the first wrong byte: keep nothing of the file then.
    """
    if default_region and not known_region(default_region):
        raise ValueError(f"{default_region!r} is not a region; use a two-letter country code such as FR.")
    text, delimiter = with_delimiter(read_text(lines, encoding))
    records = split_records(text, delimiter)
    columns = mapped_columns(read_header(records, delimiter), mapping or {})
    return _rows(records, delimiter, columns, default_region)


def with_delimiter(pieces: Iterator[str]) -> tuple[Iterator[str], str]:
    """The text again, and its delimiter: told by a "sep=" line (Excel hides it), or the most frequent in the header."""
    head = ""
    while "\n" not in head.lstrip("\n") and len(head) <= MAX_RECORD_CHARS and (piece := next(pieces, None)) is not None:
        head += piece
    first, _, after = head.partition("\n")
    if told := _SEPARATOR_LINE.fullmatch(first.strip(" ")):
        return chain([after], pieces), told[1]
    header = re.sub(r'"[^"]*"', "", head.lstrip("\n").partition("\n")[0])
    return chain([head], pieces), max(DELIMITERS, key=header.count)


def read_header(records: Iterator[tuple[int, str | Fault]], delimiter: str) -> list[str]:
    """The names of the columns: the first record that is not blank. Raises HeaderTooLarge, WrongEncoding, EmptyFile."""
    for _, record in records:
        if isinstance(record, Fault):
            raise HeaderTooLarge(f"The first row must name the columns. {_FAULTS[record]}")
        if "\0" in record:
            raise WrongEncoding("The first row holds NUL characters: this is not a CSV file, or not in this encoding.")
        labels = [label.strip() for label in cells_of(record, delimiter)]
        if any(len(label) > MAX_NAME_CHARS for label in labels):
            raise HeaderTooLarge(f"The first row must name the columns, each in at most {MAX_NAME_CHARS} characters.")
        if any(labels):
            return labels
    raise EmptyFile


def _rows(
    records: Iterator[tuple[int, str | Fault]], delimiter: str, columns: list[Column], region: str | None
) -> Iterator[ContactRow | RowProblem]:
    for row, record in records:
        if isinstance(record, Fault):
            yield RowProblem(row, None, _FAULTS[record])
            continue
        texts = cells_of(record, delimiter)
        if not any(map(str.strip, texts)):
            continue
        if problem := _width_problem(texts, len(columns)):
            yield RowProblem(row, None, problem)
            continue
        cells = (
            Cell(column.label, column.name, text) for column, text in zip(columns, texts, strict=False) if column.name
        )
        yield contact_row(row, cells, region)


def _width_problem(texts: list[str], width: int) -> str | None:
    """A row that is too short may be cut off, one that is too long has a delimiter astray: neither can be trusted.
    Blank cells past the last column are left behind by spreadsheets and harmless."""
    if len(texts) < width:
        return f"The row has {len(texts)} of {width} cells; it seems to be cut off."
    if any(map(str.strip, texts[width:])):
        return f"The row has {len(texts)} cells for {width} columns; put cells that hold a delimiter in quotes."
    return None
