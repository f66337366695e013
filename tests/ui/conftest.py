"""The pages over a real database, and people of one tenant in every role."""

import pytest
import pytest_asyncio

from api.ui.passwords import Passwords
from db.secrets import SecretBox
from db.tables import User
from domain.people import Role
from tests.api.conftest import app, company, rival, secrets, stranger, workflows
from tests.api.people import Company
from tests.ui.people import FAST, add_user
from tests.ui.served import House

__all__ = ["app", "company", "rival", "secrets", "stranger", "workflows"]


@pytest.fixture(autouse=True)
def _cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 at its least cost: what is tested is that passwords are checked, not how long that takes."""
    real = Passwords.__init__
    monkeypatch.setattr(Passwords, "__init__", lambda self, _hasher=None: real(self, FAST))


@pytest_asyncio.fixture
async def owner(company: Company) -> User:
    """An owner."""
    return await add_user(company.database, company.tenant_id, Role.OWNER)


@pytest_asyncio.fixture
async def viewer(company: Company) -> User:
    """Somebody who may only look."""
    return await add_user(company.database, company.tenant_id, Role.VIEWER)


@pytest.fixture
def house(database_url: str, secrets: SecretBox) -> House:
    """The application for a real server, with a database connection of its own."""
    return House(database_url, secrets)
