"""What every call to the platform passes: the key, an outage, and the fault rules."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from simulator.connection import CutResponse, LateResponse, ResetInBodyResponse
from simulator.faults import AFTER_ACCEPTING, Call, Kind, Rule
from simulator.wassenger.wire import PlatformError, proxy_page
from simulator.world import World

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller gets; `status` is None when that is nothing."""

    response: Response
    status: int | None
    outcome: str


@dataclass(frozen=True, slots=True)
class Passage:
    """`answer`: the call ends here. `rule`: it goes on, and its answer is then spoilt as the rule says."""

    faults: list[str]
    answer: Answer | None = None
    rule: Rule | None = None


def token_of(request: Request) -> str | None:
    """The key in any of the headers that the platform takes, or in the query of a download link."""
    plain = request.headers.get("token") or request.headers.get("authorization") or request.query_params.get("token")
    if plain is None:
        return None
    return plain.removeprefix("Bearer ").strip() or None


class Door:
    def __init__(self, world: World) -> None:
        self._world = world

    async def enter(self, call: Call) -> Passage:
        """Waits as long as delay rules say; a caller who hangs up meanwhile does not stop the call."""
        conditions = self._world.store.conditions
        if call.token is None or call.token in conditions.revoked:
            refusal = PlatformError(401, "unauthorized", "Invalid or missing API key")
            return Passage([], Answer(refusal.response(), 401, "unauthorized"))
        if conditions.down is not None and self._world.is_down():
            return Passage([], _outage(conditions.down.mode))
        verdict = self._world.store.faults.choose(call)
        await self._wait(verdict.delay_seconds)
        if verdict.rule is None or verdict.rule.kind in AFTER_ACCEPTING:
            return Passage(list(verdict.ids), rule=verdict.rule)
        return Passage(list(verdict.ids), _refusal(verdict.rule))

    async def _wait(self, seconds: float) -> None:
        self._world.store.calls_delayed += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._world.store.calls_delayed -= 1

    def guarded(self, handler: Handler) -> Handler:
        """A handler behind the door, its refusals worded as the platform words them."""

        async def enter_and_handle(request: Request) -> Response:
            passage = await self.enter(Call("other", token_of(request), request.path_params.get("device")))
            if passage.answer is not None:
                return passage.answer.response
            try:
                answer = Answer(await handler(request), 200, "answered")
            except PlatformError as error:
                answer = Answer(error.response(), error.status, error.error_code)
            return spoil(passage.rule, answer).response

        return enter_and_handle


def spoil(rule: Rule | None, answer: Answer) -> Answer:
    """The answer as a rule spoils it, after the call was taken in."""
    if rule is None:
        return answer
    outcome = f"{answer.outcome}, {rule.kind}"
    match rule.kind:
        case Kind.ACCEPT_THEN_DROP:
            return Answer(CutResponse(reset=rule.reset), None, outcome)
        case Kind.TIMEOUT:
            return Answer(CutResponse(reset=rule.reset, silence=rule.seconds), None, outcome)
        case Kind.ACCEPT_THEN_RESET_BODY:
            return Answer(ResetInBodyResponse(answer.response), answer.status, outcome)
        case Kind.ACCEPT_THEN_502:
            return Answer(proxy_page(502), 502, outcome)
        case _:
            return Answer(LateResponse(answer.response, rule.seconds), answer.status, outcome)


def _refusal(rule: Rule) -> Answer:
    outcome = f"fault:{rule.kind}"
    match rule.kind:
        case Kind.DROP_BEFORE:
            return Answer(CutResponse(reset=rule.reset), None, outcome)
        case Kind.NOT_ACCEPT_TIMEOUT:
            return Answer(CutResponse(reset=rule.reset, silence=rule.seconds), None, outcome)
        case Kind.ERROR:
            status = rule.status or 500
            return Answer(proxy_page(status), status, outcome)
        case Kind.THROTTLE:
            status, code, words = (
                rule.status or 429,
                rule.error_code or "throttled",
                rule.message or "Too many requests",
            )
            wait = {} if rule.retry_after is None else {"Retry-After": str(rule.retry_after)}
            return Answer(JSONResponse(_error(status, code, words), status, wait), status, outcome)
        case _:
            status, code, words = rule.status or 400, rule.error_code or "rejected", rule.message or "Rejected"
            return Answer(JSONResponse(_error(status, code, words), status), status, outcome)


def _error(status: int, code: str, words: str) -> dict[str, object]:
    return {"status": status, "message": words, "errorCode": code}


def _outage(mode: str) -> Answer:
    if mode == "close":
        return Answer(CutResponse(), None, "down")
    if mode == "html":
        return Answer(proxy_page(503), 503, "down")
    return Answer(PlatformError(503, "unavailable", "Service temporarily unavailable").response(), 503, "down")
