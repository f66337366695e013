"""The messages step: variables, a preview on real contacts, and what is missing or wrong."""

import asyncio
import re
from html import unescape
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel.ext.asyncio.session import AsyncSession

from api.ui.routes import wizard_messages
from api.ui.visits import CSRF_HEADER
from db.campaigns import change_campaign
from db.reading.audience import SAMPLE, variables_of
from db.tables import User
from tests.api.campaign_rows import change_row
from tests.api.people import Company, phone
from tests.ui.people import csrf_of, fields_of, send_form, signed_in

TEXTS = {"message_1": "Hi {{ first_name }}", "message_2": "See you in {{ town | default('town') }}"}
PEOPLE = (
    {"phone": phone(1), "first_name": "Ana", "town": "Lyon"},
    {"phone": phone(2), "first_name": "Bo"},
    {"phone": phone(3), "town": "Nice"},
)


async def ready(company: Company) -> str:
    """A draft with three contacts; where its messages are."""
    campaign = await company.campaign()
    await company.contacts(campaign["id"], *PEOPLE)
    return f"/campaigns/{campaign['id']}/setup/messages"


async def kept(company: Company, address: str) -> tuple[str, str]:
    """Both messages of the draft."""
    told = (await company.http.get(f"/api/campaigns/{address.split('/')[2]}")).json()
    return told["message_1"], told["message_2"]


async def typed(http: httpx.AsyncClient, address: str, **fields: Any) -> httpx.Response:
    """What the page sends while somebody writes."""
    headers = {CSRF_HEADER: csrf_of(await http.get("/settings")), "HX-Request": "true"}
    return await http.post(f"{address}/typed", data=TEXTS | fields, headers=headers)


async def look_beside(http: httpx.AsyncClient, address: str, **fields: Any) -> httpx.Response:
    """What an arrow of the preview sends."""
    headers = {CSRF_HEADER: csrf_of(await http.get("/settings")), "HX-Request": "true"}
    return await http.post(f"{address}/beside", data=TEXTS | fields, headers=headers)


def shown_by(answer: httpx.Response) -> str:
    """What the page is told to go on from."""
    [found] = re.findall(r'<input type="hidden" id="shown" name="shown" value="([^"]*)"', answer.text)
    return unescape(found)


def theirs(answer: httpx.Response) -> list[tuple[str, str]]:
    """Which messages were changed elsewhere too, and what is written there."""
    found = re.findall(r'data-torn="(\w+)">.*?<p class="wizard-theirs">(.*?)</p>', answer.text, flags=re.DOTALL)
    return [(name, unescape(text)) for name, text in found]


def bubbles(answer: httpx.Response) -> list[str]:
    """What the two bubbles say."""
    found = re.findall(r'<p class="[^"]*" data-message="[^"]*">(.*?)</p>', answer.text, flags=re.DOTALL)
    return [unescape(re.sub(r"<[^>]*>", "", text)).strip() for text in found]


def place(answer: httpx.Response) -> str:
    """The position of the contact that is shown."""
    [found] = re.findall(r'id="preview-at" name="at" value="(\d+)"', answer.text)
    return str(found)


async def test_the_variables_of_the_contacts_can_be_put_in(app: FastAPI, company: Company, owner: User) -> None:
    address = await ready(company)
    async with signed_in(app, owner) as http:
        page = (await http.get(address)).text
    offered = re.findall(r'data-insert="{{ (\w+) }}">\w+ <span class="wizard-count">([^<]+)</span>', page)
    assert offered == [("first_name", "66.7%"), ("town", "66.7%")] * 3


async def test_of_many_contacts_a_part_tells_what_they_have(app: FastAPI, company: Company, owner: User) -> None:
    campaign = await company.campaign()
    rows = "".join(f"{phone(number)},Ana,{'Lyon' if number % 2 else ''}\n" for number in range(SAMPLE * 2))
    await company.upload(campaign["id"], f"phone,first_name,town\n{rows}".encode())
    async with company.database.tenant(company.tenant_id) as session:
        shares = await variables_of(session, UUID(campaign["id"]), SAMPLE * 2)
    assert shares.pop("first_name") == 1.0
    assert list(shares) == ["town"]
    assert 0.3 < shares["town"] < 0.7


