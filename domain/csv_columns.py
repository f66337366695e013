"""The columns of a CSV file: what each is called, and which variable a mapping makes of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count

from domain.contact_rows import MAX_COLUMNS, PHONE
from domain.csv_text import CsvProblem
from domain.phones import InvalidPhone, normalise_phone
from domain.variables import variable_name


class MissingColumn(CsvProblem):
    """A column that is needed is not in the header; `found` are the columns that are."""

    def __init__(self, wanted: str, found: list[str], hint: str = "") -> None:
        shown = ", ".join(name[:40] for name in found) or "none"
        advice = hint or "Rename the column that holds it, or map it."
        super().__init__(f"There is no column {wanted[:40]}. Columns found: {shown}. {advice}")
        self.wanted = wanted
        self.found = found


class DuplicateColumn(CsvProblem):
    """Two columns would be the same variable; `names` are what they are called."""

    def __init__(self, names: list[str]) -> None:
        advice = "Rename one of them, or map it to another name or to none."
        super().__init__(f"The columns {' and '.join(names)} are the same variable. {advice}")
        self.names = names


class BadMapping(CsvProblem):
    """The mapping does not tell what to do with a column."""


class HeaderTooLarge(CsvProblem):
    """The first row is no header that could be meant."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file: `label` is what it is called, `name` the variable that it becomes ("" = not imported)."""

    label: str
    name: str


def columns_of(headers: list[str]) -> list[Column]:
    """The columns as they are without a mapping. Those with the same header are called `Notes (1)`, `Notes (2)` …"""
    repeated = {header: count(1) for header, times in Counter(headers).items() if header and times > 1}
    known = set(headers)

    def label(header: str) -> str:
        if header not in repeated:
            return header
        return next(numbered for n in repeated[header] if (numbered := f"{header} ({n})") not in known)

    return [Column(label(header), variable_name(header)) for header in headers]


def mapped_columns(headers: list[str], mapping: Mapping[str, str]) -> list[Column]:
    """The columns as the mapping has them, one of them the phone.

    Raises HeaderTooLarge, BadMapping, MissingColumn and DuplicateColumn.
    """
    if len(headers) > MAX_COLUMNS:
        raise HeaderTooLarge(f"The file has {len(headers)} columns; at most {MAX_COLUMNS} are read. Remove some.")
    plain = columns_of(headers)
    names = _mapped_names(plain, mapping)
    columns = [replace(column, name=names.get(index, column.name)) for index, column in enumerate(plain)]
    _refuse_duplicates(columns)
    if all(column.name != PHONE for column in columns):
        raise MissingColumn(PHONE, [column.label for column in columns], _headerless_hint(headers))
    return columns


def _mapped_names(columns: list[Column], mapping: Mapping[str, str]) -> dict[int, str]:
    """The variable of each column that the mapping names, by position. Who names a column exactly is heard first."""
    exact = {header: at for header in mapping if (at := _places(columns, label=header.strip()))}
    left = [column for index, column in enumerate(columns) if all(index not in at for at in exact.values())]
    names: dict[int, str] = {}
    for header, target in mapping.items():
        for index in exact.get(header) or _alike(columns, left, header):
            if index in names:
                raise BadMapping(f"The mapping names the column {columns[index].label} more than once. Name it once.")
            names[index] = _target(header, target)
    return names


def _places(columns: list[Column], *, label: str) -> list[int]:
    return [index for index, column in enumerate(columns) if column.label == label]


def _alike(columns: list[Column], left: list[Column], header: str) -> list[int]:
    """Where the column is whose header is the same variable; it must be the only one."""
    name = variable_name(header)
    found = [column for column in left if name and column.name == name]
    if not found:
        hint = "The mapping names it; map a column that is there."
        raise MissingColumn(header, [column.label for column in columns], hint)
    if len(found) > 1:
        meant = " or ".join(column.label for column in found)
        raise BadMapping(f"By {header[:40]} the mapping may mean {meant}. Name in it the one that you mean.")
    return [columns.index(found[0])]


def _target(header: str, target: str) -> str:
    name = variable_name(target)
    if target.strip() and not name:
        raise BadMapping(f"The name that the mapping gives to {header[:40]} needs a letter or a digit.")
    return name


def _refuse_duplicates(columns: list[Column]) -> None:
    seen: dict[str, Column] = {}
    for column in columns:
        if column.name and column.name in seen:
            raise DuplicateColumn([seen[column.name].label, column.label])
        seen[column.name] = column


def _headerless_hint(headers: list[str]) -> str:
    for header in headers:
        try:
            normalise_phone(header)
        except InvalidPhone:
            continue
        return "The first row seems to be a contact already: put a row above it that names the columns."
    return ""
