"""What counts as nothing in a text that people typed, and what no message can carry."""

import unicodedata


def is_blank(text: str) -> bool:
    """True when only whitespace and invisible characters (zero-width, direction marks) are there."""
    return not any(not letter.isspace() and unicodedata.category(letter) not in ("Cf", "Cc") for letter in text)


def is_storable(text: str) -> bool:
    """False for a NUL, which PostgreSQL does not store, and for a lone surrogate, which has no UTF-8."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