async def test_the_preview_goes_from_contact_to_contact(app: FastAPI, company: Company, owner: User) -> None:
    address = await ready(company)
    async with signed_in(app, owner) as http:
        first = await typed(http, address)
        assert bubbles(first) == ["Hi Ana", "See you in Lyon"]
        second = await look_beside(http, address, after=place(first))
        assert bubbles(second) == ["Hi Bo", "See you in town"]
        assert bubbles(await typed(http, address, at=place(second))) == ["Hi Bo", "See you in town"]
        third = await look_beside(http, address, after=place(second))
        assert bubbles(third)[0].endswith("has no value for first_name, and the message needs one.")
        assert place(await look_beside(http, address, after=place(third))) == place(third)
        back = await look_beside(http, address, before=place(second))
        assert bubbles(back) == bubbles(first)
        assert place(await look_beside(http, address, before=place(first))) == place(first)
    assert await kept(company, address) == (TEXTS["message_1"], TEXTS["message_2"])


@pytest.mark.parametrize("at", ["", "-1", "x", "9" * 30, "0", "9223372036854775807"])
async def test_a_position_that_is_none_shows_somebody_or_nobody(
    app: FastAPI, company: Company, owner: User, at: str
) -> None:
    address = await ready(company)
    async with signed_in(app, owner) as http:
        assert (await typed(http, address, at=at)).status_code == 200
        for name in ("after", "before"):
            assert (await look_beside(http, address, **{name: at})).status_code == 200


async def test_variables_that_contacts_lack_are_flagged_with_how_many_lack_them(
    app: FastAPI, company: Company, owner: User
) -> None:
    address = await ready(company)
    async with signed_in(app, owner) as http:
        answer = await typed(http, address, message_2="{{ code }} {{ town }}")
    flagged = re.findall(r'data-lacking="(\w+)">(Message \d): (\d) contacts? ha', answer.text)
    assert flagged == [("first_name", "Message 1", "1"), ("code", "Message 2", "3"), ("town", "Message 2", "1")]


async def test_without_contacts_names_stand_for_values(app: FastAPI, company: Company, owner: User) -> None:
    address = f"/campaigns/{(await company.campaign())['id']}/setup/messages"
    async with signed_in(app, owner) as http:
        assert bubbles(await typed(http, address)) == ["Hi [first_name]", "See you in [town]"]


async def test_what_can_be_read_is_kept_as_it_is_typed_and_the_rest_is_told(
    app: FastAPI, company: Company, owner: User
) -> None:
    address = await ready(company)
    async with signed_in(app, owner) as http:
        answer = await typed(http, address, message_1="Good\r\nday", message_2="One\n{{ broken")
        assert bubbles(answer)[0] == "Good\nday"
        assert "Line 2:" in bubbles(answer)[1]
        assert await kept(company, address) == ("Good\nday", "Thanks")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("", "The message is empty."),
        ("Hi {{ name", "Line 1:"),
        ("a\n\n{% for x in y %}", "Line 3:"),
        ("a\0", "Line 1:"),
    ],
)
async def test_a_message_that_cannot_be_read_is_refused_with_its_place_and_stays_in_the_editor(
    app: FastAPI, company: Company, owner: User, wrong: str, said: str
) -> None:
    address = await ready(company)
    async with signed_in(app, owner) as http:
        answer = await send_form(http, address, address, **(TEXTS | {"message_2": wrong}))
    assert answer.status_code == 422
    assert said in answer.text
    assert f"{TEXTS['message_1']}</textarea>" in answer.text
    assert await kept(company, address) == ("Hi", "Thanks")


async def test_both_messages_are_kept_and_the_pacing_is_next(app: FastAPI, company: Company, owner: User) -> None:
    address = await ready(company)
    async with signed_in(app, owner) as http:
        answer = await send_form(http, address, address, **TEXTS)
    assert (answer.status_code, answer.headers["location"]) == (303, address.replace("messages", "pacing"))
    assert await kept(company, address) == (TEXTS["message_1"], TEXTS["message_2"])


