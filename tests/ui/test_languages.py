"""The catalogues: every sentence is in every language, with the same values in it."""

import re

import pytest
from fastapi import FastAPI

from api.ui import languages
from tests.ui.people import browser, csrf_of
from tests.ui.sentences import ids, lacking, translated

OTHERS = sorted(set(languages.LANGUAGES) - {"en"})
VALUES = re.compile(r"%\(\w+\)[sd]")


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_translated(language: str) -> None:
    assert lacking(language) == []


@pytest.mark.parametrize("language", OTHERS)
def test_every_translation_says_something_with_the_same_values(language: str) -> None:
    for message in translated(language):
        said = [message.string] if isinstance(message.string, str) else list(message.string or ())
        assert all(said), message.id
        assert not message.fuzzy, message.id
        assert {*VALUES.findall(" ".join(ids(message)))} == {*VALUES.findall(" ".join(said))}, message.id


@pytest.mark.parametrize("language", OTHERS)
def test_no_sentence_is_translated_twice(language: str) -> None:
    every = [ids(message)[0] for message in translated(language)]
    assert sorted(every) == sorted(set(every))


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
        chosen = {"csrf": csrf_of(first), "language": "fr", "back": "/sign-in"}
        await http.post("/settings/language", data=chosen)
        assert '<html lang="fr"' in (await http.get("/sign-in")).text
        assert "Mot de passe" in (await http.get("/sign-in")).text
