"""The head of a CSV file as people look at it before it is taken in: columns, first rows, and what each seems to be."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from domain.contact_rows import PHONE
from domain.csv_columns import Column, columns_of
from domain.csv_records import Fault, cells_of, split_records
from domain.csv_rows import read_header, with_delimiter
from domain.csv_text import BinarySource, read_text
from domain.phones import InvalidPhone, normalise_phone

PHONE_NAMES = (
    "phone", "phone_number", "mobile", "mobile_phone", "cell", "whatsapp", "telephone", "tel", "portable", "numero",
    "telefono", "telefon", "gsm",
)  # fmt: skip
"""What columns of phones are called, most telling first."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The columns as they are without a mapping, and the cells of the first rows."""

    columns: list[Column]
    rows: list[list[str]]

    def cell(self, row: int, column: int) -> str:
        """One cell, "" where the row is shorter."""
        return self.rows[row][column] if column < len(self.rows[row]) else ""


def read_sample(source: Iterable[bytes] | BinarySource, *, encoding: str | None = None, rows: int = 5) -> Sample:
    """The first rows, read as `read_contacts` reads them. Raises EmptyFile, WrongEncoding and HeaderTooLarge."""
    text, delimiter = with_delimiter(read_text(source, encoding))
    records = split_records(text, delimiter)
    columns = columns_of(read_header(records, delimiter))
    cells = (cells_of(record, delimiter) for _, record in records if not isinstance(record, Fault) and record.strip())
    return Sample(columns, list(islice(cells, rows)))


def suggested_mapping(sample: Sample, region: str | None) -> dict[str, str]:
    """Column → variable for every column that has a name; the likeliest column of phones is mapped to phone."""
    mapping = {column.label: column.name for column in sample.columns if column.name}
    phones = _phone_column(sample, region)
    return mapping | ({phones: PHONE} if phones is not None else {})


def _phone_column(sample: Sample, region: str | None) -> str | None:
    named = [(index, column) for index, column in enumerate(sample.columns) if column.name]
    by_name = [column.label for known in PHONE_NAMES for _, column in named if column.name == known]
    if by_name:
        return by_name[0]
    shares = {column.label: _share_of_phones(sample, index, region) for index, column in named}
    best = max(shares, key=lambda label: shares[label], default=None)
    return best if best is not None and shares[best] > 0.5 else None


def _share_of_phones(sample: Sample, index: int, region: str | None) -> float:
    cells = [sample.cell(row, index) for row in range(len(sample.rows))]
    return sum(_is_phone(cell, region) for cell in cells) / len(cells) if cells else 0.0


def _is_phone(text: str, region: str | None) -> bool:
    try:
        normalise_phone(text, region)
    except InvalidPhone:
        return False
    return True