TEST: dict[str, Any] = {
    **TEXTS,
    "variants_on": "on",
    "variant_name": ["Short", "Long", "", "", ""],
    "variant_weight": ["50", "25", "50", "50", "50"],
    "variant_text": ["Hey", "Good day {{ town }}", "", "", ""],
}
VARIANTS = [
    {"name": "Short", "weight": 50, "text": "Hey"},
    {"name": "Long", "weight": 25, "text": "Good day {{ town }}"},
]


async def variants(company: Company, address: str) -> list[dict[str, Any]]:
    """The variants of the draft."""
    told = (await company.http.get(f"/api/campaigns/{address.split('/')[2]}")).json()
    return list(told["variants"])


async def test_message_1_becomes_a_test_and_one_text_again(app: FastAPI, company: Company, owner: User) -> None:
    address = await ready(company)
    async with signed_in(app, owner) as http:
        begun = (await http.get(address)).text
        assert 'id="variants_on" name="variants_on" value="on">' in begun
        assert re.search(r'<textarea[^>]* id="variant_text_0"[^>]*>Hi</textarea>', begun)  # Message 1 is the first text
        answer = await send_form(http, address, address, **TEST)
        assert (answer.status_code, answer.headers["location"]) == (303, address.replace("messages", "pacing"))
        assert await variants(company, address) == VARIANTS
        shown = (await http.get(address)).text
        assert 'id="variants_on" name="variants_on" value="on" checked>' in shown
        assert "Good day {{ town }}</textarea>" in shown
        assert (await send_form(http, address, address, **TEXTS)).status_code == 303
    assert await variants(company, address) == []
    assert await kept(company, address) == (TEXTS["message_1"], TEXTS["message_2"])


async def test_each_variant_is_seen_as_it_is_typed_and_kept(app: FastAPI, company: Company, owner: User) -> None:
    address = await ready(company)
    async with signed_in(app, owner) as http:
        answer = await typed(http, address, **TEST)
        assert bubbles(answer) == ["Hey", "Good day Lyon", "See you in Lyon"]
        assert "Message 1 · Long: 1 contact has no value for town." in unescape(answer.text)
        assert await variants(company, address) == VARIANTS
        half = await typed(http, address, **{**TEST, "variant_text": ["Hey\r\nyou", "{{ half", "", "", ""]})
        assert bubbles(half)[0] == "Hey\nyou"
        assert "Line 1:" in bubbles(half)[1]
        await typed(http, address, message_2="Bye")  # the box of the test is not ticked any more
    assert await variants(company, address) == VARIANTS
    assert await kept(company, address) == ("Hey", "Bye")


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"variant_text": ["Hey", "", "", "", ""]}, "variant_text_1", "The message is empty."),
        ({"variant_text": ["Hey", "a\n{{ b", "", "", ""]}, "variant_text_1", "Line 2:"),
        ({"variant_weight": ["0", "1", "50", "50", "50"]}, "variant_weight_0", "Write a number of at least 1."),
        ({"variant_weight": ["1", "9" * 5000, "", "", ""]}, "variant_weight_1", "Write a number."),
        ({"variant_name": ["Short", "", "", "", ""]}, "variant_name_1", "Fill this in."),
        ({"variant_name": ["One", "one", "", "", ""]}, "variants", "Give each variant a name of its own."),
        ({"variant_name": [], "variant_text": []}, "variants", "Write at least two variants, or end the test."),
        ({"message_2": ""}, "message_2", "The message is empty."),
    ],
)
async def test_what_is_wrong_with_a_test_is_told_at_its_field_and_nothing_is_lost(
    app: FastAPI, company: Company, owner: User, wrong: dict[str, Any], field: str, said: str
) -> None:
    address = await ready(company)
    sent = TEST | {"message_1": "Typed before"} | wrong
    async with signed_in(app, owner) as http:
        answer = await send_form(http, address, address, **sent)
    told = re.findall(rf'id="{field}-(?:wrong|about)">([^<]*)<', answer.text)
    assert (answer.status_code, len(told)) == (422, 1)
    assert said in told[0]
    assert 'name="variants_on" value="on" checked>' in answer.text
    for text in ("Typed before", *filter(None, sent["variant_text"])):
        assert f"{text}</textarea>" in answer.text
    assert await variants(company, address) == []


