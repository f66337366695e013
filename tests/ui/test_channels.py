"""The pages of channels: tested before they are saved, changed, paused and resumed, and never telling a secret."""

import asyncio
import re
from html import unescape
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI
from sqlmodel.ext.asyncio.session import AsyncSession

import api.routes.channels
from api.ui import live
from api.ui.channel_forms import FOUND, NO_WORKER, WRONG
from api.ui.routes.channels import SECRET_MADE
from db.reading.channels import ChannelView, find_channel
from db.secrets import SecretBox
from db.tables import Channel, ChannelUsage, User
from db.tables.columns import utc_now
from domain.people import Role
from tests.api.doubles import RecordingWorkflows
from tests.api.people import BASE_URL, Company
from tests.api.rows import add_contact, add_delivery, keep, set_channel, stored_channel
from tests.ui.people import add_user, csrf_of, fields_of, send_form, signed_in
from workflows.ports import CheckResult, Finding

TOKEN = "wassenger-token-which-nobody-must-see"
TYPED = {
    "name": "Second <number>",
    "token": f" {TOKEN} ",
    "device_id": "65f0c0ffee65f0c0ffee0001",
    "webhook_secret": "hook secret&",
    "rate": "0,5",
    "quota": "200",
    "windowed": "yes",
    "start": "08:30",
    "end": "18:00",
    "zone": "Europe/Paris",
    "days": "2",
    "once": "a-token-of-the-form",
}
MADE = re.compile(r'href="/channels/([0-9a-f-]{36})"')
WRITES = ("", "/pause", "/resume", "/credentials", "/webhook-secret")


async def test_a_channel_is_connected_once_its_account_was_tested(
    app: FastAPI, owner: User, company: Company, workflows: RecordingWorkflows, secrets: SecretBox
) -> None:
    async with signed_in(app, owner) as http:
        answer = await send_form(http, "/channels/new", "/channels/new", **TYPED)
        again = await send_form(http, "/channels/new", "/channels/new", **TYPED)
    assert (answer.status_code, again.status_code) == (200, 200)
    made = MADE.findall(answer.text)[0]
    assert MADE.findall(again.text)[0] == made
    assert f"{BASE_URL}/webhooks/wassenger/{made}?secret=hook%20secret%26" in answer.text
    assert "Second &lt;number&gt; is connected" in answer.text
    (tenant, platform, sealed), _ = workflows.asked("check_channel")
    assert (tenant, platform) == (company.tenant_id, "wassenger")
    assert secrets.open_document(sealed) == {"token": TOKEN, "device_id": TYPED["device_id"]}
    assert TOKEN.encode() not in sealed
    row = await stored_channel(company, UUID(made))
    assert (row.rate_per_second, row.daily_quota) == (0.5, 200)
    assert row.send_window == {"start": "08:30", "end": "18:00", "time_zone": "Europe/Paris", "days": [2]}
    assert secrets.open_document(row.credentials)["token"] == TOKEN


async def test_a_form_that_is_sent_twice_at_once_connects_one_channel_and_shows_it_both_times(
    app: FastAPI, owner: User, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slowly(session: AsyncSession, channel_id: UUID) -> ChannelView | None:
        found = await find_channel(session, channel_id)
        await asyncio.sleep(0.1)  # between looking for the channel and making it the second click comes
        return found

    monkeypatch.setattr(api.routes.channels, "find_channel", slowly)
    async with signed_in(app, owner) as http:
        form = TYPED | {"csrf": csrf_of(await http.get("/channels/new"))}
        answers = await asyncio.gather(*(http.post("/channels/new", data=form) for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({made for answer in answers for made in MADE.findall(answer.text)}) == 1
    assert await channels_of(company) == 2


async def channels_of(company: Company) -> int:
    return len((await company.http.get("/api/channels")).json()["items"])


@pytest.mark.parametrize("finding", sorted(set(Finding) - {Finding.READY}))
async def test_an_account_that_cannot_send_is_not_saved_and_nothing_but_the_key_is_lost(
    app: FastAPI, owner: User, company: Company, workflows: RecordingWorkflows, finding: Finding
) -> None:
    workflows.found = CheckResult(finding=finding)
    async with signed_in(app, owner) as http:
        answer = await send_form(http, "/channels/new", "/channels/new", **TYPED)
    assert answer.status_code == 422
    assert FOUND[finding][1] in answer.text
    for kept in ("Second &lt;number&gt;", TYPED["device_id"], "0,5", "08:30", "Europe/Paris", "a-token-of-the-form"):
        assert f'value="{kept}"' in answer.text
    assert TOKEN not in answer.text
    assert await channels_of(company) == 1


async def test_without_a_worker_nothing_is_saved(
    app: FastAPI, owner: User, company: Company, workflows: RecordingWorkflows
) -> None:
    workflows.away = True
    async with signed_in(app, owner) as http:
        answer = await send_form(http, "/channels/new", "/channels/new", **TYPED)
    assert answer.status_code == 422
    assert NO_WORKER in answer.text
    assert await channels_of(company) == 1


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"token": ""}, "token"),
        ({"token": "two words"}, "token"),
        ({"device_id": ""}, "device_id"),
        ({"webhook_secret": ""}, "webhook_secret"),
        ({"rate": "quick"}, "rate_per_second"),
        ({"rate": "0"}, "rate_per_second"),
        ({"rate": "nan"}, "rate_per_second"),
        ({"rate": "1e9"}, "rate_per_second"),
        ({"quota": "-1"}, "daily_quota"),
        ({"quota": "1.5"}, "daily_quota"),
        ({"start": "25:00"}, "send_window"),
        ({"zone": "Mars/Olympus"}, "send_window"),
        ({"days": "9"}, "send_window"),
    ],
)
async def test_what_is_wrong_in_the_form_is_said_at_its_field_before_anybody_is_asked(
    app: FastAPI, owner: User, workflows: RecordingWorkflows, typed: dict[str, str], field: str
) -> None:
    async with signed_in(app, owner) as http:
        answer = await send_form(http, "/channels/new", "/channels/new", **(TYPED | typed))
    assert answer.status_code == 422
    assert [said for said in WRONG.values() if said in unescape(answer.text)] == [WRONG[field]]
    assert workflows.asked("check_channel") == []


