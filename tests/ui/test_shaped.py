"""Sentences that other rooms write, shown in French: with the figures and names that they hold."""

import ast
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from jinja2 import TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

import api
from api.ui.languages import translate
from api.ui.shaped import SHAPES
from connectors.wassenger import meaning
from db.tables import Suppression, User
from domain import contact_rows, csv_columns, csv_rows, csv_text, phones, template_reading, templates
from domain.breaker import ErrorSample, judge
from domain.gate import REASON_TEXT
from domain.people import Role
from domain.progress import MESSAGE_1_STATES
from domain.statuses import CampaignStatus
from domain.template_reading import TemplateProblem
from domain.templates import check_template
from rehearsal import apart, stage
from tests.api.campaign_rows import change_row
from tests.api.people import Company
from tests.api.rows import add_contact, add_delivery, keep
from tests.ui.people import add_user, csrf_of, signed_in
from tests.ui.sentences import marked_in
from tests.ui.test_campaigns import enroll_in

ROOMS = (phones, contact_rows, csv_text, csv_columns, csv_rows, templates, template_reading, meaning, apart, stage)
"""Whose every sentence may come to a page."""

FIGURE = "7"


def read(language: str, sentence: str) -> str:
    """The sentence as somebody reads it."""
    return translate(language, sentence)


def sentences_of(code: str) -> Iterator[str]:
    """What reads like a whole sentence, with a figure in the place of each value."""
    tree = ast.parse(code)
    passed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    passed |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    passed |= {id(node) for function in ast.walk(tree) if _is_for_programs(function) for node in ast.walk(function)}
    every = (_text(node) for node in ast.walk(tree) if id(node) not in passed)
    yield from (text for text in every if text[:1].isupper() and text.endswith(".") and " " in text)


def _is_for_programs(node: ast.AST) -> bool:
    """Contacts as JSON come by the API alone."""
    return isinstance(node, ast.FunctionDef) and "json" in node.name


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else FIGURE for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def code_of(module: ModuleType) -> str:
    return Path(module.__file__ or "").read_text(encoding="utf-8")


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__)
def test_every_sentence_that_another_room_may_have_us_show_is_translated(room: ModuleType) -> None:
    found = [*sentences_of(code_of(room))]
    assert found
    assert [one for one in found if read("fr", one) == one] == []


def test_whatever_is_not_there_is_said_to_be_missing_in_french() -> None:
    every = [node for path in Path(api.__file__ or "").parent.rglob("*.py") for node in _missing(path)]
    assert "contact" in every
    assert [what for what in every if read("fr", f"There is no such {what}.").startswith("There")] == [
        "webhook address"
    ]


def _missing(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "NotFound":
            yield from (one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str))


TRIPPED = judge(ErrorSample(attempted=40, errored=13)).reason
STORED = [
    (TRIPPED, "13 messages sur 40 ont rencontré une erreur (32.5 %), au-delà de la limite de 20 %"),
    ("The platform failed on each of 5 attempts.", "La plateforme a échoué à chacune des 5 tentatives."),
    ("Message 1 is failed", "le message 1 est en échec"),
    ("wrote: STOP!", "a écrit : STOP!"),
    (
        "Wassenger answered 401 to a message: Bad token. Try 1.2. "
        "The API key is not accepted: put a valid one into the channel.",
        "Wassenger a répondu 401 pour un message : Bad token. Try 1.2. "
        "La clé d’API n’est pas acceptée : mettez-en une valable dans le canal.",
    ),
    (
        "Message 2: template: The message has 6001 characters; at most 6000 are allowed. Shorten it.",
        "Message 2 : modèle : Le message compte 6001 caractères ; 6000 au plus sont permis. Raccourcissez-le.",
    ),
    (
        "could not ask the platform: Wassenger answered 404 to the look-up of a message. "
        "The same request will be refused again: correct it first.",
        "la plateforme n’a pas pu être interrogée : Wassenger a répondu 404 pour la recherche d’un message. "
        "La même demande sera refusée de nouveau : corrigez-la d’abord.",
    ),
    (
        "The platform asked to slow down. (Wassenger answered 429 to a message. Wait 12 s before the next call.)",
        "La plateforme a demandé de ralentir. "
        "(Wassenger a répondu 429 pour un message. Attendez 12 s avant le prochain appel.)",
    ),
    (
        "The row has 2 of 3 cells; it seems to be cut off.",
        "La ligne a 2 cellules sur 3 ; elle semble coupée.",
    ),
    (
        "The request has 1 error: message_1: Line 3: The filter upper takes no argument.",
        "La demande a 1 erreur : message_1 : Ligne 3 : Le filtre upper ne prend pas d’argument.",
    ),
    (
        "The engine does not answer (UNAVAILABLE). What was asked may be done all the same: look before you ask again. "
        "Check that Temporal and a worker run.",
        "Le moteur ne répond pas (UNAVAILABLE). Votre demande a peut-être été exécutée malgré tout : regardez avant de "
        "la refaire. Vérifiez que Temporal et un worker fonctionnent.",
    ),
]


