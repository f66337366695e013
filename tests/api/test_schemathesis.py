"""Generated requests to every operation of the OpenAPI document: none may break a promise that the document makes."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from cryptography.fernet import Fernet
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.app import create_app
from db.engine import Database
from db.secrets import SecretBox
from tests.api.doubles import RecordingWorkflows
from tests.api.people import Company, make_company, phone
from tests.api.server import serving

# Not promised: that whatever the schema allows is accepted. Templates must parse, channels exist, cursors be ours.
NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/none"
SECRETS = SecretBox([Fernet.generate_key().decode()])

schema = schemathesis.openapi.from_dict(
    create_app(Database.connect(NOWHERE), RecordingWorkflows(), SECRETS, public_url="http://relance.test").openapi()
).exclude(path_regex="^/(readyz|metrics)$")  # they look at Temporal, which is not here: a 503 is right
schema.config.max_stream_events = 1  # a stream of progress lasts as long as its campaign

existing: dict[str, str] = {}
"""By name of a path parameter: the id of a thing that is there. Drawn ids never are."""


@schema.hook
def map_path_parameters(_context: Any, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Puts existing ids in place of half of the well-formed ones."""
    if parameters is None:
        return None
    return {name: existing.get(name, value) if _is_even(value) else value for name, value in parameters.items()}


def _is_even(value: Any) -> bool:
    try:
        return UUID(value).int % 2 == 0
    except (ValueError, AttributeError, TypeError):
        return False


@pytest.fixture(scope="module")
def served(database_url: str) -> Iterator[tuple[str, str]]:
    """The address of a served application with a few things in it, and an owner's key."""
    keys: list[str] = []

    @asynccontextmanager
    async def make_app() -> AsyncIterator[FastAPI]:
        database = Database.connect(database_url)
        app = create_app(database, RecordingWorkflows(), SECRETS, public_url="http://relance.test")
        company = await make_company(database, SECRETS, app)
        await _fill(company)
        keys.append(company.key)
        yield app
        await database.close()

    with serving(make_app) as address:
        yield address, keys[0]


async def _fill(company: Company) -> None:
    async with company.http:
        campaign = await company.campaign()
        imported = await company.contacts(campaign["id"], {"phone": phone(1)}, {"phone": phone(2)}, {"phone": "?"})
        listed = (await company.http.get(f"/api/campaigns/{campaign['id']}/contacts")).json()
    existing.update(
        campaign_id=campaign["id"],
        channel_id=str(company.channel_id),
        contact_id=listed["items"][0]["contact_id"],
        import_id=imported["import_id"],
    )


@schema.parametrize()
@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_promise_is_broken(case: schemathesis.Case[Any], served: tuple[str, str]) -> None:
    """Status codes, content types, bodies, methods, authentication and refusals are as documented."""
    address, key = served
    case.call_and_validate(
        base_url=address, headers={"Authorization": f"Bearer {key}"}, excluded_checks=[positive_data_acceptance]
    )
