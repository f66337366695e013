"""One contact as handed in, by file or JSON: what a good one holds, and what is said about a bad one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from domain.phones import InvalidPhone, normalise_phone
from domain.text import is_blank, is_storable
from domain.variables import variable_name

PHONE = "phone"
MAX_CELL_CHARS = 32_768
MAX_COLUMNS = 100
MAX_NAME_CHARS = 200


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A contact that can be imported. `row` as a spreadsheet numbers it (the header is row 1), or the index in JSON;
    `phone` in E.164; `variables` by name, trimmed, without the blank ones."""

    row: int
    phone: str
    variables: dict[str, str]


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row cannot be imported. `field` is the column as the file names it, None when the row is at fault."""

    row: int
    field: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a row: `label` as people see it in their file, `name` as templates call it."""

    label: str
    name: str
    text: str


def contact_row(row: int, cells: Iterable[Cell], default_region: str | None) -> ContactRow | RowProblem:
    """The contact made of these cells, or the first problem that is met."""
    variables: dict[str, str] = {}
    phone = label = ""
    for cell in cells:
        if problem := _cell_problem(cell.text):
            return RowProblem(row, cell.label, problem)
        if cell.name == PHONE:
            phone, label = cell.text, cell.label
        elif value := trimmed(cell.text):
            variables[cell.name] = value
    try:
        return ContactRow(row, normalise_phone(phone, default_region), variables)
    except InvalidPhone as error:
        return RowProblem(row, label or PHONE, error.reason)


def trimmed(text: str) -> str:
    """The text without space around it; "" if nothing visible is left."""
    value = text.strip()
    return value if value and (value[0].isalnum() or not is_blank(value)) else ""


def _cell_problem(text: str) -> str | None:
    if len(text) > MAX_CELL_CHARS:
        return f"The cell is larger than {MAX_CELL_CHARS // 1024} kB; shorten it."
    if not is_storable(text):
        return "The cell holds a NUL or half of a character (a lone surrogate); remove it."
    return None


def contact_from_json(index: int, obj: object, default_region: str | None = None) -> ContactRow | RowProblem:
    """The contact of one JSON object `{"phone": …, "first_name": …}`, held to the same rules as a row of a file.

    Values are strings, numbers, booleans or null (= blank). `index` becomes the row of the result.
    """
    if not isinstance(obj, Mapping):
        return RowProblem(index, None, 'A contact is an object such as {"phone": "+33612345678", "first_name": "Ana"}.')
    if len(obj) > MAX_COLUMNS:
        return RowProblem(index, None, f"A contact may have at most {MAX_COLUMNS} fields.")
    cells: dict[str, Cell] = {}
    for key, value in obj.items():
        cell = _json_cell(str(key), value)
        if isinstance(cell, str):
            return RowProblem(index, str(key)[:MAX_NAME_CHARS], cell)
        if cell.name in cells:
            return RowProblem(index, cell.label, f"{cells[cell.name].label} and {cell.label} are the same variable.")
        cells[cell.name] = cell
    return contact_row(index, cells.values(), default_region)


def _json_cell(key: str, value: object) -> Cell | str:
    """The cell, or what is wrong with it."""
    name = variable_name(key[: MAX_NAME_CHARS + 1])
    if not name or len(key) > MAX_NAME_CHARS:
        return f"A field's name needs a letter or digit and at most {MAX_NAME_CHARS} characters."
    if value is None:
        return Cell(key, name, "")
    if isinstance(value, bool):
        return Cell(key, name, "true" if value else "false")
    if name == PHONE and not isinstance(value, str):
        return 'The phone must be a text in quotes: "+33612345678".'
    if not isinstance(value, str | int | float):
        return "The value must be a text, a number or null; write the fields of a contact side by side, not nested."
    return Cell(key, name, str(value))
