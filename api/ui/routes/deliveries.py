"""Messages that are held or of unknown outcome, and a person's word on the unknown ones."""

from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Query
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.problems import Conflict, NotFound
from api.routes import deliveries
from api.routes.deliveries import Action, DeliveryOut, DeliveryQuery, Resolution, Waiting
from api.ui import campaign_words
from api.ui.languages import _
from api.ui.questions import Question, ask
from api.ui.rendering import page
from api.ui.visits import Operator, Viewer, Visit
from db.reading.names import latest_campaigns, latest_channels, names_of_campaigns, names_of_channels
from domain.statuses import DeliveryKind
from workflows.handles import EngineUnavailable

OFFERED = 200
"""So many campaigns and channels are offered to choose from, the newest."""

MOST = 200
"""So many can be settled by one press of a button: more than a page shows."""

KINDS: dict[DeliveryKind, str] = {
    DeliveryKind.MESSAGE_1: _("Message 1"),
    DeliveryKind.MESSAGE_2: _("Message 2"),
    DeliveryKind.TEST: _("Test message"),
}
STATES: dict[str, str] = {
    "queued": _("Waiting for its turn"),
    "held": _("Held"),
    "sending": _("Being sent"),
    "unknown": _("Unknown"),
    "sent": _("Sent"),
    "failed": _("Failed"),
    "refused": _("Not sent"),
}

ORDERS: dict[Action, str] = {Action.MARK_SENT: _("Mark as sent"), Action.RESEND: _("Send again")}
QUESTIONS: dict[Action, tuple[str, str]] = {
    Action.MARK_SENT: (
        _("Mark 1 message as sent? Nothing is sent."),
        _("Mark %(count)s messages as sent? Nothing is sent."),
    ),
    Action.RESEND: (
        _("Send 1 message again? If it did arrive, the person gets it twice."),
        _("Send %(count)s messages again? Whoever did get theirs gets it twice."),
    ),
}
"""Before one is settled, and before several are."""

router = APIRouter()


class Choice(BaseModel):
    """What of the list is looked at. What was typed into the address by hand and is no choice counts as none."""

    status: str = Waiting.UNKNOWN
    channel_id: str = ""
    campaign_id: str = ""
    cursor: str = Field(default="", max_length=500, pattern=r"^[A-Za-z0-9_-]*$")
    settled: str = ""
    meanwhile: str = ""
    left: str = ""

    @property
    def told(self) -> dict[str, int]:
        """What became of the messages that were ticked before, if any were."""
        counts = {"settled": self.settled, "meanwhile": self.meanwhile, "left": self.left}
        return {name: int(text) if text.isdecimal() and len(text) < 5 else 0 for name, text in counts.items()}

    @property
    def query(self) -> DeliveryQuery:
        """The API's question."""
        status = Waiting.HELD if self.status == Waiting.HELD else Waiting.UNKNOWN
        channel_id, campaign_id = _id(self.channel_id), _id(self.campaign_id)
        return DeliveryQuery(status=status, channel_id=channel_id, campaign_id=campaign_id, cursor=self.cursor or None)


def _id(typed: str) -> UUID | None:
    """Nothing for nothing; no such thing for what is no id."""
    try:
        return UUID(typed) if typed else None
    except ValueError as error:
        raise NotFound("channel or campaign") from error


def _address(query: DeliveryQuery, **more: object) -> str:
    """The list with this choice."""
    chosen = {"status": query.status, "channel_id": query.channel_id, "campaign_id": query.campaign_id, **more}
    return "/deliveries?" + urlencode({name: value for name, value in chosen.items() if value})


@router.get("/deliveries")
async def show_list(visit: Viewer, choice: Annotated[Choice, Query()]) -> HTMLResponse:
    """Held or unknown ones, newest first."""
    query = choice.query
    found = await deliveries.list_page(query, visit.caller)
    return page(
        visit,
        "deliveries/list.html",
        items=found.items,
        query=query,
        tabs={status: _address(query.model_copy(update={"status": status})) for status in ("unknown", "held")},
        following=_address(query, cursor=found.next_cursor) if found.next_cursor else None,
        told=choice.told,
        kinds=KINDS,
        names=await _names(visit, query, found.items),
        words=campaign_words,
    )


@dataclass(frozen=True, slots=True)
class Names:
    """What campaigns and channels are called."""

    campaigns: dict[UUID, str]
    channels: dict[UUID, str]


