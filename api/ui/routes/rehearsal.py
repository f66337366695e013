"""The rehearsal of a campaign: what to assume, how far it is, and the calendar of sends that comes out."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.responses import HTMLResponse, StreamingResponse

from api.problems import Unprocessable
from api.rehearsals import in_turn, read_facts
from api.ui.languages import _
from api.ui.numbers import two_ways, with_point
from api.ui.rendering import fragment, page
from api.ui.visits import EditorsPage, Viewer, Visit
from rehearsal.apart import RehearsalFailed
from rehearsal.facts import Assumptions, Brief
from rehearsal.result import LeftOut, Limit, Rehearsed

LIMITS: dict[Limit, str] = {
    Limit.DELAY: _("Delay between messages"),
    Limit.BATCH_PAUSE: _("Pause between batches"),
    Limit.RATE: _("Rate of the channel"),
    Limit.DAILY_QUOTA: _("Daily quota of the channel"),
    Limit.SEND_WINDOW: _("Send window of the channel"),
    Limit.CAMPAIGN_WINDOW: _("Send window of the campaign"),
}
LEFT_OUT: dict[LeftOut, str] = {
    LeftOut.OPTED_OUT: _("asked not to be written to"),
    LeftOut.LACKS_VALUE: _("lack a value that one of the texts needs"),
    LeftOut.NEVER_OPEN: _("are never within the send windows of campaign and channel at once"),
    LeftOut.PLATFORM_REFUSED: _("refused by the platform"),
}
SHARE = _("Give a number from 0 to 100.")
MINUTES = _("Give minutes, more than 0 and at most 43200.")
SEED = _("Give a whole number, 0 or more.")
ASKED = {"reply_share": "30", "reply_after": "10", "failure_share": "0", "seed": "1"}
"""The fields of the form, with what they begin with: percent, minutes, percent, a number."""

CHART_HEIGHT = 100
BAR = 10

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of the calendar as the chart draws it."""

    x: int
    message_1: float
    message_2: float
    replies: float


@router.get("/campaigns/{campaign_id}/rehearsal")
async def show(campaign_id: UUID, visit: Viewer) -> HTMLResponse:
    """The form; with `run` among the parameters, the rehearsal begins with the page."""
    async with visit.caller.transaction() as session:
        facts = await read_facts(session, campaign_id)
    given = ASKED | {name: text for name, text in visit.request.query_params.items() if name in ASKED}
    _assumed, errors = read(given)
    runs = "run" in visit.request.query_params and not errors and bool(facts.contacts) and visit.may("write")
    return page(
        visit,
        "rehearsal/show.html",
        status=422 if errors else 200,
        facts=facts,
        given=given,
        errors=errors,
        events=f"/campaigns/{campaign_id}/rehearsal/events?{urlencode(given)}" if runs else None,
    )


@router.get("/campaigns/{campaign_id}/rehearsal/events")
async def events(campaign_id: UUID, visit: EditorsPage) -> StreamingResponse:
    """Rehearses for as long as somebody listens: `progress` events, one `result`, and the `end`."""
    given = ASKED | {name: text for name, text in visit.request.query_params.items() if name in ASKED}
    assumed, errors = read(given)
    if errors:
        raise Unprocessable.of(next(iter(errors)), visit.say(next(iter(errors.values()))))
    async with visit.caller.transaction() as session:
        facts = await read_facts(session, campaign_id)
    stream = _stream(visit, Brief(campaign=facts, assumptions=assumed))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


def read(given: Mapping[str, str]) -> tuple[Assumptions, dict[str, str]]:
    """What the form says, and the sentence for each field that cannot be used."""
    wanted = {
        "reply_share": (_number(given["reply_share"], 100), "reply_share", SHARE),
        "reply_after": (_number(given["reply_after"], 1 / 60), "reply_after_seconds", MINUTES),
        "failure_share": (_number(given["failure_share"], 100), "failure_share", SHARE),
        "seed": (given["seed"], "seed", SEED),
    }
    assumed, errors = Assumptions(), dict[str, str]()
    for name, (value, field, sentence) in wanted.items():
        try:
            assumed = Assumptions.model_validate({**assumed.model_dump(), field: value})
        except ValidationError:
            errors[name] = sentence if name == "seed" else two_ways(given[name]) or sentence
    return assumed, errors


def _number(text: str, divisor: float) -> float | str:
    """A decimal number in either way of writing it; what is none, or could be two, is left for the model to refuse."""
    try:
        return float(with_point(text)) / divisor
    except ValueError:
        return text


async def _stream(visit: Visit, brief: Brief) -> AsyncGenerator[bytes, None]:
    try:
        async with aclosing(in_turn(visit.services, brief)) as steps:
            async for step in steps:
                if isinstance(step, Rehearsed):
                    yield _event("progress", "")
                    yield _event("result", fragment(visit, "rehearsal/result.html", **_shown(step)))
                else:
                    yield _event("progress", fragment(visit, "rehearsal/progress.html", step=step))
    except RehearsalFailed as failed:
        yield _event("progress", "")
        yield _event("result", fragment(visit, "rehearsal/failed.html", reason=str(failed)))
    yield _event("end", "")


def _event(name: str, html: str) -> bytes:
    data = "\n".join(f"data: {line}" for line in html.splitlines() or [""])
    return f"event: {name}\n{data}\n\n".encode()


def _shown(result: Rehearsed) -> dict[str, Any]:
    most = max((max(row.message_1 + row.message_2, row.replies) for row in result.calendar), default=1)
    bars = [
        Bar(
            x=index * BAR,
            message_1=row.message_1 * CHART_HEIGHT / most,
            message_2=row.message_2 * CHART_HEIGHT / most,
            replies=row.replies * CHART_HEIGHT / most,
        )
        for index, row in enumerate(result.calendar)
    ]
    words = {"limits": LIMITS, "left_out": LEFT_OUT}
    return {"result": result, **words, "bars": bars, "most": most, "bar": BAR, "height": CHART_HEIGHT}
