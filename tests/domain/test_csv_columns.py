"""The columns of a file: each becomes what it is mapped to, and none is lost without a word."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.csv_columns import BadMapping, Column, DuplicateColumn, MissingColumn, columns_of, mapped_columns
from domain.csv_rows import ContactRow, CsvProblem, read_contacts
from domain.csv_sample import read_sample, suggested_mapping

ANA = "+33612345678"
HEADERS = st.sampled_from(["First name", "first_name", "FIRST NAME", "Notes", "Notes (1)", "notes", "!", "?", ""])
TARGETS = st.sampled_from(["", " ", "first_name", "notes", "Other", "other", "!"])


def file_of(headers: list[str]) -> bytes:
    """One contact, whose cells differ from each other."""
    text = io.StringIO()
    csv.writer(text).writerows([["phone", *headers], [ANA, *(f"v{index}" for index in range(len(headers)))]])
    return text.getvalue().encode()


def variables(headers: list[str], mapping: dict[str, str]) -> dict[str, str]:
    """What is taken in of that contact."""
    [row] = read_contacts([file_of(headers)], None, mapping)
    assert isinstance(row, ContactRow)
    return row.variables


@pytest.mark.parametrize(
    ("headers", "mapping", "taken"),
    [
        (["First name", "first_name"], {"First name": "first_name", "first_name": ""}, {"first_name": "v0"}),
        (["First name", "first_name"], {"First name": "", "first_name": "first_name"}, {"first_name": "v1"}),
        (["First name", "first_name"], {"First name": ""}, {"first_name": "v1"}),
        (["First name", "first_name"], {"First name": "nick"}, {"nick": "v0", "first_name": "v1"}),
        (["First name", "first_name"], {"first name": "nick", "first_name": "name"}, {"nick": "v0", "name": "v1"}),
        (["Notes", "Notes"], {"Notes (1)": ""}, {"notes": "v1"}),
        (["Notes", "Notes"], {"Notes (2)": ""}, {"notes": "v0"}),
        (["Notes", "Notes"], {"Notes (1)": "a", "Notes (2)": "b"}, {"a": "v0", "b": "v1"}),
        (["Notes", "Notes"], {"Notes (1)": "", "Notes (2)": ""}, {}),
        (["Notes"], {" NOTES ": "a"}, {"a": "v0"}),
        (["!", "?"], {"!": "a"}, {"a": "v0"}),
        (["", "", "Notes"], {"": "", "Notes": "a"}, {"a": "v2"}),
    ],
)
def test_a_mapping_means_the_column_that_it_names(
    headers: list[str], mapping: dict[str, str], taken: dict[str, str]
) -> None:
    assert variables(headers, mapping) == taken


@pytest.mark.parametrize(
    ("headers", "mapping", "refusal", "said"),
    [
        (["Notes", "Notes"], {}, DuplicateColumn, r"Notes \(1\) and Notes \(2\) are the same variable"),
        (["Notes", "Notes"], {"Notes": ""}, BadMapping, r"By Notes the mapping may mean Notes \(1\) or Notes \(2\)"),
        (["First name", "first_name"], {"FIRST NAME": ""}, BadMapping, "may mean First name or first_name"),
        (["Notes"], {"notes": "a", "NOTES": ""}, BadMapping, "names the column Notes more than once"),
        (["Notes"], {"Notes": "a", "Notes ": "b"}, BadMapping, "more than once"),
        (["Notes"], {"Notes": "a", "notes": ""}, MissingColumn, "no column notes"),
        (["Notes"], {"Notes": "!"}, BadMapping, "needs a letter or a digit"),
        (["?"], {"!": "a"}, MissingColumn, "no column !"),
    ],
)
def test_a_mapping_that_could_be_read_in_two_ways_is_refused(
    headers: list[str], mapping: dict[str, str], refusal: type[CsvProblem], said: str
) -> None:
    with pytest.raises(refusal, match=said):
        mapped_columns(["phone", *headers], mapping)


def test_columns_with_the_same_header_are_told_apart_by_numbers_that_no_other_column_has() -> None:
    called = [column.label for column in columns_of(["a", "b", "a", "a (2)", "", "a", ""])]
    assert called == ["a (1)", "b", "a (3)", "a (2)", "", "a (4)", ""]
    assert columns_of(["a", "a"]) == [Column("a (1)", "a"), Column("a (2)", "a")]


def test_thirty_thousand_columns_with_one_header_are_soon_told_apart() -> None:
    assert columns_of(["a"] * 30_000)[-1].label == "a (30000)"


@given(st.lists(HEADERS, max_size=5), st.dictionaries(HEADERS | st.just("Notes (2)"), TARGETS, max_size=5))
def test_no_value_is_lost_that_the_mapping_does_not_leave_out(headers: list[str], mapping: dict[str, str]) -> None:
    try:
        taken = variables(headers, mapping)
    except CsvProblem:
        return
    left_out = sum(not target.strip() for header, target in mapping.items() if any(map(str.isalpha, header)))
    named = sum(any(map(str.isalpha, header)) for header in headers)
    assert len(taken) >= named - left_out
    assert set(taken.values()) <= {f"v{index}" for index in range(len(headers))}


@given(st.lists(HEADERS, max_size=5), st.data())
def test_what_a_person_chooses_for_each_column_is_what_it_becomes(headers: list[str], data: st.DataObject) -> None:
    sample = read_sample([file_of(headers)])
    choice = st.sampled_from(["", "name", "other"])
    chosen = {label: data.draw(choice) for label in suggested_mapping(sample, None) if label != "phone"}
    expected = {chosen[column.label]: cell for column, cell in zip(sample.columns, sample.rows[0], strict=True)
                if chosen.get(column.label)}  # fmt: skip
    try:
        assert variables(headers, chosen) == expected
    except DuplicateColumn:
        kept = [target for target in chosen.values() if target]
        assert len(kept) > len(set(kept))
