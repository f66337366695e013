"""The one rule that turns a column header into the variable name that templates use."""

import unicodedata

# Words the template language reads as its own: a column called "if" must still be reachable.
_RESERVED = frozenset({"and", "or", "not", "in", "is", "if", "else", "elif", "none", "true", "false", "self"})


def variable_name(header: str) -> str:
    """The name that templates use for a column: `Prénom ` → `prenom`, `First name` → `first_name`, `2e` → `col_2e`.

    Lower case; accents dropped; whatever is neither letter nor digit becomes one `_`. Letters of other scripts are
    kept (`姓名` stays), since dropping them would make every such column the same empty name. A name that would begin
    with a digit, or that is a word of the template language, gets the prefix `col_`. Applying it twice changes nothing.
    Returns "" for a header without a single letter or digit.
    """
    plain = _without_accents(_without_accents(header).casefold())
    spaced = "".join(letter if ("a" + letter).isidentifier() else " " for letter in plain.replace("_", " "))
    name = "_".join(spaced.split())
    if name and (name in _RESERVED or not name.isidentifier()):
        return f"col_{name}"
    return name


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if unicodedata.category(letter) != "Mn")