async def test_messages_of_others_and_of_started_campaigns_stay(
    app: FastAPI, company: Company, rival: Company, owner: User, viewer: User
) -> None:
    own, foreign = await ready(company), await ready(rival)
    async with signed_in(app, owner) as http, signed_in(app, viewer) as looker:
        for send in (typed, look_beside):
            assert (await send(looker, own)).status_code == 403
            assert (await send(http, foreign)).status_code == 404
        await change_row(company, own.split("/")[2], status="running")
        assert (await typed(http, own)).status_code == 409
        token = csrf_of(await http.get("/settings"))
        assert (await http.post(own, data={"csrf": token, **TEXTS})).status_code == 409
    assert await kept(company, own) == await kept(rival, foreign) == ("Hi", "Thanks")


async def test_what_a_contact_is_called_is_text_and_nothing_else(app: FastAPI, company: Company, owner: User) -> None:
    campaign = await company.campaign()
    await company.contacts(campaign["id"], {"phone": phone(1), "first_name": "<b>x</b>", "name": "<i>y</i>"})
    async with signed_in(app, owner) as http:
        text = (await typed(http, f"/campaigns/{campaign['id']}/setup/messages")).text
    assert not re.search(r"<(b|i)>", text)


async def change(company: Company, address: str, **fields: Any) -> None:
    """Somebody else changes the draft meanwhile."""
    answer = await company.http.patch(f"/api/campaigns/{address.split('/')[2]}", json=fields)
    assert answer.status_code == 200, answer.text


async def opened(http: httpx.AsyncClient, address: str) -> dict[str, str]:
    """What a page that has just been opened holds: its texts, and what it shows."""
    page = await http.get(address)
    return {"message_1": "Hi", "message_2": "Thanks", "shown": fields_of(page, 'id="messages"')["shown"]}


async def test_an_older_page_leaves_the_message_that_somebody_else_has_changed_meanwhile(
    app: FastAPI, company: Company, owner: User
) -> None:
    address = await ready(company)
    async with signed_in(app, owner) as http:
        old = await opened(http, address)
        await change(company, address, message_1="Corrected")
        first = await typed(http, address, **{**old, "message_2": "Mine"})
        assert await kept(company, address) == ("Corrected", "Mine")
        assert theirs(first) == []
        token = csrf_of(await http.get(address))
        late = {**old, "message_2": "Mine at last", "shown": shown_by(first), "csrf": token}
        assert (await http.post(address, data=late)).status_code == 303
    assert await kept(company, address) == ("Corrected", "Mine at last")


async def test_no_browser_puts_back_into_the_editors_what_once_stood_there(
    app: FastAPI, company: Company, owner: User
) -> None:
    address = await ready(company)
    async with signed_in(app, owner) as http:
        [form] = re.findall(r'<form[^>]* id="messages"[^>]*>', (await http.get(address)).text)
    assert (
        'autocomplete="off"' in form
    )  # or an old text would be compared with what is shown now, and pass for a new one


async def test_an_arrow_of_an_older_page_keeps_nothing(app: FastAPI, company: Company, owner: User) -> None:
    address = await ready(company)
    async with signed_in(app, owner) as http:
        old = await opened(http, address)
        await change(company, address, message_1="Corrected")
        for typed_here in (old, old | {"message_2": "Mine"}, {"message_1": "Hey", "message_2": "Mine"}):
            assert (await look_beside(http, address, after="0", **typed_here)).status_code == 200
    assert await kept(company, address) == ("Corrected", "Thanks")


async def test_of_two_texts_for_one_message_neither_is_lost_and_a_person_decides(
    app: FastAPI, company: Company, owner: User
) -> None:
    address = await ready(company)
    async with signed_in(app, owner) as http:
        mine = {**await opened(http, address), "message_1": "Mine", "message_2": "Bye"}
        await change(company, address, message_1="Theirs <b>")
        told = await typed(http, address, **mine)
        assert theirs(told) == [("message_1", "Theirs <b>")]
        assert await kept(company, address) == ("Theirs <b>", "Bye")
        assert theirs(await look_beside(http, address, **mine)) == [("message_1", "Theirs <b>")]
        token = csrf_of(await http.get(address))
        asked = await http.post(address, data={**mine, "shown": shown_by(told), "csrf": token})
        assert asked.status_code == 409
        assert theirs(asked) == [("message_1", "Theirs <b>")]
        assert "Mine</textarea>" in asked.text
        again = mine | fields_of(asked, 'id="messages"')
        assert theirs(await typed(http, address, **again)) == [("message_1", "Theirs <b>")]
        assert await kept(company, address) == ("Theirs <b>", "Bye")  # writing on is no decision
        await change(company, address, message_1="Theirs, once more")
        anew = await http.post(address, data=again)
        assert (anew.status_code, theirs(anew)) == (409, [("message_1", "Theirs, once more")])
        assert (await http.post(address, data=mine | fields_of(anew, 'id="messages"'))).status_code == 303
    assert await kept(company, address) == ("Mine", "Bye")


