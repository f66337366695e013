"""What counts as using a session: what a person does, and not what an open page asks by itself."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from sqlmodel import col, select

from api.ui import live
from api.ui.rendering import TEMPLATES
from db.tables import User, UserSession
from tests.api.people import Company
from tests.api.rows import add_contact, add_delivery
from tests.ui.people import set_sessions_back, signed_in

ASKED = (
    "/campaigns/live",
    "/campaigns/{campaign}/live",
    "/channels/{channel}/live",
    "/campaigns/{campaign}/chart.json",
    "/campaigns/{campaign}/setup/check/test/{delivery}",
    "/campaigns/{campaign}/rehearsal/events",
)
"""What pages ask by themselves."""

BY_ITSELF = (
    re.compile(r'sse-connect="([^"?]+)'),
    re.compile(r'data-chart="([^"]+)"'),
    re.compile(r'hx-get="([^"]+)" hx-trigger="(?:load|every)'),
)
AGO = timedelta(hours=2)


async def last_seen(company: Company, user: User) -> datetime:
    """When the person's one session was last used."""
    async with company.database.tenant(company.tenant_id) as session:
        return (await session.exec(select(UserSession.seen_at).where(col(UserSession.user_id) == user.id))).one()


@pytest.mark.parametrize("place", ASKED)
async def test_what_a_page_asks_by_itself_keeps_no_session(
    app: FastAPI, company: Company, owner: User, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(live, "LONGEST_STREAM_SECONDS", 0.0)
    campaign = (await company.campaign())["id"]
    delivery = await add_delivery(company, await add_contact(company), kind="test", status="held")
    ids = {"campaign": campaign, "channel": company.channel_id, "delivery": delivery.id}
    async with signed_in(app, owner) as http:
        await set_sessions_back(company.database, owner, "seen_at", AGO)
        assert (await http.get(place.format(**ids), timeout=60)).status_code == 200
        assert datetime.now(UTC) - await last_seen(company, owner) >= AGO
        assert (await http.get("/campaigns")).status_code == 200
        assert datetime.now(UTC) - await last_seen(company, owner) < timedelta(minutes=5)


def test_pages_ask_nothing_else_by_themselves() -> None:
    written = [path.read_text(encoding="utf-8") for path in TEMPLATES.rglob("*.html")]
    found = {re.sub(r"\{\{.*?\}\}", "…", one) for page in written for way in BY_ITSELF for one in way.findall(page)}
    # The rehearsal's address is made where its page is.
    known = {re.sub(r"\{\w+\}", "…", place) for place in ASKED if "rehearsal" not in place}
    assert found == {*known, "…"}
