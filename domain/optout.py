"""Tells a request to be left alone (STOP), or to be written to again (START), from every other message."""

import unicodedata
from datetime import datetime
from typing import Literal

OptWord = Literal["stop", "start"]

MAX_CHARS = 1000
"""A longer message is a message, whatever it is padded with."""

# Words that mean "leave me alone" when they are all a person writes. English has the words that carriers oblige senders
# to honour (cancel, end, quit …). Elsewhere the plain "cancel" (annuler, stornieren) is left out: there it answers an
# appointment or an order, and a person who is silenced by mistake does not notice.
_STOP = {
    "en": "stop, stopp, stop all, stopall, unsubscribe, unsubscribe me, opt out, optout, cancel, end, quit, revoke, "
    "remove me, stop it",
    "fr": "arrêt, arrêter, arrêtez, arrête, désabonner, me désabonner, se désabonner, désabonnez moi, désabonne moi, "
    "désabonnement, désinscrire, me désinscrire, se désinscrire, désinscription, désinscrivez moi, stop pub, stop sms",
    "es": "baja, dar de baja, darme de baja, darse de baja, alto, desuscribir, desuscribirme, cancelar suscripción, "
    "no molestar",
    "pt": "parar, pare, sair, cancelar inscrição, cancelar assinatura, descadastrar, remover",
    "de": "abmelden, abbestellen, abmeldung, austragen",
    "it": "disiscriviti, disiscrivimi, disiscrizione, cancellami, annulla iscrizione",
    "nl": "stoppen, afmelden, uitschrijven",
    "sv no da": "avregistrera, avmeld, afmeld, avslutt",
    "pl cs sk hr ro hu": "wypisz, wypisz mnie, odhlásit, odhlásiť, odjava, dezabonare, leiratkozás, leiratkozom",
    "tr": "iptal, abonelikten çık, çıkış",
    "el": "στοπ, διαγραφή, κατάργηση εγγραφής",
    "ru uk": "стоп, отписаться, отписка, отпишите меня, відписатися, відписка",
    "ar fa he": "إلغاء, إلغاء الاشتراك, الغاء الاشتراك, إيقاف, توقف, قف, لغو, لغو عضویت, הסר, הסירו אותי, עצור",
    "zh ja ko": "停止, 退订, 退訂, 取消订阅, 取消訂閱, 配信停止, 解除, ストップ, 수신거부, 중지",
    "hi id vi th": "रोकें, बंद करें, berhenti, berhenti langganan, hủy đăng ký, huỷ đăng ký, ยกเลิก",
}

# "yes" and "ok" are no START words: they answer questions every day.
_START = {
    "en": "start, unstop, subscribe, resume, opt in, optin",
    "fr": "commencer, recommencer, reprendre, réabonner, me réabonner, m'abonner, s'abonner, réinscrire",
    "es pt": "alta, dar de alta, darme de alta, iniciar, suscribir, suscribirme, começar, inscrever, retomar",
    "de it nl": "anmelden, starten, iscriviti, iscrivimi, inizia, aanmelden",
    "sv no da pl hr ro tr": "påmeld, tilmeld, zapisz, zapisz mnie, prijava, abonare, abone ol, başla",
    "el ru uk": "έναρξη, старт, начать, подписаться, почати, підписатися",
    "ar he": "ابدأ, بدء, اشتراك, اشترك, התחל, הצטרף",
    "zh ja ko": "开始, 開始, 订阅, 訂閱, 再開, スタート, 시작",
    "hi id vi th": "शुरू करें, mulai, bắt đầu, đăng ký, เริ่ม",
}


def classify(text: str) -> OptWord | None:
    """ "stop" or "start" if the whole message is one of the words above, else None.

    Case, accents, punctuation, emoji, whitespace and invisible characters do not count; the word may be repeated
    ("STOP STOP"). A sentence that contains "stop" is a sentence: it decides nothing.
    """
    if len(text) > MAX_CHARS:
        return None
    said = _plain(text)
    if _is_said(said, _STOP_PHRASES):
        return "stop"
    if _is_said(said, _START_PHRASES):
        return "start"
    return None


def said_at(occurred_at: datetime | None, received_at: datetime) -> datetime:
    """When a word was said: as the platform tells, but never after it was heard.

    A platform's clock that is ahead would otherwise let a START outlive the STOPs of the next hours.
    """
    return received_at if occurred_at is None else min(occurred_at, received_at)


def is_last_word(word: OptWord, at: datetime, stands_since: datetime | None) -> bool:
    """Whether a word that was said at this time holds against what stands since then (None: nothing was ever said).

    Words may be processed in another order than they were said in. Of two at the same instant, and platforms tell whole
    seconds, the STOP holds: who is written to after a STOP cannot take that back, who is left alone after a START can.
    """
    if stands_since is None:
        return True
    return at >= stands_since if word == "stop" else at > stands_since


def _is_said(said: str, phrases: frozenset[str]) -> bool:
    words = said.split()
    return bool(words) and (said in phrases or (len(set(words)) == 1 and words[0] in phrases))


def _plain(text: str) -> str:
    """Letters and digits only, one space between words: accents, marks and invisible characters fall away."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold().replace("ı", "i"))
    kept = (_shown(letter) for letter in letters)
    return " ".join("".join(kept).split())


def _shown(letter: str) -> str:
    if letter.isalnum() and letter != "ـ":  # the Arabic stretching stroke counts as a letter
        return letter
    if unicodedata.category(letter) in ("Mn", "Me", "Mc", "Cf", "Lm") or letter in "'’":
        return ""
    return " "


def _phrases(by_language: dict[str, str]) -> frozenset[str]:
    return frozenset(_plain(phrase) for phrases in by_language.values() for phrase in phrases.split(","))


_STOP_PHRASES = _phrases(_STOP)
_START_PHRASES = _phrases(_START)
