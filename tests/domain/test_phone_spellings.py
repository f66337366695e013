"""One person's two numbers on WhatsApp, in the three countries where there are two."""

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.phone_spellings import other_spelling, spellings
from domain.phones import InvalidPhone, normalise_phone

E164 = re.compile(r"\+[1-9]\d{6,14}")
PAIRS = [
    ("+525512345678", "+5215512345678"),
    ("+528121234567", "+5218121234567"),
    ("+5491123456789", "+541123456789"),
    ("+5493434123456", "+543434123456"),
    ("+5511987654321", "+551187654321"),
    ("+5561961234567", "+556161234567"),
]
SINGLE = [
    "+33612345678",
    "+14155550123",
    "+551131234567",  # a fixed line of São Paulo
    "+5511931234567",  # a mobile phone that is younger than the ninth digit
    "+5501987654321",  # no area
    "+521551234567",  # a digit short of the old way
    "+521155123456789",
    "+545812345678",
    "+5255123456789",
    "+52",
    "",
]
marked = st.one_of(
    st.from_regex(r"\A\+521?[2-9][0-9]{9}\Z"),
    st.from_regex(r"\A\+549?[1-3][0-9]{9}\Z"),
    st.from_regex(r"\A\+55[1-9]{2}9?[6-9][0-9]{7}\Z"),
)
any_phone = marked | st.from_regex(r"\A\+5[245][0-9]{5,12}\Z") | st.from_regex(r"\A\+[1-9][0-9]{6,14}\Z")


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_both_spellings_lead_to_each_other(one: str, other: str) -> None:
    assert spellings(one) == [one, other]
    assert spellings(other) == [other, one]


@pytest.mark.parametrize("phone", SINGLE)
def test_a_number_with_one_spelling_has_no_other(phone: str) -> None:
    assert other_spelling(phone) is None
    assert spellings(phone) == [phone]


@given(any_phone)
def test_the_other_of_the_other_is_the_number_itself(phone: str) -> None:
    other = other_spelling(phone)
    if other is not None:
        assert other != phone
        assert E164.fullmatch(other)
        assert other_spelling(other) == phone


@given(marked)
def test_a_number_and_its_other_spelling_normalise_to_the_same_person(phone: str) -> None:
    other = other_spelling(phone)
    assert other is not None
    one, two = normalise_phone(phone), normalise_phone(other)
    assert set(spellings(one)) == set(spellings(two)) == {phone, other}


@pytest.mark.parametrize(
    "raw", ["+5215512345678", "+52 1 55 1234 5678", "005215512345678", "+52 (1) 55-1234-5678", "5215512345678"]
)
def test_a_mexican_number_as_whatsapp_writes_it_is_taken_as_it_is_dialled(raw: str) -> None:
    assert normalise_phone(raw, "MX") == "+525512345678"


def test_a_mexican_number_that_is_too_long_for_another_reason_is_refused() -> None:
    for raw in ("+5225512345678", "+5210512345678", "+52155123456789"):
        with pytest.raises(InvalidPhone, match="too long"):
            normalise_phone(raw)


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS - {"MX", "AR", "BR"}))
def test_no_other_countrys_example_has_two(region: str) -> None:
    number = phonenumbers.example_number(region)
    assert number is not None
    assert other_spelling(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)) is None
