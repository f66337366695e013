"""The pages of held and unknown messages: what is shown, and that each is settled once and by whom may."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from api.ui.languages import translate
from db.reading.deliveries import find_delivery
from db.tables import Delivery, User
from domain.gate import REASON_TEXT
from domain.people import Role
from tests.api.doubles import RecordingWorkflows
from tests.api.people import Company
from tests.api.rows import add_contact, add_delivery, enroll
from tests.ui.people import add_user, csrf_of, fields_of, send_form, signed_in

ROW = re.compile(r'<th scope="row"><a href="/deliveries/([0-9a-f-]{36})">')
UNKNOWN, HELD = "/deliveries", "/deliveries?status=held"


async def unknown(company: Company) -> Delivery:
    contact = await add_contact(company)
    return await add_delivery(company, contact, status="unknown", reason="The answer was lost.", body="Hello <you>")


async def status_of(company: Company, delivery_id: UUID) -> str:
    async with company.database.tenant(company.tenant_id) as session:
        view = await find_delivery(session, delivery_id)
    assert view is not None
    return view.delivery.status


def shown(page: httpx.Response) -> list[str]:
    assert page.status_code == 200, page.text
    return ROW.findall(page.text)


async def settle(http: httpx.AsyncClient, action: str, *ids: object) -> httpx.Response:
    """Ticks these and presses the button."""
    token = csrf_of(await http.get(UNKNOWN))
    said = {"csrf": token, "action": action, "confirmed": "yes", "id": [str(i) for i in ids]}
    return await http.post("/deliveries/resolve", data=said)


async def test_two_tabs_with_reason_limit_and_where_each_belongs(app: FastAPI, viewer: User, company: Company) -> None:
    contact = await add_contact(company)
    enrollment = await enroll(company, contact)
    held = await add_delivery(
        company,
        contact,
        status="held",
        kind="message_1",
        campaign_id=enrollment.campaign_id,
        reason="daily_quota",
        limit_name="daily quota of 5",
        hold_until=datetime.now(UTC) + timedelta(days=1),
    )
    lost = await unknown(company)
    async with signed_in(app, viewer) as http:
        first, second = await http.get(UNKNOWN), await http.get(HELD)
        assert (shown(first), shown(second)) == ([str(lost.id)], [str(held.id)])
        for words in ("The channel&#39;s quota for today is used up.", "daily quota of 5", contact.phone, "Autumn"):
            assert words in second.text
        assert f'href="/channels/{company.channel_id}">Main number' in second.text
        assert "/deliveries/resolve" not in first.text
        one = await http.get(f"/deliveries/{lost.id}")
        assert "Hello &lt;you&gt;" in one.text
        assert "/resolve" not in one.text


async def test_the_list_is_narrowed_by_channel_and_campaign_and_comes_in_pages(
    app: FastAPI, owner: User, company: Company, rival: Company
) -> None:
    contact = await add_contact(company)
    enrollment = await enroll(company, contact)
    of_campaign = await add_delivery(company, contact, status="held", campaign_id=enrollment.campaign_id)
    for _ in range(50):
        await add_delivery(company, contact, status="held")
    async with signed_in(app, owner) as http:
        assert shown(await http.get(f"{HELD}&campaign_id={enrollment.campaign_id}")) == [str(of_campaign.id)]
        assert shown(await http.get(f"{HELD}&channel_id={rival.channel_id}")) == []
        first = await http.get(f"{HELD}&channel_id={company.channel_id}")
        assert len(shown(first)) == 50
        following = re.findall(r'href="(/deliveries\?[^"]*cursor=[^"]*)"', first.text)[0].replace("&amp;", "&")
        assert f"channel_id={company.channel_id}" in following
        assert shown(await http.get(following)) == [str(of_campaign.id)]
        for odd in ("&channel_id=x", "&campaign_id=x", "&cursor=<"):
            assert (await http.get(f"{HELD}{odd}")).status_code == 404
        assert (await http.get(f"{HELD}&cursor=x")).status_code == 422


@pytest.mark.parametrize(("action", "status"), [("mark_sent", "sent"), ("resend", "queued")])
async def test_many_are_settled_at_once_and_what_was_settled_meanwhile_is_told(
    app: FastAPI, company: Company, workflows: RecordingWorkflows, action: str, status: str
) -> None:
    operator = await add_user(company.database, company.tenant_id, Role.OPERATOR)
    mine, other, third = [await unknown(company) for _ in range(3)]
    async with signed_in(app, operator) as http:
        await company.http.post(f"/api/deliveries/{other.id}/resolve", json={"action": "mark_sent"})
        told = len(workflows.asked("deliver"))
        answer = await settle(http, action, mine.id, mine.id, other.id, third.id)
        assert answer.status_code == 303
        page = await http.get(answer.headers["location"])
    assert "2 messages were settled." in page.text
    assert "1 message had been settled meanwhile" in page.text
    assert [await status_of(company, one.id) for one in (mine, other, third)] == [status, "sent", status]
    assert len(workflows.asked("deliver")) - told == 2


async def test_an_engine_that_is_away_leaves_them_as_they_are_and_says_how_many(
    app: FastAPI, owner: User, company: Company, workflows: RecordingWorkflows
) -> None:
    both = [await unknown(company) for _ in range(2)]
    async with signed_in(app, owner) as http:
        workflows.away = True
        answer = await settle(http, "mark_sent", *(one.id for one in both))
        assert "2 messages were left as they were" in (await http.get(answer.headers["location"])).text
    assert [await status_of(company, one.id) for one in both] == ["unknown", "unknown"]


async def test_one_is_settled_on_its_own_page_and_a_second_word_is_told_and_changes_nothing(
    app: FastAPI, owner: User, company: Company
) -> None:
    place = f"/deliveries/{(await unknown(company)).id}"
    async with signed_in(app, owner) as http:
        answer = await send_form(http, place, f"{place}/resolve", action="mark_sent", confirmed="yes")
        assert "Your word was taken down." in (await http.get(answer.headers["location"])).text
        again = await send_form(http, "/settings", f"{place}/resolve", action="resend", confirmed="yes")
        page = await http.get(again.headers["location"])
    assert "had been settled meanwhile" in page.text
    assert '<span class="state" data-state="running">Sent</span>' in page.text


async def test_who_may_only_look_settles_nothing(app: FastAPI, viewer: User, company: Company) -> None:
    lost = await unknown(company)
    async with signed_in(app, viewer) as http:
        for to in ("/deliveries/resolve", f"/deliveries/{lost.id}/resolve"):
            answer = await send_form(http, "/settings", to, action="mark_sent", id=str(lost.id))
            assert answer.status_code == 403
    assert await status_of(company, lost.id) == "unknown"


@pytest.mark.parametrize(
    ("action", "one", "many"),
    [
        ("resend", "Send 1 message again?", "Send 2 messages again?"),
        ("mark_sent", "Mark 1 message as sent?", "Mark 2 messages as sent?"),
    ],
)
async def test_nothing_is_settled_before_somebody_was_asked(
    app: FastAPI, owner: User, company: Company, workflows: RecordingWorkflows, action: str, one: str, many: str
) -> None:
    alone, *both = [await unknown(company) for _ in range(3)]
    place, to = f"/deliveries/{alone.id}", f"/deliveries/{alone.id}/resolve"
    ids = [str(each.id) for each in both]
    async with signed_in(app, owner) as http:
        forms = (await http.get(place)).text.split(f'action="{to}"')[1:]
        assert [re.findall(r'name="action" value="(\w+)"', form)[0] for form in forms] == ["mark_sent", "resend"]
        asked = await send_form(http, place, to, action=action)
        asked_of_both = await send_form(
            http, UNKNOWN, "/deliveries/resolve", action=action, id=ids, channel_id=str(company.channel_id)
        )
        assert (asked.status_code, one in asked.text) == (200, True)
        assert (asked_of_both.status_code, many in asked_of_both.text) == (200, True)
        assert f'href="/deliveries?status=unknown&amp;channel_id={company.channel_id}"' in asked_of_both.text
        assert [await status_of(company, each.id) for each in (alone, *both)] == ["unknown"] * 3
        assert workflows.calls == []
        assert (await http.post(to, data=fields_of(asked, f'action="{to}"'))).status_code == 303
        assert all(f'name="id" value="{each}"' in asked_of_both.text for each in ids)
        agreed = {**fields_of(asked_of_both, 'action="/deliveries/resolve"'), "id": ids}
        done = await http.post("/deliveries/resolve", data=agreed)
        assert "2 messages were settled." in (await http.get(done.headers["location"])).text
    settled = "queued" if action == "resend" else "sent"
    assert [await status_of(company, each.id) for each in (alone, *both)] == [settled] * 3


async def test_a_message_of_another_tenant_is_not_there(
    app: FastAPI, owner: User, company: Company, rival: Company
) -> None:
    theirs, ours = await unknown(rival), await unknown(company)
    async with signed_in(app, owner) as http:
        assert shown(await http.get(UNKNOWN)) == [str(ours.id)]
        for one in (theirs.id, uuid4()):
            assert (await http.get(f"/deliveries/{one}")).status_code == 404
            answer = await send_form(http, UNKNOWN, f"/deliveries/{one}/resolve", action="mark_sent")
            assert answer.status_code == 404
            assert (await settle(http, "mark_sent", one)).status_code == 404
        assert (await settle(http, "mark_sent", ours.id, theirs.id)).status_code == 303
        assert (await settle(http, "throw_away", ours.id)).status_code == 404
        assert (await settle(http, "mark_sent")).status_code == 303
    assert await status_of(rival, theirs.id) == "unknown"
    assert await status_of(company, ours.id) == "sent"


def test_every_reason_of_the_gate_is_told_in_french() -> None:
    assert [text for text in REASON_TEXT.values() if translate("fr", text) == text] == []