async def test_of_two_pages_at_the_same_moment_the_second_sees_what_the_first_one_wrote(
    app: FastAPI, company: Company, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slowly(session: AsyncSession, campaign_id: UUID, values: dict[str, Any]) -> None:
        await asyncio.sleep(0.2)  # between comparing and writing the other one comes
        await change_campaign(session, campaign_id, values)

    monkeypatch.setattr(wizard_messages, "change_campaign", slowly)
    address = await ready(company)
    async with signed_in(app, owner) as http:
        page = await opened(http, address)
        texts = [f"From page {number}" for number in range(2)]
        answers = await asyncio.gather(*(typed(http, address, **(page | {"message_2": text})) for text in texts))
    _, last = await kept(company, address)
    assert [theirs(answer) for answer in answers] == [[] if text == last else [("message_2", last)] for text in texts]


async def test_a_page_is_no_stranger_to_what_it_kept_itself(app: FastAPI, company: Company, owner: User) -> None:
    address = await ready(company)
    async with signed_in(app, owner) as http:
        page = await opened(http, address)
        for text in ("H", "He", "Hello", "Hell", "Hello {{ broken", "Hello you"):
            answer = await typed(http, address, **(page | {"message_1": text}))
            assert theirs(answer) == []
            page["shown"] = shown_by(answer)
        assert await kept(company, address) == ("Hello you", "Thanks")
        # Kept, but its answer never arrived: the page still shows what it did, and says what it has sent since.
        lost, unanswered = "Hello you there", str(httpx.QueryParams({**TEXTS, "message_1": "Hello you there"}))
        for text in ("Hello you two", "Hello you"):  # written on, and taken back to what was shown
            await change(company, address, message_1="Hello you")
            page = await opened(http, address)
            await typed(http, address, **(page | {"message_1": lost}))
            assert await kept(company, address) == (lost, "Thanks")
            answer = await typed(http, address, **(page | {"message_1": text, "sent": unanswered}))
            assert theirs(answer) == []
            assert await kept(company, address) == (text, "Thanks")


async def test_variants_of_an_older_page_do_not_replace_newer_ones(app: FastAPI, company: Company, owner: User) -> None:
    address = await ready(company)
    newer = [*VARIANTS[:1], {"name": "Long", "weight": 30, "text": "Good evening"}]
    async with signed_in(app, owner) as http:
        begun = await typed(http, address, **TEST)
        old = TEST | {"shown": shown_by(begun)}
        await change(company, address, variants=newer)
        await typed(http, address, **(old | {"message_2": "Bye"}))
        assert await variants(company, address) == newer
        torn = await typed(http, address, **(old | {"variant_text": ["Hello", "Good day {{ town }}", "", "", ""]}))
        assert theirs(torn) == [("message_1", "Short (50)\nHey")]
        assert "Long (30)\nGood evening" in torn.text
        assert await variants(company, address) == newer
        assert (await typed(http, address, **(TEXTS | {"shown": shown_by(torn)}))).status_code == 200
    assert await variants(company, address) == newer


@pytest.mark.parametrize("shown", ["", "{", "[]", '{"message_1": 5}', "[" * 9999])
async def test_a_page_that_does_not_tell_what_it_showed_is_compared_with_the_draft_as_it_is(
    app: FastAPI, company: Company, owner: User, shown: str
) -> None:
    address = await ready(company)
    async with signed_in(app, owner) as http:
        answer = await typed(http, address, message_1="Mine", shown=shown, seen=shown, sent=shown)
        assert theirs(answer) == []
    assert await kept(company, address) == ("Mine", TEXTS["message_2"])
