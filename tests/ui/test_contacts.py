"""A contact's page: the campaigns that person is in, and everything that happened, with its reasons."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from fastapi import FastAPI

from api.ui.routes.contacts import PAGE
from db.tables import ActionLogLine, Interaction, Message, Suppression, User
from tests.api.people import Company
from tests.api.rows import add_contact, add_delivery, enroll, keep
from tests.ui.people import signed_in


async def test_the_timeline_tells_each_thing_with_its_reason(app: FastAPI, company: Company, viewer: User) -> None:
    now = datetime.now(UTC)
    contact = await add_contact(company, name="Ana <b>")
    enrollment = await enroll(company, contact, launched_at=now, status="sent", outcome="no_reply", closed_at=now)
    campaign_id = enrollment.campaign_id
    delivery = await add_delivery(
        company, contact, campaign_id=campaign_id, status="held", reason="send_window", limit_name="send window"
    )
    own: dict[str, Any] = {"tenant_id": company.tenant_id, "contact_id": contact.id}
    line = ActionLogLine(
        **own, campaign_id=campaign_id, delivery_id=delivery.id, action="message_1", status="held", reason="send_window"
    )
    read = ActionLogLine(**own, campaign_id=campaign_id, delivery_id=delivery.id, action="message_1", status="read")
    out = Message(**own, channel_id=company.channel_id, direction="out", body="Hello 100 %", status="sent")
    text = Message(**own, channel_id=company.channel_id, direction="in", body="<script>no</script>", status="received")
    interaction = Interaction(**own, campaign_id=campaign_id, message_id=text.id, counted=False, reason="too late")
    stop = Suppression(tenant_id=company.tenant_id, phone=contact.phone, source="api", note="asked by phone")
    await keep(company, line, read, out, text, interaction, stop)
    async with signed_in(app, viewer) as http:
        told = (await http.get(f"/contacts/{contact.id}?campaign={campaign_id}")).text
    for words in (
        "Ana &lt;b&gt;",
        "Outside the send window.",
        "Limit that bound: send window",
        "Hello 100 %",
        "&lt;script&gt;no&lt;/script&gt;",
        "The text was not counted as a reply",
        "too late",
        "asked by phone",
        "The campaign began for this contact",
        "The campaign ended for this contact",
        'data-state="read">Read',
        "May not be written to",
    ):
        assert words in told, words
    assert told.count("<time ") == 8


async def test_each_campaign_links_to_its_workflow(app: FastAPI, company: Company, viewer: User) -> None:
    contact = await add_contact(company)
    first, second = await enroll(company, contact), await enroll(company, contact)
    async with signed_in(app, viewer) as http:
        told = (await http.get(f"/contacts/{contact.id}?campaign={first.campaign_id}")).text
    link = "http://temporal.test/namespaces/default/workflows/campaign%2F{}%2Fcontact%2F{}"
    assert link.format(first.campaign_id, contact.id) in told
    assert told.index(str(first.campaign_id)) < told.index(str(second.campaign_id))
    assert told.count('aria-current="true"') == 1


async def test_a_long_story_goes_on_on_the_next_page(app: FastAPI, company: Company, viewer: User) -> None:
    contact = await add_contact(company)
    begun = datetime.now(UTC) - timedelta(days=1)
    texts = [
        Message(
            tenant_id=company.tenant_id, contact_id=contact.id, channel_id=company.channel_id, direction="in",
            body=f"text {number:03d}", status="received", occurred_at=begun + timedelta(seconds=number),
        )
        for number in range(PAGE + 1)
    ]  # fmt: skip
    await keep(company, *texts)
    async with signed_in(app, viewer) as http:
        first = (await http.get(f"/contacts/{contact.id}")).text
        later = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        second = (await http.get(f"/contacts/{contact.id}{later}")).text
    assert ("text 000" in first, f"text {PAGE:03d}" in first) == (True, False)
    assert ("text 000" in second, f"text {PAGE:03d}" in second) == (False, True)


async def test_another_tenants_contact_is_not_found(app: FastAPI, rival: Company, viewer: User) -> None:
    theirs = await add_contact(rival)
    async with signed_in(app, viewer) as http:
        for contact_id in (theirs.id, uuid4(), "nonsense"):
            assert (await http.get(f"/contacts/{contact_id}")).status_code == 404
