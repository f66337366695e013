"""Column headers become names that templates can use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.variables import variable_name


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("First name", "first_name"),
        ("  Prénom ", "prenom"),
        ("E-mail (pro)", "e_mail_pro"),
        ("PHONE", "phone"),
        ("Straße", "strasse"),
        ("姓名", "姓名"),
        ("2e adresse", "col_2e_adresse"),
        ("if", "col_if"),
        ("___", ""),
        ("🙂", ""),
        ("", ""),
    ],
)
def test_a_header_has_one_plain_name(header: str, name: str) -> None:
    assert variable_name(header) == name


@given(st.text(max_size=40))
def test_every_name_is_an_identifier_and_naming_twice_changes_nothing(header: str) -> None:
    name = variable_name(header)
    assert name == "" or name.isidentifier()
    assert variable_name(name) == name
    assert variable_name(f" {header.strip()} ") == name
