"""The list of campaigns and the page of each: what they show, to whom, and what may be asked of them."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlmodel.ext.asyncio.session import AsyncSession

from api.ui import campaign_words
from api.ui.languages import translate
from api.ui.routes import campaign as campaign_page
from api.ui.routes.campaigns import PAGE
from db.reading.course import MOST_POINTS, Point, read_course, step_seconds
from db.reading.enrollments import EnrollmentFilter
from db.tables import ActionLogLine, Campaign, CampaignSample, Enrollment, User
from domain.gate import REASON_TEXT
from domain.people import Role
from domain.progress import MESSAGE_1_STATES
from domain.statuses import CampaignStatus, Outcome
from tests.api.campaign_rows import change_row
from tests.api.people import Company
from tests.api.rows import add_contact, add_delivery, keep
from tests.ui.people import add_user, signed_in


async def enroll_in(company: Company, campaign_id: str, **columns: object) -> UUID:
    """One more contact of the campaign."""
    contact = await add_contact(company)
    known = {"tenant_id": company.tenant_id, "channel_id": company.channel_id}
    row = {**known, "campaign_id": UUID(campaign_id), "contact_id": contact.id, **columns}
    await keep(company, Enrollment.model_validate(row))
    return contact.id


def test_the_words_cover_every_state_and_reason() -> None:
    assert campaign_words.REASONS == REASON_TEXT
    assert set(campaign_words.STATUSES) == set(CampaignStatus)
    assert set(campaign_words.COUNTED) == set(EnrollmentFilter)
    assert set(campaign_words.COUNTED) >= set(MESSAGE_1_STATES)
    assert set(campaign_words.OUTCOMES) == set(Outcome)


async def test_the_list_shows_state_progress_and_errors(app: FastAPI, company: Company, owner: User) -> None:
    made = await company.campaign(name="Autumn <b>")
    await change_row(company, made["id"], status="running")
    for status in ("sent", "failed", "pending", "pending"):
        await enroll_in(company, made["id"], status=status)
    async with signed_in(app, owner) as http:
        text = (await http.get("/campaigns")).text
    assert "Autumn &lt;b&gt;" in text
    assert "2 of 4" in text
    assert "50%" in text
    assert 'data-state="running">Running' in text
    assert 'href="/campaigns/new"' in text


async def test_the_list_is_searched_and_filtered(app: FastAPI, company: Company, viewer: User) -> None:
    await company.campaign(name="Spring letter")
    running = await company.campaign(name="Winter letter")
    await change_row(company, running["id"], status="running")
    async with signed_in(app, viewer) as http:
        found = (await http.get("/campaigns", params={"search": "SPRING"})).text
        filtered = (await http.get("/campaigns", params={"status": "running"})).text
        odd = await http.get("/campaigns", params={"status": "nonsense"})
    assert ("Spring letter" in found, "Winter letter" in found) == (True, False)
    assert ("Spring letter" in filtered, "Winter letter" in filtered) == (False, True)
    assert odd.status_code == 200
    assert 'href="/campaigns/new"' not in found


async def test_older_campaigns_are_on_the_next_page(app: FastAPI, company: Company, owner: User) -> None:
    for number in range(PAGE + 1):
        await company.campaign(name=f"Letter {number:02d}")
    async with signed_in(app, owner) as http:
        first = (await http.get("/campaigns", params={"search": "Letter"})).text
        older = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        second = (await http.get(older)).text
    assert ("Letter 20" in first, "Letter 00" in first) == (True, False)
    assert ("Letter 20" in second, "Letter 00" in second) == (False, True)
    assert "Newest" in second


@pytest.mark.parametrize("query", ["cursor=nonsense", "cursor=%00", "search=%00"])
async def test_what_is_no_query_of_ours_is_refused(app: FastAPI, owner: User, query: str) -> None:
    async with signed_in(app, owner) as http:
        assert (await http.get(f"/campaigns?{query}")).status_code in (404, 422)
        assert (await http.get(f"/campaigns/live?{query}")).status_code in (404, 422)


async def test_the_page_shows_figures_reasons_and_events(app: FastAPI, company: Company, owner: User) -> None:
    made = await company.campaign(message_1="Hi <i>", pacing={"delay_seconds": 2, "batch_size": 7})
    await change_row(
        company, made["id"], status="paused", paused_reason="6 of 20 met an error (30 %), over", delay_seconds=2.5
    )
    held = await enroll_in(company, made["id"], status="pending", held=True, reason="daily_quota")
    await enroll_in(company, made["id"], status="sent", message_1_at=datetime.now(UTC))
    contact = await add_contact(company)
    delivery = await add_delivery(
        company, contact, campaign_id=UUID(made["id"]), kind="message_1", status="held", reason="daily_quota",
        limit_name="daily quota of 5",
    )  # fmt: skip
    about: dict[str, Any] = {"tenant_id": company.tenant_id, "campaign_id": UUID(made["id"]), "action": "message_1"}
    line = ActionLogLine(**about, delivery_id=delivery.id, contact_id=held, status="held", reason="daily_quota")
    await keep(company, line)
    async with signed_in(app, owner) as http:
        text = (await http.get(f"/campaigns/{made['id']}")).text
    assert "6 of 20 met an error (30 %), over" in text
    assert "The channel&#39;s quota for today is used up." in text
    assert "daily quota of 5" in text
    assert "Hi &lt;i&gt;" in text
    assert "<dd>2.5 s</dd>" in text
    assert f'href="/contacts/{held}?campaign={made["id"]}"' in text
    assert f'id="count-held" href="/campaigns/{made["id"]}/contacts?status=held">1<' in text
    assert "/resume" in text
    assert "/pause" not in text


async def test_who_may_only_look_is_offered_no_order(app: FastAPI, company: Company, viewer: User) -> None:
    made = await company.campaign()
    await change_row(company, made["id"], status="running")
    async with signed_in(app, viewer) as http:
        text = (await http.get(f"/campaigns/{made['id']}")).text
        for order in ("pause", "cancel", "pacing", "retry-failed", "resume"):
            assert f"/campaigns/{made['id']}/{order}" not in text
            assert (await http.get(f"/campaigns/{made['id']}/{order}")).status_code == 403


@pytest.mark.parametrize(
    ("status", "started", "said"),
    [
        ("draft", False, "<dt>Starts</dt><dd>Jan 2, 2090"),
        ("scheduled", False, "<dt>Starts</dt><dd>Jan 2, 2090"),
        ("running", True, "<dt>Started</dt><dd>Mar 4, 2026"),
        ("cancelled", False, "<dt>Started</dt><dd>–"),
    ],
)
async def test_a_start_that_is_ahead_is_not_told_as_one_that_was(
    app: FastAPI, company: Company, viewer: User, status: str, started: bool, said: str
) -> None:
    made = await company.campaign(start_at="2090-01-02T12:00:00Z")
    started_at = datetime(2026, 3, 4, 12, tzinfo=UTC) if started else None
    await change_row(company, made["id"], status=status, started_at=started_at)
    async with signed_in(app, viewer) as http:
        assert said in (await http.get(f"/campaigns/{made['id']}")).text


OFFICE = {"start": "09:00", "end": "18:30", "days": [0, 4], "zone": "tenant", "message_2": True}


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (None, ["Messages go out at any hour."]),
        (OFFICE, ["09:00 – 18:30", "Monday, Friday", "Ours (Europe/Paris)", "waits for the window too"]),
        ({**OFFICE, "days": [4, 0, 4]}, ["Monday, Friday"]),
        ({**OFFICE, "days": list(range(7)), "zone": "Asia/Tokyo", "message_2": False}, ["Every day", "<dd>Asia/Tokyo"]),
        ({**OFFICE, "zone": "contact"}, ["The contact’s, told by the phone number"]),
    ],
)
async def test_the_page_tells_the_send_window_in_words(
    app: FastAPI, company: Company, viewer: User, hours: dict[str, Any] | None, said: list[str]
) -> None:
    made = await company.campaign(send_window=hours)
    async with signed_in(app, viewer) as http:
        text = (await http.get(f"/campaigns/{made['id']}")).text
    section = text.partition('aria-labelledby="hours"')[2].partition("</section>")[0]
    assert [words for words in said if words not in section] == []


async def test_the_page_shows_the_texts_of_a_test_and_once_launched_its_results(
    app: FastAPI, company: Company, viewer: User
) -> None:
    variants = [{"name": "Sh<b>rt", "weight": 3, "text": "Hey"}, {"name": "Long", "weight": 1, "text": "Good day"}]
    body = {"name": "A", "channel_id": str(company.channel_id), "variants": variants, "message_2": "Thanks"}
    made = (await company.http.post("/api/campaigns", json=body)).json()
    async with signed_in(app, viewer) as http:
        draft = (await http.get(f"/campaigns/{made['id']}")).text
        await enroll_in(company, made["id"], status="sent", variant=0, replied_at=datetime.now(UTC))
        await enroll_in(company, made["id"], status="sent", variant=1)
        await change_row(company, made["id"], status="running")
        running = (await http.get(f"/campaigns/{made['id']}")).text
    for text in (draft, running):
        assert "Message 1 · Sh&lt;b&gt;rt</h3>" in text
        assert '<p class="said">Good day</p>' in text
    assert "variants-title" not in draft
    results = running.partition('aria-labelledby="variants-title"')[2].partition("</section>")[0]
    assert "The campaign goes on." in results
    assert "100% (" in results


async def test_a_page_without_a_test_has_no_results(app: FastAPI, company: Company, viewer: User) -> None:
    made = await company.campaign()
    await change_row(company, made["id"], status="running")
    async with signed_in(app, viewer) as http:
        assert "variants-title" not in (await http.get(f"/campaigns/{made['id']}")).text


@pytest.mark.parametrize(
    ("status", "to_owner", "to_viewer"),
    [
        ("draft", {"setup/audience", "rehearsal"}, {"rehearsal"}),
        ("scheduled", {"rehearsal"}, {"rehearsal"}),
        ("running", set(), set()),
        ("completed", set(), set()),
    ],
)
async def test_what_is_not_begun_leads_to_its_wizard_and_its_rehearsal(
    app: FastAPI, company: Company, owner: User, viewer: User, status: str, to_owner: set[str], to_viewer: set[str]
) -> None:
    made = await company.campaign()
    await change_row(company, made["id"], status=status)
    for person, places in ((owner, to_owner), (viewer, to_viewer)):
        async with signed_in(app, person) as http:
            assert f'href="/campaigns/{made["id"]}"' in (await http.get("/campaigns")).text
            text = (await http.get(f"/campaigns/{made['id']}")).text
            offered = {place for place in ("setup/audience", "rehearsal") if f'/{made["id"]}/{place}"' in text}
            assert offered == places
            for place in offered:
                assert (await http.get(f"/campaigns/{made['id']}/{place}")).status_code == 200


PLACES = ("", "/live", "/chart", "/chart.json", "/contacts", "/contacts.csv", "/pause", "/pacing")


@pytest.mark.parametrize("place", PLACES)
async def test_another_tenants_campaign_is_not_found(app: FastAPI, rival: Company, owner: User, place: str) -> None:
    theirs = await rival.campaign()
    async with signed_in(app, owner) as http:
        assert (await http.get(f"/campaigns/{theirs['id']}{place}")).status_code == 404
        assert (await http.get(f"/campaigns/{uuid4()}{place}")).status_code == 404


async def test_the_chart_has_what_was_sent_and_what_was_in_force(app: FastAPI, company: Company, owner: User) -> None:
    made = await company.campaign()
    begun = datetime.now(UTC) - timedelta(minutes=10)
    await change_row(company, made["id"], status="running", started_at=begun)
    for seconds in (1, 2, 3, 61):
        await enroll_in(company, made["id"], status="sent", message_1_at=begun + timedelta(seconds=seconds))
    about: dict[str, Any] = {"tenant_id": company.tenant_id, "campaign_id": UUID(made["id"]), "status": "running"}
    await keep(
        company,
        CampaignSample(**about, at=begun, delay_seconds=1),
        CampaignSample(**about, at=begun + timedelta(seconds=65), delay_seconds=1.5, error_rate=0.25),
    )
    async with signed_in(app, owner) as http:
        told = (await http.get(f"/campaigns/{made['id']}/chart.json")).json()
        table = (await http.get(f"/campaigns/{made['id']}/chart")).text
    assert told["sent_per_minute"] == [18, 0, 0, 0, 0, 0, 12]
    assert told["error_percent"] == [None] * 6 + [25]
    assert told["delay_seconds"] == [1] * 6 + [1.5]
    assert told["at"][0] == pytest.approx(begun.timestamp(), abs=0.1)
    assert "25%" in table
    assert table.count("<tr>") == 8


async def add_message_2(company: Company, campaign_id: str, at: datetime, **columns: Any) -> None:
    """One Message 2 that went out then."""
    about: dict[str, Any] = {"kind": "message_2", "status": "sent", "first_asked_at": at, "sent_at": at, **columns}
    await add_delivery(company, await add_contact(company), campaign_id=UUID(campaign_id), **about)


async def test_the_chart_counts_message_2_where_it_was_sent(app: FastAPI, company: Company, owner: User) -> None:
    made, other = await company.campaign(), await company.campaign()
    begun = datetime.now(UTC) - timedelta(minutes=10)
    await change_row(company, made["id"], status="running", started_at=begun)
    for seconds in (1, 61):
        await enroll_in(company, made["id"], status="sent", message_1_at=begun + timedelta(seconds=seconds))
    for seconds in (4, 25):
        await add_message_2(company, made["id"], begun + timedelta(seconds=seconds))
    asked = begun + timedelta(seconds=4)
    await add_message_2(company, made["id"], asked, sent_at=begun + timedelta(seconds=35))
    await add_message_2(company, made["id"], asked, sent_at=None, status="unknown")
    await add_message_2(company, made["id"], begun + timedelta(minutes=5))  # after the last Message 1
    await add_message_2(company, other["id"], asked)
    async with signed_in(app, owner) as http:
        told = (await http.get(f"/campaigns/{made['id']}/chart.json")).json()
    assert told["sent_per_minute"] == [12, 0, 6, 6, 0, 0]


async def test_the_messages_of_the_last_minute_are_both(app: FastAPI, company: Company, owner: User) -> None:
    made, other = await company.campaign(), await company.campaign()
    now = datetime.now(UTC)
    for ago in (1, 2, 90):
        await enroll_in(company, made["id"], status="sent", message_1_at=now - timedelta(seconds=ago))
    for ago in (1, 90):
        await add_message_2(company, made["id"], now - timedelta(seconds=ago))
    await add_message_2(company, made["id"], now - timedelta(minutes=5), sent_at=now - timedelta(seconds=2))
    await add_message_2(company, made["id"], now, sent_at=None, status="unknown")
    await add_message_2(company, other["id"], now)
    async with signed_in(app, owner) as http:
        text = (await http.get(f"/campaigns/{made['id']}")).text
    assert "<dt>Messages in the last minute</dt><dd>4</dd>" in text


async def test_all_who_see_the_chart_share_what_was_read(
    app: FastAPI, company: Company, rival: Company, owner: User, viewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await company.campaign()
    read: list[UUID] = []

    async def counting(session: AsyncSession, campaign: Campaign) -> list[Point]:
        read.append(campaign.id)
        return await read_course(session, campaign)

    monkeypatch.setattr(campaign_page, "read_course", counting)
    stranger = await add_user(rival.database, rival.tenant_id, Role.OWNER)
    async with signed_in(app, owner) as one, signed_in(app, viewer) as two, signed_in(app, stranger) as other:
        for http in (one, two, one):
            for place in ("chart.json", "chart"):
                assert (await http.get(f"/campaigns/{made['id']}/{place}")).status_code == 200
                assert (await other.get(f"/campaigns/{made['id']}/{place}")).status_code == 404
    assert read == [UUID(made["id"])]


async def test_a_campaign_that_never_began_has_an_empty_chart(app: FastAPI, company: Company, owner: User) -> None:
    made = await company.campaign()
    async with signed_in(app, owner) as http:
        told = (await http.get(f"/campaigns/{made['id']}/chart.json")).json()
        assert "Nothing has happened yet." in (await http.get(f"/campaigns/{made['id']}/chart")).text
    assert told == {"at": [], "sent_per_minute": [], "error_percent": [], "delay_seconds": []}


@pytest.mark.parametrize("span", [0, 1, 2999, 3000, 86_400, 7 * 86_400, 400 * 86_400, 3000 * 86_400])
def test_a_chart_has_so_many_points_at_most(span: int) -> None:
    assert span / step_seconds(span) < MOST_POINTS


def test_a_campaign_of_seconds_has_more_than_a_point() -> None:
    assert 20 / step_seconds(20) == 10


async def test_the_contacts_are_filtered_and_paged(app: FastAPI, company: Company, viewer: User) -> None:
    made = await company.campaign()
    failed = await enroll_in(
        company, made["id"], status="failed", reason="Not on WhatsApp (100 % sure)", outcome="failed"
    )
    others = [await enroll_in(company, made["id"], status="sent") for _ in range(51)]
    async with signed_in(app, viewer) as http:
        first = (await http.get(f"/campaigns/{made['id']}/contacts")).text
        filtered = (await http.get(f"/campaigns/{made['id']}/contacts?status=failed")).text
        later = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        second = (await http.get(f"/campaigns/{made['id']}/contacts{later}")).text
        bad = await http.get(f"/campaigns/{made['id']}/contacts?cursor=nonsense")
    assert str(failed) in first
    assert "Not on WhatsApp (100 % sure)" in filtered
    assert (str(failed) in filtered, str(others[0]) in filtered) == (True, False)
    assert (str(others[0]) in second, str(others[-1]) in second) == (False, True)
    assert bad.status_code == 422


async def test_the_download_is_the_apis(app: FastAPI, company: Company, viewer: User) -> None:
    made = await company.campaign()
    await enroll_in(company, made["id"], status="sent")
    async with signed_in(app, viewer) as http:
        answer = await http.get(f"/campaigns/{made['id']}/contacts.csv")
    assert answer.text == (await company.http.get(f"/api/campaigns/{made['id']}/contacts.csv")).text
    assert answer.headers["content-disposition"] == f'attachment; filename="campaign-{made["id"]}.csv"'


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("daily quota of 500", "quota du jour de 500"),
        ("daily quota: 3 left", "quota du jour : reste 3"),
        ("credits: 12 left", "crédits : reste 12"),
        ("send window", "plage d’envoi"),
        ("100 % of something new", "100 % of something new"),
    ],
)
def test_limits_are_said_in_the_visitors_language(limit: str, said: str) -> None:
    assert campaign_words.limit_words(partial(translate, "fr"), limit) == said
