"""u: the pages over campaigns of 100,000 contacts: how long the server takes for each, against a bound of 200 ms."""

import statistics
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from cryptography.fernet import Fernet
from phonenumbers.tzdata import TIMEZONE_DATA
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from api.app import create_app
from api.ui.routes import campaign
from db.engine import Database
from db.secrets import SecretBox
from db.tables import CampaignSample
from domain.people import Role
from tests.api.campaign_rows import change_row
from tests.api.doubles import RecordingWorkflows
from tests.api.people import BASE_URL, Company, make_company
from tests.api.rows import keep
from tests.api.test_variants_api import with_test
from tests.benchmarks.figures import Figures, at_most
from tests.ui.people import add_user, signed_in

CONTACTS = 100_000
LONGEST_MS = 200.0
ROUNDS = 7
LISTED = 20
"""A list that has fewer lines than this was not filled: its time would say nothing."""

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]

# Every fifth contact waits, held; the others were sent Message 1 one after the other over the last 14 hours: one in ten
# failed, and of one in ten the outcome is unknown. One in ten answered and was sent Message 2.
_ROWS = (
    """INSERT INTO contacts (id, tenant_id, phone)
       SELECT gen_random_uuid(), :tenant, '+337' || lpad(i::text, 8, '0') FROM generate_series(1, :contacts) i""",
    """INSERT INTO enrollments (tenant_id, campaign_id, contact_id, channel_id, status, held, reason, launched_at,
                                message_1_at, replied_at, message_2_status, outcome)
       SELECT :tenant, :campaign, id, :channel,
              (ARRAY['pending', 'sent', 'delivered', 'read', 'failed',
                     'pending', 'sent', 'delivered', 'read', 'unknown'])[1 + n % 10], n % 5 = 0,
              CASE WHEN n % 5 = 0 THEN 'daily_quota' END, now(),
              CASE WHEN n % 5 BETWEEN 1 AND 3 THEN now() - n * interval '0.5 seconds' END,
              CASE WHEN n % 10 = 3 THEN now() END, CASE WHEN n % 10 = 3 THEN 'sent' END,
              CASE n % 10 WHEN 3 THEN 'answered' WHEN 2 THEN 'no_reply' END
       FROM (SELECT id, row_number() OVER (ORDER BY phone) AS n FROM contacts WHERE tenant_id = :tenant) c""",
    """INSERT INTO deliveries (id, tenant_id, channel_id, contact_id, campaign_id, kind, idempotency_key, status,
                               reason, limit_name, body, first_asked_at)
       SELECT gen_random_uuid(), tenant_id, channel_id, contact_id, campaign_id, 'message_1', contact_id::text,
              CASE WHEN held THEN 'held' WHEN status IN ('failed', 'unknown') THEN status ELSE 'sent' END,
              reason, CASE WHEN held THEN 'daily quota of 500' END,
              'Hello you', message_1_at FROM enrollments WHERE campaign_id = :campaign""",
    """INSERT INTO deliveries (id, tenant_id, channel_id, contact_id, campaign_id, kind, idempotency_key, status,
                               body, first_asked_at, sent_at)
       SELECT gen_random_uuid(), tenant_id, channel_id, contact_id, campaign_id, 'message_2', 'm2/' || contact_id,
              'sent', 'Thank you', message_1_at, message_1_at
       FROM enrollments WHERE campaign_id = :campaign AND message_2_status = 'sent'""",
    """INSERT INTO action_log (tenant_id, delivery_id, contact_id, campaign_id, action, status, reason)
       SELECT tenant_id, id, contact_id, campaign_id, kind, status, reason FROM deliveries
       WHERE campaign_id = :campaign""",
)


# A draft whose contacts live all over the world; some lack a value.
_DRAFT_ROWS = (
    _ROWS[0],
    """INSERT INTO enrollments (tenant_id, campaign_id, contact_id, channel_id, dial_prefix, variables)
       SELECT :tenant, :campaign, id, :channel,
              (CAST(:prefixes AS text[]))[1 + n % cardinality(CAST(:prefixes AS text[]))],
              CASE WHEN n % 1000 = 0 THEN '{}'::jsonb ELSE '{"first_name": "Ana", "town": "Brest"}'::jsonb END
       FROM (SELECT id, row_number() OVER (ORDER BY phone) AS n FROM contacts WHERE tenant_id = :tenant) c""",
)
PREFIXES = sorted(prefix for prefix in TIMEZONE_DATA if len(prefix) <= 4)


async def put(database_url: str, company: Company, campaign_id: str, statements: Sequence[str]) -> None:
    """The rows, past the API, and what autovacuum does of itself within a minute."""
    named = {
        "tenant": company.tenant_id,
        "channel": company.channel_id,
        "campaign": UUID(campaign_id),
        "contacts": CONTACTS,
        "prefixes": PREFIXES,
    }
    async with company.database.tenant(company.tenant_id) as session:
        for statement in statements:
            used = {name: value for name, value in named.items() if f":{name}" in statement}
            await session.execute(text(statement), used)
    engine = create_async_engine(database_url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text("VACUUM (ANALYZE)"))
    await engine.dispose()


