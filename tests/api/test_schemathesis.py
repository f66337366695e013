"""Generated requests to every operation of the OpenAPI document: none may break a promise that the document makes.

Each operation meets its examples, the edges of its schema (what is allowed and what is not) and drawn requests; then
operations meet one another in sequences, so that one's answer is the next one's input. The draw is the same every time.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from cryptography.fernet import Fernet
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis import CheckFunction
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.app import create_app
from db.engine import Database
from db.secrets import SecretBox
from tests.api.doubles import RecordingWorkflows
from tests.api.people import Company, make_company
from tests.api.server import serving
from tests.api.test_tenants_api import DOCUMENT, things_of

# The one check left out: that whatever the schema allows is accepted. No schema says that a template must parse, a
# channel exist, a cursor be ours, or a state allow the command.
NOT_PROMISED: list[CheckFunction] = [positive_data_acceptance]
HOOK_SECRET = "hook-secret"
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
    there = {name: existing.get(name, value) if _is_even(value) else value for name, value in parameters.items()}
    if "platform" in there and there.get("channel_id") == existing.get("channel_id"):
        there["platform"] = "wassenger"  # half of the calls reach a channel, and carry its secret
    return there


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
        existing.update(await things_of(company))


def checked(case: schemathesis.Case[Any], address: str, key: str) -> None:
    """Sends one request and holds the answer against the document, by every check but one."""
    headers = {"Authorization": f"Bearer {key}", "X-Relance-Secret": HOOK_SECRET}
    case.call_and_validate(base_url=address, headers=headers, excluded_checks=NOT_PROMISED)


@schema.parametrize()
@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_promise_is_broken(case: schemathesis.Case[Any], served: tuple[str, str]) -> None:
    """Status codes, content types, bodies, methods, authentication and refusals are as documented."""
    checked(case, *served)


def test_every_operation_is_tried() -> None:
    tried = {found.ok().label for found in schema.get_all_operations() if isinstance(found, Ok)}
    listed = {f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert listed - tried == {"GET /readyz", "GET /metrics"}


def test_no_promise_is_broken_when_operations_follow_one_another(served: tuple[str, str]) -> None:
    """What one operation answers is what the next one is asked about."""
    address, key = served
    answered: Counter[int] = Counter()

    class Sequences(schema.as_state_machine()):  # type: ignore[misc]  # the class is made at run time
        def get_call_kwargs(self, case: schemathesis.Case[Any]) -> dict[str, Any]:
            return {
                "base_url": address,
                "headers": {"Authorization": f"Bearer {key}", "X-Relance-Secret": HOOK_SECRET},
            }

        def validate_response(self, response: Any, case: schemathesis.Case[Any], **more: Any) -> None:
            answered[response.status_code // 100] += 1
            case.validate_response(response, excluded_checks=NOT_PROMISED)

    Sequences.run(
        settings=settings(
            max_examples=10,
            stateful_step_count=6,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
    )
    print(f"answers by hundreds: {dict(answered)}")
    assert answered[2] > 10
