"""The address that platforms post to (SPEC INB-1)."""

from typing import Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from api.dependencies import Services, ServicesDep
from api.platforms import INBOUND
from api.problems import PROBLEM_JSON, NotFound, Problem
from api.webhooks.doors import OpenDoor, open_door
from api.webhooks.processing import Taken, take_in, take_in_quickly
from api.webhooks.translate import incoming_event
from connectors.wassenger.inbound import MalformedPayload
from db.inbound import store_event
from db.tables import Channel
from domain.inbound import IncomingEvent

logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)

router = APIRouter(prefix="/webhooks", tags=["webhooks"])


class Forged(Problem):
    """The sender does not know the channel's secret."""

    status, title = 401, "Unauthorized"

    def __init__(self) -> None:
        super().__init__(
            "The secret or the signature is wrong. Set the platform's webhook to the channel's webhook_url."
        )


class Malformed(Problem):
    """The sender knows the secret, and its body is still no event."""

    status, title = 400, "Bad Request"


class Receipt(BaseModel):
    """The event is kept. `stored`: its effects follow within a minute; `repeated`: it had been dealt with before."""

    status: Taken


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {PROBLEM_JSON: {"schema": schema}}}


BODY = {
    "requestBody": {
        "required": True,
        "description": "What the platform posts, as it posts it; at most 1 MB.",
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "example": {
                    "event": "message:in:new",
                    "data": {"id": "3EB0A1B2C3", "fromNumber": "+34600111222", "type": "text", "body": "hello"},
                },
            }
        },
    },
    "parameters": [
        {
            "name": "secret",
            "in": "query",
            "required": False,
            "schema": {"type": "string"},
            "description": "The channel's webhook secret; it may come in the header X-Relance-Secret instead.",
        }
    ],
}


@router.post(
    "/{platform}/{channel_id}",
    openapi_extra=BODY,
    responses={400: _problem("The body is no JSON object."), 401: _problem("The secret or the signature is wrong.")},
)
async def receive(platform: str, channel_id: UUID, request: Request, services: ServicesDep) -> Receipt:
    """Take an event of a platform: verified, stored once, acted on. An event that means nothing to us is kept too."""
    raw = await request.body()
    taken = await _quickly(platform, channel_id, request, raw, services)
    if taken is None:
        taken = await _thoroughly(platform, channel_id, request, raw, services)
    services.meter.webhook(platform, taken.value)
    return Receipt(status=taken)


async def _quickly(platform: str, channel_id: UUID, request: Request, raw: bytes, services: Services) -> Taken | None:
    """By a door that is known; None leaves the call to the thorough way, which decides whatever is in doubt."""
    known = services.doors.find(channel_id)
    if known is None or known.door.platform != platform or not _is_genuine(known, request, raw):
        return None
    try:
        event = incoming_event(channel_id, INBOUND[platform].parse(raw), raw)
    except MalformedPayload:
        return None
    return await take_in_quickly(services, known.door, event)


async def _thoroughly(platform: str, channel_id: UUID, request: Request, raw: bytes, services: Services) -> Taken:
    async with services.database.by_channel(channel_id) as session:
        channel = await _channel(session, platform, channel_id)
        event = _verified(request, raw, channel, services)
        await services.database.bind(session, channel.tenant_id)
        event_id = await store_event(session, channel.tenant_id, event)
    return await take_in(services, channel.tenant_id, event_id)


async def _channel(session: AsyncSession, platform: str, channel_id: UUID) -> Channel:
    channel = (await session.exec(select(Channel).where(col(Channel.id) == channel_id))).one_or_none()
    if channel is None or channel.platform != platform or platform not in INBOUND:
        raise NotFound("webhook address")
    return channel


def _verified(request: Request, raw: bytes, channel: Channel, services: Services) -> IncomingEvent:
    door = open_door(channel, services.secrets)
    if not _is_genuine(door, request, raw):
        # Nothing of the call is logged but where it went: its secret is wrong, but may be nearly right.
        logger.warning("webhook.forged", channel_id=str(channel.id))
        services.meter.webhook(channel.platform, "forged")
        raise Forged
    services.doors.remember(door)
    try:
        return incoming_event(channel.id, INBOUND[channel.platform].parse(raw), raw)
    except MalformedPayload as error:
        services.meter.webhook(channel.platform, "malformed")
        raise Malformed(error.message) from error


def _is_genuine(door: OpenDoor, request: Request, raw: bytes) -> bool:
    inbound = INBOUND[door.door.platform]
    secret = inbound.secret_from_query(request.query_params)
    return inbound.verify(raw, request.headers, secret, door.webhook_secret, door.signing_secret)