async def fill(database_url: str, company: Company, campaign_id: str) -> None:
    """A running campaign."""
    begun = datetime.now(UTC) - timedelta(hours=14)
    samples = [
        CampaignSample(
            tenant_id=company.tenant_id, campaign_id=UUID(campaign_id), at=begun + timedelta(seconds=25 * number),
            status="running", delay_seconds=1, error_rate=0.02,
        )
        for number in range(CONTACTS // 50)
    ]  # fmt: skip
    await keep(company, *samples)
    await change_row(company, campaign_id, status="running", started_at=begun)
    await put(database_url, company, campaign_id, _ROWS)


@dataclass(frozen=True)
class Opened:
    """A browser in which the owner of a company is signed in."""

    company: Company
    http: httpx.AsyncClient


@pytest_asyncio.fixture
async def opened(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Opened]:
    """A company with nothing in it yet."""
    monkeypatch.setattr(campaign, "COURSE_SECONDS", 0.0)  # every look at a chart is measured, not the first alone
    secrets = SecretBox([Fernet.generate_key().decode()])
    app = create_app(database, RecordingWorkflows(), secrets, public_url=BASE_URL)
    company = await make_company(database, secrets, app)
    owner = await add_user(database, company.tenant_id, Role.OWNER)
    async with company.http, signed_in(app, owner) as http:
        yield Opened(company, http)


async def milliseconds(http: httpx.AsyncClient, address: str) -> float:
    """The median of a few requests; the first one, which compiles templates, does not count."""
    took = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        answer = await http.get(address)
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, answer.text[:500]
    return statistics.median(took[1:])


async def look(opened: Opened, figures: Figures, start: int, pages: dict[str, str]) -> None:
    """Measures pages one by one; one that takes longer than its bound fails."""
    took = {name: await milliseconds(opened.http, address) for name, address in pages.items()}
    for number, (name, value) in enumerate(took.items(), start=start):
        figures.add(f"u{number}", f"page: {name}", value, "ms", bound=at_most(LONGEST_MS))
    assert {name: value for name, value in took.items() if value > LONGEST_MS} == {}


async def test_no_page_of_a_running_campaign_takes_longer(opened: Opened, database_url: str, figures: Figures) -> None:
    campaign_id = (await opened.company.campaign())["id"]
    await fill(database_url, opened.company, campaign_id)
    contacts = await opened.company.http.get(f"/api/campaigns/{campaign_id}/contacts?limit=1")
    contact_id = contacts.json()["items"][0]["contact_id"]
    pages = {
        "the list": "/campaigns",
        "the list, searched": "/campaigns?search=autumn&status=running",
        "the campaign": f"/campaigns/{campaign_id}",
        "its chart": f"/campaigns/{campaign_id}/chart.json",
        "its chart as a table": f"/campaigns/{campaign_id}/chart",
        "its contacts": f"/campaigns/{campaign_id}/contacts",
        "its contacts that replied": f"/campaigns/{campaign_id}/contacts?status=replied",
        "its contacts that opted out (none)": f"/campaigns/{campaign_id}/contacts?status=opted_out",
        "the question before a cancel": f"/campaigns/{campaign_id}/cancel",
        "a contact": f"/contacts/{contact_id}?campaign={campaign_id}",
        "messages of unknown outcome": "/deliveries?status=unknown",
        "held messages": "/deliveries?status=held",
        "held messages of the campaign": f"/deliveries?status=held&campaign_id={campaign_id}",
        "the channels": "/channels",
        "the channel": f"/channels/{opened.company.channel_id}",
    }
    for status in ("unknown", "held"):
        assert (await opened.http.get(f"/deliveries?status={status}")).text.count('scope="row"') >= LISTED
    await look(opened, figures, 1, pages)


async def test_no_step_of_the_wizard_takes_longer(opened: Opened, database_url: str, figures: Figures) -> None:
    variants = [
        {"name": "Short", "weight": 50, "text": "Hi {{ first_name }}"},
        {"name": "Local", "weight": 50, "text": "Good morning from {{ town }}"},
    ]
    hours = {"start": "09:00", "end": "18:00", "days": [0, 1, 2, 3, 4], "zone": "contact"}
    campaign_id = await with_test(opened.company, variants=variants, send_window=hours)
    await put(database_url, opened.company, campaign_id, _DRAFT_ROWS)
    steps = ("basics", "audience", "messages", "pacing", "check")
    pages = {f"wizard, {step}": f"/campaigns/{campaign_id}/setup/{step}" for step in steps}
    pages |= {
        "a draft whose contacts live in all zones": f"/campaigns/{campaign_id}",
        "the list with it": "/campaigns",
        "its rehearsal, before it begins": f"/campaigns/{campaign_id}/rehearsal",
    }
    await look(opened, figures, 21, pages)
