"""Forms that must not act twice, though a double click sends them twice and a reload sends them again.

Each carries `once`, a token of its own. What was made for it, such as a key that is shown this once, is kept sealed
beside the answers to writes with an `Idempotency-Key`, and for as long.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel

from api.problems import Conflict
from api.ui.visits import CSRF_FIELD, Visit
from db import answers

ASKED_AGAIN_EVERY, ASKED_AGAIN = 0.1, 30
"""Of a double click the second waits so long (seconds, times) for what the first one makes."""

Made = TypeVar("Made", bound=BaseModel)


async def made_once(visit: Visit, token: str, kind: type[Made], make: Callable[[], Awaitable[Made]]) -> Made:
    """What `make` makes, or what it made for this very form before. Without a token every form is another one."""
    if not token:
        return await make()
    key = await _key(visit, token)
    for _ in range(ASKED_AGAIN):
        known = await _claim(visit, key)
        if isinstance(known, answers.Taken):
            return await _fulfil(visit, key, make)
        if known.body is not None:
            return kind.model_validate_json(visit.services.secrets.open(known.body["sealed"].encode()))
        await asyncio.sleep(ASKED_AGAIN_EVERY)
    raise Conflict(visit.say("The first click is still being worked on. Repeat it in a moment."))


async def done_once(visit: Visit, token: str, act: Callable[[], Awaitable[Made]]) -> Made | None:
    """What `act` makes; None, and nothing is done, where this form was sent before."""
    key = await _key(visit, token)
    if not isinstance(await _claim(visit, key), answers.Taken):
        return None
    return await _fulfil(visit, key, act, keep=False)


async def _fulfil(visit: Visit, key: str, make: Callable[[], Awaitable[Made]], *, keep: bool = True) -> Made:
    kept = False
    try:
        made = await make()
        body = {"sealed": visit.services.secrets.seal(made.model_dump_json()).decode()} if keep else {}
        async with visit.caller.transaction() as session:
            await answers.keep(session, key, 200, body)
        kept = True
    finally:
        if not kept:  # what failed may be sent again as it is
            async with visit.caller.transaction() as session:
                await answers.let_go(session, key)
    return made


async def _claim(visit: Visit, key: str) -> answers.Taken | answers.StoredAnswer:
    async with visit.caller.transaction() as session:
        return await answers.claim(session, visit.caller.tenant_id, key, key)


async def _key(visit: Visit, token: str) -> str:
    """Whose form it is, which, and what was typed: with something else typed it is another form. The space keeps it
    apart from the keys of the API's callers, which have none."""
    fields = [(name, str(value)) for name, value in (await visit.request.form()).multi_items() if name != CSRF_FIELD]
    said = repr((visit.person.user.id, visit.request.url.path, token, fields))
    return f"page {hashlib.sha256(said.encode()).hexdigest()}"
