"""The head of a file as it is shown before it is taken in."""

import pytest

from domain.csv_columns import Column
from domain.csv_rows import CsvProblem, EmptyFile, WrongEncoding
from domain.csv_sample import read_sample, suggested_mapping


def test_columns_and_first_rows_are_read_as_the_import_reads_them() -> None:
    content = 'sep=;\n\nMobile;Prénom\n\n1;"a;b"\n2\n3;c\n4;d\n'.encode()
    sample = read_sample([content], rows=3)
    assert sample.columns == [Column("Mobile", "mobile"), Column("Prénom", "prenom")]
    assert sample.rows == [["1", "a;b"], ["2"], ["3", "c"]]
    assert (sample.cell(0, 1), sample.cell(1, 1)) == ("a;b", "")


def test_no_more_is_read_than_is_shown() -> None:
    sample = read_sample([b"phone\n1\n2\n", b"\xff\xfe wrong from here on"], rows=1)
    assert sample.rows == [["1"]]


@pytest.mark.parametrize(("content", "problem"), [(b"", EmptyFile), (b"\n\n", EmptyFile), (b"\xff\xfa", WrongEncoding)])
def test_what_is_no_file_of_contacts_is_refused(content: bytes, problem: type[CsvProblem]) -> None:
    with pytest.raises(problem):
        read_sample([content])


@pytest.mark.parametrize(
    ("content", "phones"),
    [
        ("phone,tel\n1,2\n", "phone"),
        ("tel,mobile\n1,2\n", "mobile"),
        ("Who,Where to\nAna,06 12 34 56 78\nBo,12\nCy,0612345679\n", "Where to"),
        ("Who,Where to\nAna,12\nBo,13\n", None),
        ("Who,Where to\n", None),
        ("!,?\n1,2\n", None),
    ],
)
def test_the_column_of_phones_is_told_by_its_name_else_by_its_looks(content: str, phones: str | None) -> None:
    sample = read_sample([content.encode()])
    mapping = suggested_mapping(sample, "FR")
    assert [label for label, name in mapping.items() if name == "phone"] == ([phones] if phones else [])
