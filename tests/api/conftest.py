"""The application over a real database and recorded workflows, and tenants to use it."""

from collections.abc import AsyncIterator

import httpx
import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI

from api.app import create_app
from db.engine import Database
from db.secrets import SecretBox
from tests.api.doubles import RecordingWorkflows
from tests.api.people import BASE_URL, Company, client, make_company


@pytest.fixture(scope="session")
def secrets() -> SecretBox:
    """A box with a key of its own."""
    return SecretBox([Fernet.generate_key().decode()])


@pytest.fixture
def workflows() -> RecordingWorkflows:
    """Workflows that remember."""
    return RecordingWorkflows()


@pytest.fixture
def app(database: Database, workflows: RecordingWorkflows, secrets: SecretBox) -> FastAPI:
    """The application."""
    return create_app(database, workflows, secrets, public_url=BASE_URL, temporal_ui_url="http://temporal.test")


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key."""
    async with client(app, None) as http:
        yield http


@pytest.fixture
async def company(database: Database, secrets: SecretBox, app: FastAPI) -> AsyncIterator[Company]:
    """A tenant."""
    made = await make_company(database, secrets, app)
    async with made.http:
        yield made


@pytest.fixture
async def rival(database: Database, secrets: SecretBox, app: FastAPI) -> AsyncIterator[Company]:
    """Another tenant."""
    made = await make_company(database, secrets, app)
    async with made.http:
        yield made
