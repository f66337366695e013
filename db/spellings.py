"""The other spelling of a phone as an expression of SQL, put together from the domain's own rules."""

from domain.phone_spellings import MARKED_NUMBERS, MarkedNumbers


def other_spelling_of(column: str) -> str:
    """What `domain.phone_spellings.other_spelling` gives for the phone in a column; null where it gives None."""
    # Nearly all numbers are done with once their country is read.
    elsewhere = " AND ".join(f"left({column}, 3) <> '{numbers.country}'" for numbers in MARKED_NUMBERS)
    cases = " ".join(_cases(column, numbers) for numbers in MARKED_NUMBERS)
    return f"CASE WHEN {elsewhere} THEN NULL {cases} END"


def _cases(column: str, numbers: MarkedNumbers) -> str:
    country = numbers.country.replace("+", "[+]")
    marked = f"'^({country}{numbers.area}){numbers.mark}({numbers.rest})$'"
    plain = f"'^({country}{numbers.area})({numbers.rest})$'"
    return (
        rf"WHEN {column} ~ {marked} THEN regexp_replace({column}, {marked}, '\1\2') "
        rf"WHEN {column} ~ {plain} THEN regexp_replace({column}, {plain}, '\1{numbers.mark}\2')"
    )
