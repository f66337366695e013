"""`Idempotency-Key` on writes: one effect and one answer, however often the request is repeated."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.dependencies import Services, authenticate, services_of
from api.forms import is_multipart, read_form
from api.problems import Conflict, Forbidden, Unprocessable
from db import answers
from db.api_keys import Principal
from db.away import DATABASE_ERRORS
from domain.people import Scope, allows
from workflows.handles import CampaignRefused

KEY_HEADER = "Idempotency-Key"
KEY_SCHEMA: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"}
REPLAYED_HEADER = "Idempotent-Replayed"
CHUNK_BYTES = 1 << 20

_KEY = re.compile(r"[!-~]{1,200}")

Handler = Callable[[Request], Awaitable[Response]]


async def answer_once(request: Request, handle: Handler) -> Response:
    """The answer to a write: the stored one when its key was seen with the same body, else what `handle` makes.

    Only successes are stored. A request that was refused changed nothing, so its key is free again. Of one that failed
    in any other way nobody knows how far it came: its repeat is taken up as after a crash.
    """
    key = request.headers.get(KEY_HEADER)
    if key is None:
        return await handle(request)
    if not _KEY.fullmatch(key):
        raise Unprocessable.of(KEY_HEADER, "must be 1 to 200 visible ASCII characters")
    principal = await authenticate(request)
    fingerprint = await _fingerprint(request)
    claim = _Claim(services_of(request), principal, key)
    known = await claim.take(fingerprint)
    if known is not None:
        return known
    request.state.idempotency_key = claim.identity
    request.state.after_a_crash = claim.after_a_crash
    return await claim.fulfil(request, handle)


_REFUSALS = (HTTPException, RequestValidationError, CampaignRefused)


def _refused(error: Exception) -> bool:
    """Whether nothing was changed. An `HTTPException` may also say that something is away, halfway through."""
    return not isinstance(error, HTTPException) or error.status_code < 500


class _Claim:
    """A key of a tenant, from the moment a request takes it until its answer is kept."""

    def __init__(self, services: Services, principal: Principal, key: str) -> None:
        self._services = services
        self._principal = principal
        self._key = key
        self.after_a_crash = False
        self.identity = key
        """Of this request and its repeats, and of no other: not of an equal one that comes when this is forgotten."""

    @property
    def _tenant_id(self) -> UUID:
        return self._principal.tenant_id

    async def take(self, fingerprint: str) -> Response | None:
        """None when the key is now ours, the stored answer when there is one. Raises Conflict or Unprocessable."""
        async with self._services.database.tenant(self._tenant_id) as session:
            known = await answers.claim(session, self._tenant_id, self._key, fingerprint)
        if isinstance(known, answers.Taken):
            self.after_a_crash = known.after_a_crash
            # Without a nonce an older version claimed it, and named what it made by these two alone.
            self.identity = f"{self._key} {fingerprint}" + (f" {known.nonce}" if known.nonce else "")
            return None
        if known.request_hash != fingerprint:
            raise Unprocessable.of(KEY_HEADER, "This key was used for another request; use a new one.")
        if known.status is None:
            raise Conflict(
                "The request with this Idempotency-Key is still being worked on; repeat it in a moment.",
                headers={"Retry-After": "1"},
            )
        self._refuse_lesser_key(known.body or {})
        self._services.meter.prevented("repeated_request")
        return self._replay(known.status, known.body or {})

    def _refuse_lesser_key(self, body: dict[str, Any]) -> None:
        """Raises Forbidden when the first asker's key could do more: the answer may be what this one must not know.

        By scopes and not by the key itself, since a key may be changed for a new one between a try and its repeat. All
        scopes, and not the one that the call needs: an administrator may make keys, but no owner's.
        """
        # An answer that an older version kept does not say whose it is.
        wanted = [Scope(scope) for scope in body.get("scopes", [Scope.OWNER])]
        missing = sorted(scope.value for scope in wanted if not allows(self._principal.scopes, scope))
        if missing:
            raise Forbidden(
                f"This request was made before with a key that has the scope {', '.join(missing)}; this one lacks it. "
                "Repeat it with a key that has it."
            )

    def _replay(self, status: int, body: dict[str, Any]) -> Response:
        content = self._services.secrets.open(body["sealed"].encode()) if "sealed" in body else None
        return Response(content, status, {REPLAYED_HEADER: "true"}, "application/json" if content else None)

    async def fulfil(self, request: Request, handle: Handler) -> Response:
        """Has the request handled and keeps its answer; frees the key if it is refused."""
        kept = refused = False
        try:
            async with self._renewed():
                response = await handle(request)
            refused = 400 <= response.status_code < 500
            if response.status_code < 400:
                await self._keep(response)
                kept = True
        except _REFUSALS as error:
            refused = _refused(error)
            raise
        finally:
            if not kept:
                await self._give_up(refused=refused)
        return response

    async def _give_up(self, *, refused: bool) -> None:
        # What an earlier run of this request may have done is not undone by the refusal of a later one.
        end = answers.let_go if refused and not self.after_a_crash else answers.leave_open
        # Where the database is away the claim stays, and is taken for dead when its lease is over.
        with suppress(*DATABASE_ERRORS):
            async with self._services.database.tenant(self._tenant_id) as session:
                await end(session, self._key)

    async def _keep(self, response: Response) -> None:
        # Sealed: an answer may hold phone numbers, or a key that is shown only once.
        text = bytes(response.body).decode()
        body: dict[str, Any] = {"sealed": self._services.secrets.seal(text).decode()} if text else {}
        body["scopes"] = sorted(self._principal.scopes)
        async with self._services.database.tenant(self._tenant_id) as session:
            await answers.keep(session, self._key, response.status_code, body)

    @asynccontextmanager
    async def _renewed(self) -> AsyncIterator[None]:
        renewal = asyncio.create_task(self._renew(), name="idempotency-lease")
        try:
            yield
        finally:
            renewal.cancel()
            with suppress(asyncio.CancelledError):
                await renewal

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(answers.LEASE.total_seconds() / 3)
            # A missed renewal is made up by the next one; the request itself will tell that the database is away.
            with suppress(*DATABASE_ERRORS):
                async with self._services.database.tenant(self._tenant_id) as session:
                    await answers.renew(session, self._key)


async def _fingerprint(request: Request) -> str:
    """SHA-256 of what is asked; of a form the parts count, since every repeat draws another boundary."""
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    if is_multipart(request):
        for name, value in (await read_form(request)).multi_items():
            await _add_part(digest, name, value)
    else:
        digest.update(await request.body())
    return digest.hexdigest()


async def _add_part(digest: "hashlib._Hash", name: str, value: UploadFile | str) -> None:
    # Lengths first, so that no two forms run together into the same bytes.
    if isinstance(value, str):
        digest.update(f"\n{len(name)} {name} {len(value)} {value}".encode())
        return
    digest.update(f"\n{len(name)} {name} {value.size} ".encode())
    while chunk := await value.read(CHUNK_BYTES):
        await asyncio.to_thread(digest.update, chunk)
    await value.seek(0)
