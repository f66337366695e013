"""In which time zones a phone number may be, by libphonenumber's data: its area's, or all of its country's."""

from functools import cache, lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, is_number_type_geographical
from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

BLOCK_DIGITS = 4
"""Numbers that differ in their last four digits alone were given out together, to one area and for one use."""


def zone_prefix(phone: str) -> str | None:
    """The first digits of an E.164 number that tell its zones; None when they are not known.

    An area's ("1212") for a number that belongs to one, the country's ("61") for the others, which can be anywhere.
    """
    digits = phone.removeprefix("+")
    country, is_of_an_area = _kind(digits[:-BLOCK_DIGITS])
    known = _longest(digits)
    return known if is_of_an_area or known is None else country


@cache
def zones_of_prefix(prefix: str) -> frozenset[str]:
    """The zones behind a prefix, also one that a later edition of the data does not list any more; none: unknown."""
    known = _longest(prefix)
    return frozenset() if known is None else frozenset(TIMEZONE_DATA[known])


@lru_cache(maxsize=65_536)
def _kind(block: str) -> tuple[str | None, bool]:
    """A block's country code, if its zones are known, and whether its numbers belong to an area."""
    try:
        number = phonenumbers.parse(f"+{block}{'0' * BLOCK_DIGITS}")
    except NumberParseException:
        return None, False
    country, kind = number.country_code or 0, phonenumbers.number_type(number)
    is_of_an_area = kind != PhoneNumberType.UNKNOWN and is_number_type_geographical(kind, country)
    return (str(country) if str(country) in TIMEZONE_DATA else None), is_of_an_area


def _longest(digits: str) -> str | None:
    for length in range(min(TIMEZONE_LONGEST_PREFIX, len(digits)), 0, -1):
        if digits[:length] in TIMEZONE_DATA:
            return digits[:length]
    return None
