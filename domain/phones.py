"""Phone numbers as people and spreadsheets write them, made E.164."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberFormat, ValidationResult

from domain.phone_spellings import other_spelling
from domain.problems import Problem

MAX_RAW_CHARS = 64
"""Longer than any way of writing a number; refused before anything is parsed."""

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_WRITTEN = re.compile(r"\+?[0-9 ()./\-]+")
_SCIENTIFIC = re.compile(r"[0-9][.,]?[0-9]*e\+?[0-9]+", re.IGNORECASE)
_DECIMAL = re.compile(r"[0-9]{6,}\.0+")

_NO_COUNTRY = "The number has no country code. Write it as +33 6 12 34 56 78, or choose a default country."
_SPREADSHEET = "A spreadsheet has rewritten this number. Format the column as text and enter it again."

_LENGTH_REASONS = {
    ValidationResult.TOO_SHORT: "The number is too short for its country.",
    ValidationResult.TOO_LONG: "The number is too long for its country.",
    ValidationResult.INVALID_LENGTH: "No number of this length exists in its country.",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "The number lacks its area code.",
    ValidationResult.INVALID_COUNTRY_CODE: "No country has this country code.",
}


class InvalidPhone(Problem):
    """Not a phone number that a message can go to; `reason` is a sentence for people and does not repeat the number."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def normalise_phone(raw: str, default_region: str | None = None) -> str:
    """The E.164 form ("+33612345678") of a number as people write it. Raises InvalidPhone.

    Takes `+33 6 12…`, `0033…`, `06 12…` with a region ("FR"), digits of any script, a `tel:` prefix, spaces, brackets,
    dots, dashes and invisible marks. A number is held to be good when its length is possible in its country
    (libphonenumber's "possible"): whether a block of numbers is in use changes too often to refuse people over it.
    A number that only WhatsApp writes so (`+52 1 55…`, of Mexico) becomes its other spelling. Idempotent. Raises
    ValueError for a region that does not exist.
    """
    region = _region(default_region)
    if _is_settled(raw):
        return raw
    text = _plain(raw)
    _refuse_unreadable(text)
    if text.startswith("00"):
        text = "+" + text[2:]
    if region is None and not text.startswith("+"):
        raise InvalidPhone(_NO_COUNTRY)
    return _settled(_parsed(text, region))


def known_region(code: str) -> bool:
    """Whether `code` is a region such as "FR" that numbers without country code can be read in."""
    return code.upper() in phonenumbers.SUPPORTED_REGIONS


def _region(code: str | None) -> str | None:
    if not code:
        return None
    if not known_region(code):
        raise ValueError(f"{code!r} is not a region; use a two-letter country code such as FR.")
    return code.upper()


def _plain(raw: str) -> str:
    """ASCII digits and signs, without the invisible marks that copying from a phone leaves behind."""
    if len(raw) > MAX_RAW_CHARS:
        raise InvalidPhone("This is too long to be a phone number.")
    if raw.isascii():
        text = raw.strip()
    else:
        shown = (_ascii(letter) for letter in unicodedata.normalize("NFKC", raw))
        text = "".join(shown).strip()
    if text[:4].lower() == "tel:":
        text = text[4:].strip()
    return text.removeprefix("'")  # a spreadsheet's mark for "this is text"


def _ascii(letter: str) -> str:
    category = unicodedata.category(letter)
    if category == "Nd":
        return str(unicodedata.digit(letter))
    if category == "Cf":
        return ""
    return {"Zs": " ", "Pd": "-"}.get(category, "-" if letter == "−" else letter)


def _refuse_unreadable(text: str) -> None:
    if not text:
        raise InvalidPhone("The phone number is empty.")
    if _SCIENTIFIC.fullmatch(text) or _DECIMAL.fullmatch(text):
        raise InvalidPhone(_SPREADSHEET)
    if not _WRITTEN.fullmatch(text):
        raise InvalidPhone("The number may hold only digits, spaces and + ( ) - . / signs.")


def _parsed(text: str, region: str | None) -> str:
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
            raise InvalidPhone("No country has this country code.") from error
        raise InvalidPhone("This is not a phone number.") from error
    written = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    verdict = phonenumbers.is_possible_number_with_reason(number)
    if verdict == ValidationResult.IS_POSSIBLE:
        return written
    if (other := other_spelling(written)) is not None:
        return other
    raise InvalidPhone(_LENGTH_REASONS.get(verdict, "This is not a phone number."))


def _settled(number: str) -> str:
    """The same number read once more, until it stays: some plans drop a trunk prefix at each reading."""
    for _ in range(3):
        if _is_settled(number):
            return number
        if not _E164.fullmatch(number):
            raise InvalidPhone("This is not an international phone number of 7 to 15 digits.")
        again = _parsed(number, None)
        if again == number:
            return number
        number = again
    raise InvalidPhone("The number can be read in more than one way; write it with its country code.")


@dataclass(frozen=True, slots=True)
class _Plan:
    """What decides, for one country code, whether a number is read as it stands."""

    lengths: frozenset[int]
    trunk_prefix: re.Pattern[str] | None


def _is_settled(number: str) -> bool:
    """True for an E.164 number that parsing would surely accept and leave as it is.

    Files mostly hold such numbers; this takes a tenth of the parser's time and, being only a short cut, may say False.
    """
    if not _E164.fullmatch(number):
        return False
    for digits in (1, 2, 3):
        plan = _plan(number[1 : 1 + digits])
        if plan is not None:
            national = number[1 + digits :]
            return len(national) in plan.lengths and not (plan.trunk_prefix and plan.trunk_prefix.match(national))
    return False


@cache
def _plan(country_code: str) -> _Plan | None:
    region = phonenumbers.region_code_for_country_code(int(country_code))
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(int(country_code), region)
    if metadata is None or metadata.general_desc is None:
        return None
    prefix = metadata.national_prefix_for_parsing
    return _Plan(frozenset(metadata.general_desc.possible_length), re.compile(prefix) if prefix else None)
