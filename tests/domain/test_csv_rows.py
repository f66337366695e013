"""A CSV file becomes contacts and problems, row by row, or one clear refusal."""

import codecs
import csv
import io
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.contact_rows import MAX_CELL_CHARS, MAX_COLUMNS
from domain.csv_rows import (
    ContactRow,
    CsvProblem,
    DuplicateColumn,
    EmptyFile,
    HeaderTooLarge,
    MissingColumn,
    RowProblem,
    WrongEncoding,
    read_contacts,
)

ANA, BO = "+33612345678", "+33612345679"


def read(text: str | bytes, region: str | None = None, **options: str) -> list[ContactRow | RowProblem]:
    data = text.encode() if isinstance(text, str) else text
    return list(read_contacts(io.BytesIO(data), region, encoding=options.get("encoding")))


def only_problem(text: str) -> RowProblem:
    (row,) = read(text)
    assert isinstance(row, RowProblem)
    return row


def test_rows_become_contacts_with_the_number_a_spreadsheet_shows() -> None:
    rows = read("phone,First name,City\n+33 6 12 34 56 78, Ana ,\n\n,,\n+33612345679,Bo,Lyon\n")
    assert rows == [
        ContactRow(2, ANA, {"first_name": "Ana"}),
        ContactRow(5, BO, {"first_name": "Bo", "city": "Lyon"}),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiter_line_ends_and_encoding_are_seen_by_themselves(delimiter: str, newline: str, encoding: str) -> None:
    lines = (["Phone", "Prénom"], [ANA, "Zoé"], [BO, "李"])
    text = newline.join(delimiter.join(cells) for cells in lines)
    assert read(text.encode(encoding)) == [
        ContactRow(2, ANA, {"prenom": "Zoé"}),
        ContactRow(3, BO, {"prenom": "李"}),
    ]


def test_excels_separator_line_is_obeyed_and_not_counted() -> None:
    assert read(f"sep=;\r\nphone;a,b,c\r\n{ANA};x\r\n") == [ContactRow(2, ANA, {"a_b_c": "x"})]


def test_a_cell_with_line_breaks_is_one_row() -> None:
    text = f'phone,note\n{ANA},"one\r\ntwo ""quoted"", three"\n{BO},x\n'
    assert read(text) == [
        ContactRow(2, ANA, {"note": 'one\ntwo "quoted", three'}),
        ContactRow(3, BO, {"note": "x"}),
    ]


def test_a_mapping_names_the_columns() -> None:
    data = f"Téléphone;Prénom;Interne\n{ANA};Ana;secret\n".encode()
    mapping = {"téléphone": "phone", "Prénom": "first_name", "Interne": ""}
    assert list(read_contacts(iter([data]), None, mapping)) == [ContactRow(2, ANA, {"first_name": "Ana"})]


def test_a_default_region_reads_national_numbers() -> None:
    assert read("phone\n06 12 34 56 78\n", "FR") == [ContactRow(2, ANA, {})]
    with pytest.raises(ValueError, match="region"):
        read("phone\n", "Paris")


@pytest.mark.parametrize(
    ("row", "field", "message"),
    [
        ("12345,Ana", "Phone", "country code"),
        (",Ana", "Phone", "empty"),
        (f"{ANA}", None, "1 of 2 cells"),
        (f"{ANA},Ana,x", None, "3 cells for 2 columns"),
        (f"{ANA},A\0na", "Name", "NUL"),
        (f"{ANA},{'x' * (MAX_CELL_CHARS + 1)}", "Name", "32 kB"),
        (f"{ANA},{'x' * 200_000}", None, "larger than"),
        (f'{ANA},"{"x" * 200_000}"', None, "larger than"),
        (f'{ANA},"Ana', None, "never closed"),
    ],
)
def test_a_bad_row_is_told_with_row_field_and_reason(row: str, field: str | None, message: str) -> None:
    problem = only_problem(f"Phone,Name\n{row}\n")
    assert (problem.row, problem.field) == (2, field)
    assert message in problem.message


def test_a_bad_row_leaves_the_others_alone() -> None:
    rows = read(f'phone,a\n{ANA},1\nabc,2\n{"y" * 300_000},"\n{BO},"3"\n')
    assert [type(row) for row in rows][:2] == [ContactRow, RowProblem]
    rows = read(f"phone,a\n{ANA},1\nabc,2\n{'y' * 300_000},3\n{BO},4\n")
    assert [row.row for row in rows if isinstance(row, ContactRow)] == [2, 5]


def test_blank_cells_past_the_last_column_do_no_harm() -> None:
    assert read(f"phone,a,,\n{ANA},1,,,,\n") == [ContactRow(2, ANA, {"a": "1"})]


@pytest.mark.parametrize("nothing", [b"", b"\n\n\n", b" , ,\n", codecs.BOM_UTF8, codecs.BOM_UTF16_LE])
def test_an_empty_file_is_refused(nothing: bytes) -> None:
    with pytest.raises(EmptyFile, match="phone"):
        read(nothing)


def test_a_header_alone_holds_no_contact() -> None:
    assert read("phone,a\n") == []


def test_a_missing_phone_column_is_told_with_the_columns_found() -> None:
    with pytest.raises(MissingColumn, match=r"Columns found: name, tel\.") as refused:
        read("name,tel\nAna,+33612345678\n")
    assert refused.value.found == ["name", "tel"]
    with pytest.raises(MissingColumn, match="first row seems to be a contact"):
        read(f"{ANA},Ana\n{BO},Bo\n")
    with pytest.raises(MissingColumn, match="mapping"):
        read_contacts(iter([b"phone\n"]), None, {"Mobile": "phone"})


@pytest.mark.parametrize("header", ["phone,Name,name", "Phone,PHONE", "phone,Prénom,prenom"])
def test_columns_that_would_be_one_variable_are_refused(header: str) -> None:
    with pytest.raises(DuplicateColumn, match="same variable"):
        read(f"{header}\n")


@pytest.mark.parametrize(
    "header",
    [
        ",".join(["phone", *(f"c{number}" for number in range(MAX_COLUMNS))]),
        "phone," + "x" * 300,
        "phone," + "x" * 300_000,
        'phone,"x\n',
    ],
)
def test_a_header_that_cannot_be_meant_is_refused(header: str) -> None:
    with pytest.raises(HeaderTooLarge):
        read(f"{header}\n")


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        ("phone,a\n+33612345678,é\n".encode("cp1252"), "CSV UTF-8"),
        ("phone,a\n+33612345678,é\n".encode("cp1252"), "cp1252"),
        ("phone,a\n".encode("utf-16-le"), "byte order mark"),
        (codecs.BOM_UTF16_LE + b"p", "UTF-16"),
        (codecs.BOM_UTF32_LE + "phone".encode("utf-32-le"), "UTF-32"),
        (b"PK\x03\x04\x14\x00\x06\x00", "Excel workbook"),
        (b"%PDF-1.7", "PDF"),
        (b"phone,a\x00b,cdefghijklmnop\n", "NUL"),
    ],
)
def test_what_is_not_utf8_text_is_refused_with_what_to_do(data: bytes, hint: str) -> None:
    with pytest.raises(WrongEncoding, match=hint):
        read(data)