async def test_the_list_and_the_page_show_how_a_channel_is(
    app: FastAPI, viewer: User, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LONGEST_STREAM_SECONDS", 0.0)  # it ends with the present state
    now = utc_now()
    breaker = {"state": "open", "open_until": now.isoformat()}
    await set_channel(
        company, status="blocked", status_reason="Half (50 %) of the plan is left.", breaker=breaker, daily_quota=1000
    )
    today = now.astimezone(ZoneInfo("Europe/Paris")).date()  # the tenant's own, from an hour before midnight on another
    used = ChannelUsage(tenant_id=company.tenant_id, channel_id=company.channel_id, action="message", day=today, used=7)
    await keep(company, used)
    contact = await add_contact(company)
    for status in ("held", "held", "sent"):
        await add_delivery(company, contact, status=status)
    async with signed_in(app, viewer) as http:
        for path in ("/channels", f"/channels/{company.channel_id}", f"/channels/{company.channel_id}/live"):
            text = (await http.get(path)).text
            for shown in (
                "Account blocked",
                "Half (50 %) of the plan is left.",
                "Fails; spared until",
                "7 of 1,000",
                "1 a second",
            ):
                assert shown in text, (path, shown)
        assert re.search(r"<dt>Held messages</dt><dd>2</dd>", text)


async def test_who_may_only_look_is_offered_nothing_else(app: FastAPI, viewer: User, company: Company) -> None:
    async with signed_in(app, viewer) as http:
        assert "/channels/new" not in (await http.get("/channels")).text
        shown = await http.get(f"/channels/{company.channel_id}")
        assert 'method="post" action="/channels' not in shown.text
        for order in ("pause", "resume"):
            assert f"/{order}" not in shown.text
            assert (await http.get(f"/channels/{company.channel_id}/{order}")).status_code == 403
        assert (await http.get("/channels/new")).status_code == 403
        for write in WRITES:
            answer = await send_form(http, "/settings", f"/channels/{company.channel_id}{write}")
            assert answer.status_code == 403
    assert (await stored_channel(company, company.channel_id)).status == "active"


async def test_an_operator_pauses_and_resumes_but_changes_nothing_else(
    app: FastAPI, company: Company, workflows: RecordingWorkflows
) -> None:
    operator = await add_user(company.database, company.tenant_id, Role.OPERATOR)
    place = f"/channels/{company.channel_id}"
    contact = await add_contact(company)
    await add_delivery(company, contact, status="held")
    async with signed_in(app, operator) as http:
        answer = await send_form(http, place, f"{place}/pause")
        assert (answer.status_code, answer.headers["location"]) == (303, f"{place}?done=paused")
        assert "The channel is paused." in (await http.get(answer.headers["location"])).text
        assert "It lets 1 held message go on" in (await http.get(f"{place}/resume")).text
        assert (await stored_channel(company, company.channel_id)).status == "paused"
        assert (await send_form(http, place, f"{place}/resume")).status_code == 303
        for write in ("", "/credentials", "/webhook-secret"):
            assert (await send_form(http, place, f"{place}{write}")).status_code == 403
    assert (await stored_channel(company, company.channel_id)).status == "active"
    assert workflows.asked("release_channel") == [(company.tenant_id, company.channel_id)]


@pytest.mark.parametrize("status", ["credentials_expired", "blocked"])
async def test_a_pause_that_comes_too_late_keeps_why_the_channel_had_stopped(
    app: FastAPI, owner: User, company: Company, workflows: RecordingWorkflows, status: str
) -> None:
    place = f"/channels/{company.channel_id}"
    async with signed_in(app, owner) as http:
        question = await http.get(f"{place}/pause")
        await set_channel(company, status=status, status_reason="The platform said no.")
        answer = await http.post(f"{place}/pause", data={"csrf": csrf_of(question)})
        assert answer.headers["location"] == f"{place}?done=stopped"
        assert (await http.get(f"{place}/pause")).headers["location"] == f"{place}?done=stopped"
        row = await stored_channel(company, company.channel_id)
        assert (row.status, row.status_reason) == (status, "The platform said no.")
        given = {"token": TOKEN, "device_id": "the-device"}
        assert (await send_form(http, place, f"{place}/credentials", **given)).status_code == 303
    assert (await stored_channel(company, company.channel_id)).status == "active"


async def test_nobody_is_asked_about_what_is_so_already(app: FastAPI, owner: User, company: Company) -> None:
    place = f"/channels/{company.channel_id}"
    async with signed_in(app, owner) as http:
        assert (await http.get(f"{place}/resume")).headers["location"] == f"{place}?done=resumed"
        await send_form(http, f"{place}/pause", f"{place}/pause")
        assert (await http.get(f"{place}/pause")).headers["location"] == f"{place}?done=paused"


async def test_only_what_was_changed_is_written(
    app: FastAPI, owner: User, company: Company, workflows: RecordingWorkflows
) -> None:
    place = f"/channels/{company.channel_id}"
    async with signed_in(app, owner) as http:
        same = {"name": "New name", "rate": "1", "quota": ""}
        assert (await send_form(http, place, place, **same)).headers["location"] == f"{place}?done=saved"
        assert workflows.asked("release_channel") == []  # a name lets nothing go
        assert (await send_form(http, place, place, **{**same, "rate": "0.25", "quota": "5"})).status_code == 303
        wrong = await send_form(http, place, place, **{**same, "rate": "fast"})
        assert wrong.status_code == 422
        assert 'value="fast"' in wrong.text
    row = await stored_channel(company, company.channel_id)
    assert (row.name, row.rate_per_second, row.daily_quota) == ("New name", 0.25, 5)
    assert len(workflows.asked("release_channel")) == 1


async def test_saving_a_channel_leaves_what_another_administrator_changed_meanwhile(
    app: FastAPI, owner: User, company: Company
) -> None:
    place = f"/channels/{company.channel_id}"
    window = {"start": "09:00", "end": "19:00", "time_zone": "Europe/Paris", "days": [0]}
    await set_channel(company, name='Ann\'s "main" <number>', send_window=window)
    async with signed_in(app, owner) as http:
        shown = fields_of(await http.get(place), f'action="{place}" class')
        await company.http.patch(f"/api{place}", json={"rate_per_second": 0.05, "daily_quota": 9})
        wrong = await http.post(place, data={**shown, "name": "New name", "quota": "many"})
        assert wrong.status_code == 422
        again = {**fields_of(wrong, f'action="{place}" class'), "quota": ""}
        assert again["shown"] == shown["shown"]
        assert (await http.post(place, data=again)).status_code == 303
    row = await stored_channel(company, company.channel_id)
    assert (row.name, row.rate_per_second, row.daily_quota) == ("New name", 0.05, 9)
    assert row.send_window == window


@pytest.mark.parametrize("shown", ["", "{", "[]", '{"days": 5}', '{"rate": "\\u0000"}', "[" * 9999])
async def test_a_form_that_does_not_tell_what_it_showed_is_compared_with_the_channel_as_it_is(
    app: FastAPI, owner: User, company: Company, shown: str
) -> None:
    place = f"/channels/{company.channel_id}"
    async with signed_in(app, owner) as http:
        same = {"name": "New name", "rate": "1", "quota": "", "shown": shown}
        assert (await send_form(http, place, place, **same)).status_code == 303
    row = await stored_channel(company, company.channel_id)
    assert (row.name, row.rate_per_second, row.daily_quota) == ("New name", 1, None)


async def test_new_credentials_are_tested_before_they_replace_the_old(
    app: FastAPI, owner: User, company: Company, workflows: RecordingWorkflows, secrets: SecretBox
) -> None:
    place = f"/channels/{company.channel_id}"
    await set_channel(company, status="credentials_expired")
    given = {"token": TOKEN, "device_id": "the-device"}
    async with signed_in(app, owner) as http:
        workflows.found = CheckResult(finding=Finding.REFUSED)
        refused = await send_form(http, place, f"{place}/credentials", **given)
        assert refused.status_code == 422
        assert FOUND[Finding.REFUSED][1] in refused.text
        assert 'value="the-device"' in refused.text
        assert TOKEN not in refused.text
        assert (await stored_channel(company, company.channel_id)).status == "credentials_expired"
        workflows.found = CheckResult(finding=Finding.READY)
        assert (await send_form(http, place, f"{place}/credentials", **given)).status_code == 303
    row = await stored_channel(company, company.channel_id)
    assert (row.status, secrets.open_document(row.credentials)) == ("active", given)


async def test_a_new_webhook_secret_is_shown_once(
    app: FastAPI, owner: User, company: Company, secrets: SecretBox
) -> None:
    place = f"/channels/{company.channel_id}"
    async with signed_in(app, owner) as http:
        form = fields_of(await http.get(place), f'action="{place}/webhook-secret"') | {"confirmed": "yes"}
        answer = await http.post(f"{place}/webhook-secret", data=form)
        secret = secrets.open((await stored_channel(company, company.channel_id)).webhook_secret)
        assert f"?secret={secret}" in answer.text
        assert secret != "hook-secret"
        assert secret not in (await http.get(place)).text


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_form_for_a_webhook_secret_that_is_sent_again_makes_no_other_and_says_what_to_do(
    app: FastAPI, owner: User, company: Company, secrets: SecretBox, at_once: bool
) -> None:
    place = f"/channels/{company.channel_id}"
    to = f"{place}/webhook-secret"
    async with signed_in(app, owner) as http:
        form = fields_of(await http.get(place), f'action="{to}"') | {"confirmed": "yes"}
        if at_once:
            answers = await asyncio.gather(*(http.post(to, data=form) for _ in range(2)))
        else:
            answers = [await http.post(to, data=form) for _ in range(2)]
        secret = secrets.open((await stored_channel(company, company.channel_id)).webhook_secret)
        made, refused = sorted(answers, key=lambda answer: answer.status_code)
        assert (made.status_code, refused.status_code) == (200, 409)
        assert f"?secret={secret}" in made.text
        assert SECRET_MADE in refused.text
        assert "?secret=" not in refused.text.replace("ends in ?secret=", "")
        anew = await http.post(to, data=fields_of(refused, f'action="{to}"') | {"confirmed": "yes"})
        assert anew.status_code == 200
    assert secrets.open((await stored_channel(company, company.channel_id)).webhook_secret) != secret


async def test_no_webhook_secret_is_made_before_somebody_was_asked(
    app: FastAPI, owner: User, company: Company, secrets: SecretBox
) -> None:
    place = f"/channels/{company.channel_id}"
    to = f"{place}/webhook-secret"
    async with signed_in(app, owner) as http:
        for sent in ({}, {"confirmed": "yes"}, {"once": "a-token-of-the-form"}):
            asked = await send_form(http, place, to, **sent)
            assert "Make a new secret? Replies and receipts are refused" in asked.text
        assert secrets.open((await stored_channel(company, company.channel_id)).webhook_secret) == "hook-secret"
        assert "?secret=" in (await http.post(to, data=fields_of(asked, f'action="{to}"'))).text
    assert secrets.open((await stored_channel(company, company.channel_id)).webhook_secret) != "hook-secret"


async def test_a_channel_of_another_tenant_is_not_there(
    app: FastAPI, owner: User, company: Company, rival: Company
) -> None:
    async with signed_in(app, owner) as http:
        for channel_id in (rival.channel_id, uuid4(), "no-id"):
            assert (await http.get(f"/channels/{channel_id}")).status_code == 404
            for place in ("live", "pause", "resume"):
                assert (await http.get(f"/channels/{channel_id}/{place}")).status_code == 404
            for write in WRITES:
                sent = {"token": TOKEN, "device_id": "d", "name": "x", "rate": "2"}
                answer = await send_form(http, "/settings", f"/channels/{channel_id}{write}", **sent)
                assert answer.status_code == 404, write
    row: Channel = await stored_channel(rival, rival.channel_id)
    assert (row.name, row.status, row.rate_per_second) == ("Main number", "active", 1)


async def test_the_list_comes_in_pages_and_a_cursor_of_nobody_is_refused(
    app: FastAPI, owner: User, company: Company, secrets: SecretBox
) -> None:
    more = [
        Channel(
            tenant_id=company.tenant_id,
            platform="wassenger",
            name=f"Number {place}",
            credentials=secrets.seal_document({}),
            webhook_secret=secrets.seal("x"),
        )
        for place in range(50)
    ]
    await keep(company, *more)
    async with signed_in(app, owner) as http:
        first = await http.get("/channels")
        assert first.text.count('<th scope="row">') == 50
        following = re.findall(r'href="(/channels\?cursor=[^"]+)"', first.text)
        assert (await http.get(following[0])).text.count('<th scope="row">') == 1
        assert (await http.get("/channels?cursor=nonsense")).status_code == 422