async def _names(visit: Visit, query: DeliveryQuery, items: list[DeliveryOut]) -> Names:
    """What campaigns and channels are called, and which of them there are to choose from."""
    campaigns = {item.campaign_id for item in items} | {query.campaign_id}
    channels = {item.channel_id for item in items} | {query.channel_id}
    async with visit.caller.transaction() as session:
        offered_campaigns = await latest_campaigns(session, limit=OFFERED)
        offered_channels = await latest_channels(session, limit=OFFERED)
        more_campaigns = await names_of_campaigns(session, {one for one in campaigns if one} - {*offered_campaigns})
        more_channels = await names_of_channels(session, {one for one in channels if one} - {*offered_channels})
    return Names(offered_campaigns | more_campaigns, offered_channels | more_channels)


@router.get("/deliveries/{delivery_id}")
async def show(visit: Viewer, delivery_id: UUID, settled: str = "", meanwhile: str = "") -> HTMLResponse:
    """One of them with its text and its log, whatever has become of it."""
    delivery = await deliveries.show(delivery_id, visit.caller)
    names = await _names(visit, DeliveryQuery(), [delivery])
    told = {"settled": settled == "1", "meanwhile": meanwhile == "1"}
    return page(
        visit,
        "deliveries/show.html",
        delivery=delivery,
        told=told,
        kinds=KINDS,
        states=STATES,
        names=names,
        words=campaign_words,
    )


class Word(BaseModel):
    """What an operator says of which deliveries, and the choice of the list to come back to."""

    action: Action
    id: list[UUID] = []
    channel_id: str = ""
    campaign_id: str = ""
    confirmed: str = ""


@dataclass(slots=True)
class Settled:
    """How many were settled, found settled by somebody else, found gone, and left as they were."""

    settled: int = 0
    meanwhile: int = 0
    gone: int = 0
    left: list[UUID] = field(default_factory=list)


@router.post("/deliveries/resolve")
async def resolve_many(visit: Operator, word: Annotated[Word, Form()]) -> Response:
    """Settles all that were ticked."""
    wanted = list(dict.fromkeys(word.id))[:MOST]
    query = Choice(channel_id=word.channel_id, campaign_id=word.campaign_id).query
    if wanted and not word.confirmed:
        chosen = [("channel_id", word.channel_id), ("campaign_id", word.campaign_id)]
        fields = [*(("id", str(one)) for one in wanted), *chosen]
        return _ask(visit, word.action, len(wanted), "/deliveries/resolve", _address(query), fields)
    done = await _settle(visit, wanted, word.action)
    if wanted and done.gone == len(wanted):
        raise NotFound("delivery")
    told = {"settled": done.settled, "meanwhile": done.meanwhile + done.gone, "left": len(done.left)}
    return RedirectResponse(_address(query, **told), status_code=303)


@router.post("/deliveries/{delivery_id}/resolve")
async def resolve_one(
    visit: Operator, delivery_id: UUID, action: Annotated[Action, Form()], confirmed: Annotated[str, Form()] = ""
) -> Response:
    """Settles one."""
    if not confirmed:
        place = f"/deliveries/{(await deliveries.show(delivery_id, visit.caller)).id}"
        return _ask(visit, action, 1, f"{place}/resolve", place, [])
    try:
        await deliveries.resolve(delivery_id, Resolution(action=action), visit.caller)
    except Conflict:
        return RedirectResponse(f"/deliveries/{delivery_id}?meanwhile=1", status_code=303)
    return RedirectResponse(f"/deliveries/{delivery_id}?settled=1", status_code=303)


def _ask(visit: Visit, action: Action, count: int, to: str, back: str, fields: list[tuple[str, str]]) -> HTMLResponse:
    """The question before a word is taken down, the same as the pages' scripts ask."""
    title = visit.say(ORDERS[action])
    one, many = QUESTIONS[action]
    words = visit.say(one) if count == 1 else visit.say(many, count=count)
    grave = action == Action.RESEND
    return ask(visit, Question(title, words, title, to, back, [("action", action), *fields], grave=grave))


async def _settle(visit: Visit, wanted: list[UUID], action: Action) -> Settled:
    """One after the other, each in a transaction of its own: what is done stays done if the engine goes away."""
    done = Settled()
    for place, delivery_id in enumerate(wanted):
        try:
            await deliveries.resolve(delivery_id, Resolution(action=action), visit.caller)
        except Conflict:
            done.meanwhile += 1
        except NotFound:
            done.gone += 1
        except EngineUnavailable:
            done.left = wanted[place:]
            break
        else:
            done.settled += 1
    return done
