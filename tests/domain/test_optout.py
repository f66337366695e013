"""STOP and START are whole messages in many languages; a sentence is only a sentence."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.optout import MAX_CHARS, OptWord, classify, is_last_word, said_at

STOPS = [
    *("stop", "stopp", "arrêt", "arret", "arrêter", "désabonner", "désinscrire", "désabonnement", "unsubscribe"),
    *("baja", "alto", "parar", "sair", "pare", "abmelden", "disiscriviti", "afmelden", "stoppen", "odjava"),
    *("отписаться", "стоп", "إلغاء", "الغاء", "停止", "退订", "opt out", "opt-out", "me désabonner", "iptal", "çıkış"),
    *("수신거부", "ストップ", "रोकें", "ยกเลิก", "הסר", "στοπ", "cancel", "quit", "end", "STOP ALL"),
]
STARTS = [
    "start",
    "unstop",
    "commencer",
    "reprendre",
    "alta",
    "iniciar",
    "anmelden",
    "старт",
    "开始",
    "ابدأ",
    "m’abonner",
]
padding = st.text(" \t\n.,;:!?\"'()-_*~…«»“”\u00a0\u200b\u200d\u2060\ufeff\ufe0f🙏🛑😡👍🏽", max_size=6)


@pytest.mark.parametrize("word", STOPS)
def test_the_word_alone_stops(word: str) -> None:
    assert classify(word) == "stop"
    assert classify(word.upper()) == "stop"
    assert classify(word.capitalize()) == "stop"


@pytest.mark.parametrize("word", STARTS)
def test_the_word_alone_starts(word: str) -> None:
    assert classify(word) == "start"
    assert classify(word.upper()) == "start"


@pytest.mark.parametrize(
    "written",
    [
        "STOP!",
        "“Stop”",
        "s\u200bt\u200bop",
        "ＳＴＯＰ",
        "𝐒𝐓𝐎𝐏",
        "stop 🛑🛑",
        "STOP STOP stop",
        "arre\u0302t.",
        "ÇIKIŞ",
        "İptal",
    ],
)
def test_dress_does_not_matter(written: str) -> None:
    assert classify(written) == "stop"


@pytest.mark.parametrize(
    "sentence",
    [
        "please don't stop",
        "Don't stop writing me!",
        "I will stop by tomorrow",
        "stop by the shop?",
        "arrêt de bus, j'arrive",
        "non stop",
        "nonstop",
        "stops",
        "Où est l'arrêt ?",
        "la baja california",
        "end of the week",
        "je veux commencer demain",
        "yes",
        "oui",
        "ok",
        "no",
        "s t o p",
        "stop start",
        "annuler",
        "",
        "🛑",
        "👍",
        "stop " * MAX_CHARS,
    ],
)
def test_a_sentence_decides_nothing(sentence: str) -> None:
    assert classify(sentence) is None


@given(st.sampled_from(STOPS), padding, padding)
def test_padding_never_hides_a_stop(word: str, before: str, after: str) -> None:
    assert classify(f"{before}{word}{after}") == "stop"


@given(st.sampled_from(STOPS + STARTS), st.from_regex(r"[a-z]{2,8}", fullmatch=True), st.booleans())
def test_another_word_beside_it_makes_it_a_sentence(word: str, other: str, first: bool) -> None:
    known = {"stop", "all", "pub", "sms", "it", "me", "mnie", "out", "opt"}
    if other in known or other in word:
        return
    assert classify(f"{other} {word}" if first else f"{word} {other}") is None


@given(st.text(max_size=200))
def test_any_text_has_one_answer_whatever_its_case(text: str) -> None:
    assert classify(text) in (None, "stop", "start")
    assert classify(text) == classify(f"  {text}\n")


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
moments = st.integers(0, 5).map(lambda seconds: NOON + timedelta(seconds=seconds))
opt_words = st.sampled_from(("stop", "start"))


@given(st.lists(st.tuples(opt_words, moments), min_size=1, max_size=8), st.data())
def test_in_whatever_order_words_are_processed_the_last_one_holds(
    words: list[tuple[OptWord, datetime]], data: st.DataObject
) -> None:
    stands: tuple[OptWord | None, datetime | None] = None, None
    for word, at in data.draw(st.permutations(words)):
        if is_last_word(word, at, stands[1]):
            stands = word, at
    latest = max(at for _, at in words)
    of_then = {word for word, at in words if at == latest}
    assert stands == ("stop" if "stop" in of_then else "start", latest)


def test_a_word_is_said_when_the_platform_says_and_never_after_it_was_heard() -> None:
    earlier, later = NOON - timedelta(hours=3), NOON + timedelta(hours=3)
    assert said_at(earlier, NOON) == earlier
    assert said_at(None, NOON) == NOON
    assert said_at(later, NOON) == NOON
