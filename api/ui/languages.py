"""The languages of the pages: catalogues, and which one a visitor reads."""

from collections.abc import Iterable
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

from babel import Locale, negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from api.ui.marking import _ as _
from api.ui.shaped import SENTENCES_WITHIN, SHAPES

LANGUAGES = {"en": "English", "fr": "Français"}
"""By their own names, so that everybody finds theirs. What is written in code and templates is English."""

DEFAULT = "en"
CATALOGUES = Path(__file__).parent / "locales"


@cache
def translations(language: str) -> NullTranslations:
    """The catalogues of a language, read from the very files that people translate in; without one, English."""
    if not (paths := catalogues(language)):
        return NullTranslations()
    together = Translations()
    for path in paths:
        compiled = BytesIO()
        with path.open("rb") as file:
            write_mo(compiled, read_po(file, locale=language))
        compiled.seek(0)
        together.merge(Translations(compiled))
    return together


def catalogues(language: str) -> list[Path]:
    """One file for each group of pages."""
    return sorted((CATALOGUES / language).glob("*.po"))


@cache
def locale(language: str) -> Locale:
    """How numbers and dates are written."""
    return Locale.parse(language)


def translate(language: str, message: str, **values: Any) -> str:
    """A message of the catalogue with its values filled in, or a sentence of another room that has them already."""
    said = translations(language).gettext(message)
    if values:
        return said % values
    return said if said != message or language == DEFAULT else _shaped(language, message)


@lru_cache(maxsize=1000)
def _shaped(language: str, sentence: str) -> str:
    """A sentence by its shape; one of no known shape stays as it is."""
    for shape in SHAPES:
        if (values := shape.values_in(sentence)) is not None:
            return translate(
                language,
                shape.words,
                **{name: translate(language, one) if name in SENTENCES_WITHIN else one for name, one in values.items()},
            )
    return sentence


def chosen(*wishes: str | None, accepted: str = "") -> str:
    """The first of the wishes that there is, else the best of an `Accept-Language` header, else English."""
    for wish in wishes:
        if wish in LANGUAGES:
            return wish
    return negotiate_locale(list(_by_preference(accepted)), list(LANGUAGES), sep="-") or DEFAULT


def _by_preference(header: str) -> Iterable[str]:
    """The languages of the header, most wanted first (RFC 9110, 12.5.4)."""
    wishes = []
    for part in header.split(","):
        name, _, weight = part.partition(";q=")
        try:
            wishes.append((float(weight or 1), name.strip()))
        except ValueError:
            continue
    return [name for _, name in sorted(wishes, key=lambda wish: -wish[0])]
