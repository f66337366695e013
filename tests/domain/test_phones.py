"""Phone numbers in every way people write them become one E.164 form, or a reason."""

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.phones import InvalidPhone, known_region, normalise_phone

E164 = re.compile(r"\+[1-9]\d{6,14}")
regions = st.none() | st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS))
codes = st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
digits = st.text("0123456789", min_size=3, max_size=13)
international = st.builds("+{}{}".format, codes, digits)


def example_of(region: str) -> str:
    number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    assert number is not None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@pytest.mark.parametrize(
    ("raw", "region"),
    [
        ("+33612345678", None),
        ("+33 6 12 34 56 78", None),
        ("0033 6 12 34 56 78", None),
        ("0033612345678", "US"),
        ("06 12 34 56 78", "FR"),
        ("06.12.34.56.78", "fr"),
        ("06-12-34-56-78", "FR"),
        ("06/12/34/56/78", "FR"),
        ("612345678", "FR"),
        ("33612345678", "FR"),
        ("+33 (0)6 12 34 56 78", None),
        ("tel:+33-6-12-34-56-78", None),
        ("TEL: +33612345678", None),
        ("'+33612345678", None),
        ("＋３３６１２３４５６７８", None),
        ("٠٦١٢٣٤٥٦٧٨", "FR"),
        ("\u202a+33\u00a06\u202f12\u200e34 56\u201178\u202c", None),
        ("  +33612345678\t", None),
    ],
)
def test_every_way_of_writing_becomes_the_same_number(raw: str, region: str | None) -> None:
    assert normalise_phone(raw, region) == "+33612345678"


@pytest.mark.parametrize(
    ("raw", "region", "reason"),
    [
        ("", None, "empty"),
        (" \u200b ", None, "empty"),
        ("abc", "FR", "only digits"),
        ("+33612345678 ext 5", None, "only digits"),
        ("1-800-FLOWERS", "US", "only digits"),
        ("+33612345678,+33612345679", None, "only digits"),
        ("++33612345678", None, "only digits"),
        ("06 12 34 56 78", None, "country code"),
        ("12345", None, "country code"),
        ("+33 6 12", None, "too short|not a phone number"),
        ("+33 6 12 34 56 78 90", None, "too long"),
        ("+999 123 456 789", None, "country code"),
        ("+1 253 0000", None, "area code|too short"),
        ("2530000", "US", "area code"),
        ("3.36612E+10", None, "spreadsheet"),
        ("612345678.0", "DE", "spreadsheet"),
        ("+", None, "only digits"),
        ("0" * 500, None, "too long"),
    ],
)
def test_what_is_no_number_is_refused_with_a_reason_that_does_not_repeat_it(
    raw: str, region: str | None, reason: str
) -> None:
    with pytest.raises(InvalidPhone, match=reason) as refused:
        normalise_phone(raw, region)
    assert not re.search(r"\d{5}", refused.value.reason)
    assert refused.value.reason.endswith(".")


def test_a_region_that_does_not_exist_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="not a region") as refused:
        normalise_phone("+33612345678", "Paris")
    assert not isinstance(refused.value, InvalidPhone)
    assert known_region("fr")
    assert not known_region("ZZ")


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS - {"TA"}))  # TA has no mobile numbers
def test_every_countrys_own_example_is_accepted_as_it_is(region: str) -> None:
    number = example_of(region)
    assert normalise_phone(number) == number


@given(international | digits | st.text("+0123456789 ()-./", max_size=20) | st.text(max_size=20), regions)
def test_the_result_is_e164_and_normalising_it_again_changes_nothing(raw: str, region: str | None) -> None:
    try:
        number = normalise_phone(raw, region)
    except InvalidPhone:
        return
    assert E164.fullmatch(number)
    assert normalise_phone(number) == number
    assert normalise_phone(number, region) == number


@given(international)
def test_the_short_cut_agrees_with_the_parser(number: str) -> None:
    try:
        direct = normalise_phone(number)
    except InvalidPhone:
        direct = ""
    try:
        roundabout = normalise_phone(f"{number[:3]} {number[3:]}")  # a space keeps it from the short cut
    except InvalidPhone:
        roundabout = ""
    assert direct == roundabout
