"""Contacts given as JSON are held to the same rules as rows of a file."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.contact_rows import MAX_CELL_CHARS, ContactRow, RowProblem, contact_from_json
from domain.csv_rows import read_contacts

ANA = "+33612345678"
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def test_an_object_becomes_a_contact() -> None:
    given_object = {"Phone": "+33 6 12 34 56 78", "First name": " Ana ", "age": 41, "vip": True, "city": None}
    expected = {"first_name": "Ana", "age": "41", "vip": "true"}
    assert contact_from_json(7, given_object) == ContactRow(7, ANA, expected)
    assert contact_from_json(0, {"phone": "06 12 34 56 78"}, "FR") == ContactRow(0, ANA, {})


@pytest.mark.parametrize(
    ("obj", "field", "message"),
    [
        ([], None, "object"),
        ("+33612345678", None, "object"),
        ({}, "phone", "empty"),
        ({"phone": None}, "phone", "empty"),
        ({"phone": 33612345678}, "phone", "quotes"),
        ({"phone": "123"}, "phone", "country code"),
        ({"phone": ANA, "variables": {"a": "b"}}, "variables", "nested"),
        ({"phone": ANA, "a": ["b"]}, "a", "nested"),
        ({"phone": ANA, "a": "x" * (MAX_CELL_CHARS + 1)}, "a", "32 kB"),
        ({"phone": ANA, "a": "x\0"}, "a", "NUL"),
        ({"phone": ANA, "a": "\ud800"}, "a", "surrogate"),
        ({"phone": ANA, "Name": "a", "name": "b"}, "name", "same variable"),
        ({"phone": ANA, "": "b"}, "", "letter or digit"),
        ({"phone": ANA, "n" * 5000: "b"}, "n" * 200, "200 characters"),
        ({"phone": ANA, **{f"c{number}": "x" for number in range(100)}}, None, "at most 100"),
    ],
)
def test_a_bad_object_is_told_with_field_and_reason(obj: Any, field: str | None, message: str) -> None:
    problem = contact_from_json(3, obj)
    assert isinstance(problem, RowProblem)
    assert (problem.row, problem.field) == (3, field)
    assert message in problem.message


@given(anything)
def test_any_json_is_a_contact_or_a_problem(obj: Any) -> None:
    result = contact_from_json(0, obj)
    assert isinstance(result, ContactRow) or result.message


@given(st.text(st.characters(codec="utf-8", exclude_characters='"\r\n\0'), max_size=20))
def test_file_and_json_agree(name: str) -> None:
    by_json = contact_from_json(2, json.loads(json.dumps({"phone": ANA, "name": name})))
    by_file = list(read_contacts(io.BytesIO(f'phone,name\n{ANA},"{name}"\n'.encode())))
    assert by_file == [by_json]
