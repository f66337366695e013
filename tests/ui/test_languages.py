"""The catalogues: every sentence is in every language, with the same values in it."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from fastapi import FastAPI

from api.ui import languages
from tests.ui.people import browser

UI = Path(languages.__file__).parent
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "say": None}
VALUES = re.compile(r"%\(\w+\)[sd]")


def written() -> set[str]:
    """Every sentence that code and templates give to be translated."""
    options = {"**.html": {"trimmed": "true", "silent": "false"}}
    found = extract_from_dir(UI, METHODS, options, KEYWORDS)  # type: ignore[arg-type]
    return {text for _, _, said, _, _ in found for text in ([said] if isinstance(said, str) else said) if text}


def catalogue(language: str) -> list[Message]:
    """What a catalogue holds."""
    path = languages.CATALOGUES / language / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        return [message for message in read_po(file, locale=language) if message.id]


@pytest.mark.parametrize("language", sorted(set(languages.LANGUAGES) - {"en"}))
def test_every_sentence_is_translated(language: str) -> None:
    known = {
        text
        for message in catalogue(language)
        for text in ([message.id] if isinstance(message.id, str) else message.id)
    }
    assert written() - known == set()


@pytest.mark.parametrize("language", sorted(set(languages.LANGUAGES) - {"en"}))
def test_every_translation_says_something_with_the_same_values(language: str) -> None:
    for message in catalogue(language):
        ids, said = ([text] if isinstance(text, str) else list(text) for text in (message.id, message.string))
        assert all(said), message.id
        assert not message.fuzzy, message.id
        assert {*VALUES.findall(" ".join(ids))} == {*VALUES.findall(" ".join(said))}, message.id


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("de,en;q=0.5,fr;q=0.9", "fr"),
        ("de", "en"),
        ("", "en"),
        ("fr;q=nonsense,en", "en"),
    ],
)
def test_the_browsers_wish_decides_before_anybody_chose(accepted: str, language: str) -> None:
    assert languages.chosen(None, None, accepted=accepted) == language


async def test_a_chosen_language_stays(app: FastAPI) -> None:
    async with browser(app) as http:
        first = await http.get("/sign-in")
        assert '<html lang="en"' in first.text
        token = re.search(r'name="csrf" value="([^"]+)"', first.text)
        assert token is not None
        await http.post("/settings/language", data={"csrf": token[1], "language": "fr", "back": "/sign-in"})
        assert '<html lang="fr"' in (await http.get("/sign-in")).text
        assert "Mot de passe" in (await http.get("/sign-in")).text
