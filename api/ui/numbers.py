"""Numbers as people type them: with a point or a comma before the decimals."""

import re

_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""A comma that may stand between thousands as well as before three decimals."""


def two_ways(typed: str) -> str | None:
    """The sentence about a number that says one thing to one reader and a thousand times as much to another; None for
    any other text. It is never guessed which was meant: these numbers are paces and limits."""
    number = typed.strip()
    if not _GROUPED.fullmatch(number):
        return None
    whole, decimal = number.replace(",", ""), f"{float(number.replace(',', '.')):g}"
    return f"“{number}” can be read in two ways. Write {whole} or {decimal}."


def with_point(typed: str) -> str:
    """The number as programs write it; the text itself where it can be read in two ways, which is no number then."""
    number = typed.strip()
    return number if _GROUPED.fullmatch(number) else number.replace(",", ".")
