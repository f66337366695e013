"""The head of a CSV file as people look at it before it is taken in: columns, first rows, and what each seems to be."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from domain.contact_rows import PHONE
from domain.csv_records import Fault, cells_of, split_records
from domain.csv_rows import read_header, with_delimiter
from domain.csv_text import BinarySource, read_text
from domain.phones import InvalidPhone, normalise_phone
from domain.variables import variable_name

PHONE_NAMES = (
    "phone", "phone_number", "mobile", "mobile_phone", "cell", "whatsapp", "telephone", "tel", "portable", "numero",
    "telefono", "telefon", "gsm",
)  # fmt: skip
"""What columns of phones are called, most telling first."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The columns by their headers, and the cells of the first rows."""

    labels: list[str]
    rows: list[list[str]]

    def cell(self, row: int, column: int) -> str:
        """One cell, "" where the row is shorter."""
        return self.rows[row][column] if column < len(self.rows[row]) else ""


def read_sample(source: Iterable[bytes] | BinarySource, *, encoding: str | None = None, rows: int = 5) -> Sample:
    """The first rows, read as `read_contacts` reads them. Raises EmptyFile, WrongEncoding and HeaderTooLarge."""
    text, delimiter = with_delimiter(read_text(source, encoding))
    records = split_records(text, delimiter)
    labels = read_header(records, delimiter)
    cells = (cells_of(record, delimiter) for _, record in records if not isinstance(record, Fault) and record.strip())
    return Sample(labels, list(islice(cells, rows)))


def suggested_mapping(sample: Sample, region: str | None) -> dict[str, str]:
    """Header → variable for every column that has a name; the likeliest column of phones is mapped to phone."""
    mapping = {label: variable_name(label) for label in sample.labels if variable_name(label)}
    phones = _phone_column(sample, mapping, region)
    return mapping | ({phones: PHONE} if phones is not None else {})


def _phone_column(sample: Sample, mapping: dict[str, str], region: str | None) -> str | None:
    by_name = [label for known in PHONE_NAMES for label, name in mapping.items() if name == known]
    if by_name:
        return by_name[0]
    shares = {label: _share_of_phones(sample, label, region) for label in mapping}
    best = max(shares, key=lambda label: shares[label], default=None)
    return best if best is not None and shares[best] > 0.5 else None


def _share_of_phones(sample: Sample, label: str, region: str | None) -> float:
    column = sample.labels.index(label)
    cells = [sample.cell(row, column) for row in range(len(sample.rows))]
    return sum(_is_phone(cell, region) for cell in cells) / len(cells) if cells else 0.0


def _is_phone(text: str, region: str | None) -> bool:
    try:
        normalise_phone(text, region)
    except InvalidPhone:
        return False
    return True
