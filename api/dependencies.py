"""What handlers are given: who calls, what that key may do, and a transaction bound to the caller's tenant."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID, uuid4, uuid5

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel.ext.asyncio.session import AsyncSession

from api.meter import Meter
from api.problems import Forbidden, Unauthenticated
from api.streams import Hub, ProgressHub
from api.webhooks.doors import Doors
from db.api_keys import Principal, find_principal
from db.engine import Database
from db.secrets import SecretBox
from domain.people import Scope, allows
from workflows.handles import Workflows

IMPORTS_AT_ONCE = 2
"""Each holds a database connection for as long as it reads: the others are for everybody else."""


REHEARSALS_AT_ONCE = 1
"""Each takes the better part of two processors while it lasts."""

Report = Callable[[BaseException, dict[str, str]], None]
"""Tells somebody of an error that is a bug, with what it can be found by."""


def unreported(_error: BaseException, _tags: Mapping[str, str]) -> None:
    """Nobody is told; the log has it."""


Page = Callable[[], Awaitable[bytes]]
"""A text in Prometheus' format that somebody else writes."""


async def nothing() -> bytes:
    """No such text."""
    return b""


@dataclass(frozen=True, slots=True)
class Services:
    """What the API works with, put together by `create_app`. `public_url` is the base of webhook addresses."""

    database: Database
    workflows: Workflows
    secrets: SecretBox
    progress: ProgressHub
    public_url: str
    default_region: str | None = None
    temporal_ui_url: str | None = None
    """Where a browser reaches the Temporal Web UI; None: no page links to it."""
    doors: Doors = field(default_factory=Doors)
    meter: Meter = field(default_factory=Meter)
    report: Report = unreported
    sdk_metrics: Page = nothing
    import_slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(IMPORTS_AT_ONCE))
    hubs: list[Hub[Any, Any]] = field(default_factory=list)
    """Further feeds that streams are served from."""
    rehearsal_slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(REHEARSALS_AT_ONCE))
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the process was told to stop: it is not ready for anything new."""

    def close_streams(self) -> None:
        """Ends every stream, so that the process can stop."""
        for hub in (self.progress, *self.hubs):
            hub.close()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, and the means to serve it."""

    principal: Principal
    services: Services
    idempotency_key: str | None = None
    after_a_crash: bool = False
    """An earlier run of this very request died or failed before its answer was kept; its effect may be there already,
    or may be about to come."""

    @property
    def tenant_id(self) -> UUID:
        """The tenant that the caller speaks for."""
        return self.principal.tenant_id

    @property
    def workflows(self) -> Workflows:
        """The workflows."""
        return self.services.workflows

    def transaction(self) -> AbstractAsyncContextManager[AsyncSession]:
        """One transaction that sees the caller's rows only; it commits at its end."""
        return self.services.database.tenant(self.tenant_id)

    def new_id(self) -> UUID:
        """The id of what this request makes: the same again when a request with an `Idempotency-Key` is repeated.

        A crash between the effect and the noting of its answer lets the request run twice; the id shows the second run
        what the first one made.
        """
        return uuid5(self.tenant_id, self.idempotency_key) if self.idempotency_key else uuid4()


def services_of(request: Request) -> Services:
    """The services of the application that serves this request."""
    services: Services = request.app.state.services
    return services


async def _services(request: Request) -> Services:
    return services_of(request)  # async, or each request would wait for a worker thread to run it


ServicesDep = Annotated[Services, Depends(_services)]

_bearer = HTTPBearer(auto_error=False, scheme_name="ApiKey", description="An API key of a tenant.")


async def authenticate(request: Request) -> Principal:
    """Whose key the request carries; looked up once per request. Raises Unauthenticated."""
    known: Principal | None = getattr(request.state, "principal", None)
    if known is not None:
        return known
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthenticated("Send an API key: Authorization: Bearer <key>.")
    principal = await find_principal(services_of(request).database, key.strip())
    if principal is None:
        raise Unauthenticated("This API key is unknown or revoked.")
    request.state.principal = principal
    return principal


def requires(scope: Scope) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller, whose key has `scope`. Raises Unauthenticated or Forbidden."""

    async def caller(
        request: Request,
        services: ServicesDep,
        _shown: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    ) -> Caller:
        principal = await authenticate(request)
        if not allows(principal.scopes, scope):
            raise Forbidden(f"This key lacks the scope {scope.value}. Use a key that has it.")
        state = request.state
        return Caller(
            principal,
            services,
            getattr(state, "idempotency_key", None),
            after_a_crash=getattr(state, "after_a_crash", False),
        )

    return caller


def _with(scope: Scope) -> Any:
    """The dependency, and its scope in the OpenAPI document."""
    return Security(requires(scope), scopes=[scope.value])


Reader = Annotated[Caller, _with(Scope.READ)]
Writer = Annotated[Caller, _with(Scope.WRITE)]
Sender = Annotated[Caller, _with(Scope.SEND)]
Administrator = Annotated[Caller, _with(Scope.ADMIN)]