@pytest.mark.parametrize(("stored", "french"), STORED)
def test_what_is_stored_with_figures_is_read_in_french(stored: str, french: str) -> None:
    assert read("fr", stored) == french
    assert read("en", stored) == stored


@pytest.mark.parametrize("reason", REASON_TEXT.values())
def test_a_reason_and_what_the_platform_said_of_it_are_both_translated(reason: str) -> None:
    assert read("fr", f"{reason} (It was only a question; it is asked again.)") == (
        f"{read('fr', reason)} (Ce n’était qu’une question ; elle est posée de nouveau.)"
    )


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.words[:40])
def test_each_shape_is_known_again_by_itself_in_every_place_of_the_list(shape: Any) -> None:
    """Of the first shape that fits the words are taken: one that fits too much would hide another."""
    names = {name: f"v{place}" for place, name in enumerate(shape.names)}
    filled = shape.words % names
    assert read("fr", filled) == translate("fr", shape.words, **names)


@pytest.mark.parametrize("state", [*CampaignStatus, *MESSAGE_1_STATES])
def test_the_state_in_a_sentence_has_its_word(state: str) -> None:
    assert read("fr", state) != state


BROKEN = ("{{ first name }}", "{{ }}", "{{ a", "{{ a ? }}", "{{ (a }}", "{{ 'a }}", "{% if x %}", "{% foo %}", "{# x")


@pytest.mark.parametrize("text", BROKEN)
def test_what_the_template_engine_finds_wrong_is_said_in_french(text: str) -> None:
    with pytest.raises(TemplateSyntaxError) as found:
        SandboxedEnvironment().parse(text)
    said = found.value.message or ""
    assert read("fr", said) != said
    with pytest.raises(TemplateProblem) as problem:
        check_template(text)
    assert read("fr", said) in read("fr", str(problem.value))


def test_a_mark_within_another_call_is_found() -> None:
    code = 'visit.say(TITLES.get(1, _("lost"))); say("a" if b else "c")'
    assert sorted(marked_in(code)) == ["a", "c", "lost"]


@pytest.fixture
async def reader(company: Company) -> User:
    """An owner who reads French."""
    return await add_user(company.database, company.tenant_id, Role.OWNER, language="fr")


async def test_the_pages_say_stored_reasons_limits_and_sources_in_french(
    app: FastAPI, company: Company, reader: User
) -> None:
    made = await company.campaign()
    await enroll_in(company, made["id"])
    await change_row(company, made["id"], status="paused", paused_reason=TRIPPED)
    contact = await add_contact(company)
    about: dict[str, Any] = {"reason": "daily_quota", "limit_name": "daily quota of 500"}
    held = await add_delivery(company, contact, status="held", **about)
    about = {"tenant_id": company.tenant_id, "phone": contact.phone}
    await keep(company, Suppression(**about, source="opt_out", note="wrote: STOP"))
    async with signed_in(app, reader) as http:
        assert STORED[0][1] in (await http.get(f"/campaigns/{made['id']}")).text
        for place in ("/deliveries?status=held", f"/deliveries/{held.id}"):
            assert "quota du jour de 500" in (await http.get(place)).text
        assert "l’a demandé par message · a écrit : STOP" in (await http.get(f"/contacts/{contact.id}")).text
        await company.http.post("/api/api-keys", json={"name": "CRM", "scopes": ["read", "write"]})
        assert "<td>lire, modifier</td>" in (await http.get("/settings/keys")).text


async def test_what_is_refused_is_said_in_french(app: FastAPI, company: Company, reader: User) -> None:
    async with signed_in(app, reader) as http:
        token = csrf_of(await http.get("/settings"))
        french = {"Accept-Language": "fr"}
        missing = await http.get(f"/contacts/{uuid4()}", headers=french)
        assert "Ce contact n’existe pas." in missing.text
        foreign = await http.post(f"/channels/{company.channel_id}/pause", data={"csrf": "wrong"}, headers=french)
        assert "Ce formulaire ne vient pas d’une page de cette session." in foreign.text
        odd = await http.get("/campaigns?cursor=nonsense", headers=french)
        assert "Un problème est survenu" in odd.text
        assert "Ce repère de page n’est pas des nôtres" in odd.text
        campaign_id = UUID((await company.campaign())["id"])
        place = f"/campaigns/{campaign_id}/setup/audience/look"
        file = {"file": ("people.csv", b"phone,a,b\n+33612345678,x\n")}
        looked = await http.post(place, files=file, headers={"X-CSRF-Token": token})
        assert "La ligne a 2 cellules sur 3" in looked.text
