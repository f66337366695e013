"""The two ways in which one person's number may be written on WhatsApp.

In three countries a digit that marks a mobile phone came or went. An account keeps the spelling of the day on which it
was made, while people and their lists use today's; a reply then comes from a number that nobody was written to at:

| country | today | also |
|---|---|---|
| Mexico | +52 and ten digits | +52 1 and the ten digits: how mobile phones were called until 2019 |
| Argentina | +54 9 and ten digits, for mobile phones | +54 and the ten digits, as without the 9 at home |
| Brazil | +55, area, 9 and eight digits | +55, area and the eight digits: mobile phones until 2016 |

The platforms' documentation does not say so: it is general knowledge, and what the makers of other inboxes ran into
(chatwoot/chatwoot#14174 for Mexico, its normalisers for Argentina and Brazil, wwebjs/whatsapp-web.js#596 for Brazil).
In Argentina a line has ten digits that no other has, mobile or not. In Brazil only numbers that begin with 6 to 9 were
lengthened; one that begins with 2 to 5 is a fixed line, and with a 9 before it it would be somebody else's.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MarkedNumbers:
    """Numbers of a country that are written with `mark` between area and rest, or without it.

    `area` and `rest` are regular expressions that Python and PostgreSQL (db/spellings.py) read alike, each of one
    length: so that a number fits at most one way.
    """

    country: str
    area: str
    mark: str
    rest: str


MARKED_NUMBERS = (
    MarkedNumbers("+52", "", "1", "[2-9][0-9]{9}"),
    MarkedNumbers("+54", "", "9", "[1-3][0-9]{9}"),
    MarkedNumbers("+55", "[1-9][1-9]", "9", "[6-9][0-9]{7}"),
)
_BY_COUNTRY = {
    numbers.country: (numbers.mark, re.compile(f"({numbers.area})({numbers.mark})?({numbers.rest})"))
    for numbers in MARKED_NUMBERS
}
_COUNTRY_CHARS = 3


def other_spelling(phone: str) -> str | None:
    """The other way in which the number (E.164) may be written; None for nearly all, which have one way only."""
    known = _BY_COUNTRY.get(phone[:_COUNTRY_CHARS])
    if known is None:
        return None
    mark, national = known
    found = national.fullmatch(phone, _COUNTRY_CHARS)
    if found is None:
        return None
    return f"{phone[:_COUNTRY_CHARS]}{found[1]}{'' if found[2] else mark}{found[3]}"


def spellings(phone: str) -> list[str]:
    """Every way in which the number may be written, its own first."""
    other = other_spelling(phone)
    return [phone] if other is None else [phone, other]
