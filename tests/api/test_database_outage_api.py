"""PostgreSQL goes away under the API and comes back: 503 meanwhile, and nothing to do afterwards."""

from pathlib import Path

from api.app import create_app
from cli.stack.postgres import running_postgres
from db.engine import Database
from db.secrets import SecretBox
from migrations.upgrade import upgrade
from tests.api.doubles import RecordingWorkflows
from tests.api.people import BASE_URL, make_company


async def test_it_answers_503_and_recovers_by_itself(session_dir: Path, secrets: SecretBox) -> None:
    data = session_dir / "outage"
    async with running_postgres(data, fast=True) as url:
        await upgrade(url)
        database = Database.connect(url)
        app = create_app(database, RecordingWorkflows(), secrets, public_url=BASE_URL)
        company = await make_company(database, secrets, app)
        campaign = await company.campaign()
        address = f"/api/campaigns/{campaign['id']}"
        assert (await company.http.get(address)).status_code == 200
    for _ in range(3):
        answer = await company.http.get(address)
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert answer.headers["retry-after"]
    async with running_postgres(data, fast=True):
        assert (await company.http.get(address)).status_code == 200
        await company.http.aclose()
        await database.close()