def test_an_encoding_that_is_named_is_used() -> None:
    data = f"phone,a\n{ANA},é\n".encode("cp1252")
    assert read(data, encoding="windows-1252") == [ContactRow(2, ANA, {"a": "é"})]
    for strange in ("rot13", "base64", "utf-7", "nonsense", "a\0"):
        with pytest.raises(WrongEncoding, match="not known"):
            read(data, encoding=strange)


class Endless:
    """A file that is made while it is read, and counts what was asked of it."""

    def __init__(self, head: bytes, body: bytes, times: int, tail: bytes = b"") -> None:
        self._pieces = self._make(head, body, times, tail)
        self._kept = b""

    @staticmethod
    def _make(head: bytes, body: bytes, times: int, tail: bytes) -> Iterator[bytes]:
        yield head
        for _ in range(times):
            yield body
        yield tail

    def read(self, size: int, /) -> bytes:
        while len(self._kept) < size and (piece := next(self._pieces, None)) is not None:
            self._kept += piece
        taken, self._kept = self._kept[:size], self._kept[size:]
        return taken


def peak_of(source: Endless) -> tuple[int, list[ContactRow | RowProblem], int]:
    """Memory at its highest (bytes), problems, and the number of contacts."""
    tracemalloc.start()
    problems: list[ContactRow | RowProblem] = []
    contacts = 0
    for row in read_contacts(source):
        if isinstance(row, ContactRow):
            contacts += 1
        else:
            problems.append(row)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak, problems, contacts


@pytest.mark.parametrize("quote", [b"", b'"'])
def test_a_cell_of_100_megabytes_is_refused_in_bounded_memory(quote: bytes) -> None:
    head = b"phone,a\n+33612345678," + quote
    source = Endless(head, b"x" * 1_000_000, 100, quote + b"\n+33612345679,b\n")
    peak, problems, contacts = peak_of(source)
    assert peak < 8_000_000
    assert [problem.row for problem in problems] == [2]
    assert contacts == 1


def test_a_long_file_streams_in_bounded_memory() -> None:
    peak, problems, contacts = peak_of(Endless(b"phone,a\n", b"+33612345678,Ana\nabc,Bo\n", 20_000))
    assert contacts == len(problems) == 20_000
    assert peak < 16_000_000  # the problems that this test keeps; the reader itself holds one piece


def test_ten_thousand_rows_are_counted_exactly() -> None:
    lines = [f"+336{number:08d},n{number}" for number in range(9_500)]
    lines += lines[:300] + [f"bad{number},x" for number in range(200)]
    rows = read("phone,name\n" + "\n".join(lines))
    good = [row.phone for row in rows if isinstance(row, ContactRow)]
    assert (len(good), len(set(good)), len(rows) - len(good)) == (9_800, 9_500, 200)


@given(st.binary(max_size=300) | st.text('phone,;\t"\n\0+3612 é', max_size=200).map(str.encode), st.booleans())
def test_any_bytes_are_read_or_refused_as_our_problem(data: bytes, with_header: bool) -> None:
    try:
        rows = read(b"phone,a\n" + data if with_header else data)
    except CsvProblem as refused:
        rows = [RowProblem(1, None, str(refused))]
    assert all(row.message for row in rows if isinstance(row, RowProblem))
    assert [row.row for row in rows] == sorted({row.row for row in rows})


@given(
    st.lists(st.text(max_size=12).map(lambda text: text.encode(errors="ignore").decode()), max_size=8),
    st.integers(1, 9),
)
def test_how_the_bytes_are_cut_makes_no_difference(names: list[str], step: int) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([["phone", "name"], *([ANA, name] for name in names)])
    data = file.getvalue().encode()
    pieces = [data[start : start + step] for start in range(0, len(data), step)]
    assert list(read_contacts(iter(pieces))) == list(read_contacts(io.BytesIO(data)))
