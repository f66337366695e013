"""`/v1/messages`: sending, and looking up what was sent."""

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.faults import Call
from simulator.records import Lookup, Message, Post
from simulator.wassenger.door import Answer, Door, spoil, token_of
from simulator.wassenger.filters import matches, page
from simulator.wassenger.validator import check_message, target_of
from simulator.wassenger.wire import Body, PlatformError, default_device, queue_message
from simulator.world import World, new_id, new_wa_id

Found = tuple[int, Any]  # how many, and the body to answer


async def json_body(request: Request) -> Body:
    """The body as an object. Raises PlatformError 400 for anything else."""
    try:
        body = json.loads(await request.body())
    except (ValueError, ClientDisconnect) as error:
        raise PlatformError(400, "body:invalid", "The body is not valid JSON") from error
    if not isinstance(body, dict):
        raise PlatformError(400, "body:invalid", "The body must be a JSON object")
    return body


class Messages:
    def __init__(self, world: World, door: Door) -> None:
        self._world = world
        self._store = world.store
        self._door = door

    def routes(self) -> list[Route]:
        return [
            Route("/v1/messages", self.send, methods=["POST"]),
            Route("/v1/messages", self.search, methods=["GET"]),
            Route("/v1/messages/{id}", self.get, methods=["GET"]),
        ]

    # Sending

    async def send(self, request: Request) -> Response:
        arrived = time.time()
        try:
            body, malformed = await json_body(request), None
        except PlatformError as error:
            body, malformed = {}, error
        call = _call(token_of(request), body)
        passage = await self._door.enter(call)
        message, answer = None, passage.answer
        if answer is None:
            message, answer = self._accept(body, malformed)
        if message is not None:
            answer = spoil(passage.rule, answer)
        self._keep(arrived, call, message, answer, passage.faults)
        return answer.response

    def _accept(self, body: Body, malformed: PlatformError | None) -> tuple[Message | None, Answer]:
        try:
            if malformed is not None:
                raise malformed
            check_message(body, self._store.conditions.devices)
        except PlatformError as error:
            return None, Answer(error.response(), error.status, f"refused:{error.error_code}")
        message = self._message(body)
        return message, Answer(JSONResponse(queue_message(message), 201), 201, "accepted")

    def _message(self, body: Body) -> Message:
        return Message(
            id=new_id(),
            wa_id=new_wa_id(),
            device=body.get("device") or default_device(self._store.conditions.devices),
            phone=target_of(body) or "",
            text=body.get("message") or "",
            reference=body.get("reference"),
            created_at=time.time(),
            media=body.get("media"),
        )

    def _keep(self, arrived: float, call: Call, message: Message | None, answer: Answer, faults: list[str]) -> None:
        """The log line is written before the answer leaves: what the caller knows, the log knows."""
        post = Post(
            seq=len(self._store.posts) + 1,
            at=arrived,
            device=message.device if message else call.device,
            phone=call.phone,
            text=call.text,
            reference=call.reference,
            accepted=message is not None,
            status=answer.status,
            outcome=answer.outcome,
            message_id=message.id if message else None,
            faults=faults,
        )
        events = self._world.consequences(message) if message else []
        self._store.add_post(post, message, events)
        for event in events:
            self._world.dispatcher.schedule(event.id)

    # Looking up

    async def search(self, request: Request) -> Response:
        query = dict(request.query_params)
        return await self._look_up(request, query.get("reference"), lambda: self._search(query))

    async def get(self, request: Request) -> Response:
        message = self._store.messages.get(request.path_params["id"])
        reference = message.reference if message else None
        return await self._look_up(request, reference, lambda: self._get(message))

    async def _look_up(self, request: Request, reference: str | None, find: Callable[[], Found]) -> Response:
        arrived, device = time.time(), request.query_params.get("device")
        passage = await self._door.enter(Call("lookup", token_of(request), device, reference=reference))
        found = 0
        if passage.answer is not None:
            answer = passage.answer
        else:
            try:
                found, body = find()
                answer = Answer(JSONResponse(body), 200, "answered")
            except PlatformError as error:
                answer = Answer(error.response(), error.status, error.error_code)
            answer = spoil(passage.rule, answer)
        self._store.add_lookup(Lookup(arrived, reference, device, answer.status, found, passage.faults))
        return answer.response

    def _search(self, query: dict[str, str]) -> Found:
        loose = self._store.conditions.faults.lookup.loose_reference
        rows: Iterable[Message] = self._store.messages.values()
        if "reference" in query and not loose:
            rows = self._store.by_reference.get(query["reference"], [])
        rows = [row for row in rows if self._visible(row) and matches(row, query, loose_reference=loose)]
        return len(rows), [queue_message(row) for row in page(rows, query)]

    def _get(self, message: Message | None) -> Found:
        if message is None or not self._visible(message):
            raise PlatformError(404, "message:notfound", "Message not found")
        return 1, queue_message(message)

    def _visible(self, message: Message) -> bool:
        return time.time() >= message.created_at + self._store.conditions.faults.lookup.visible_after_seconds


def _call(token: str | None, body: Body) -> Call:
    """What rules and the log see of a body that may be anything."""
    fields = {name: body.get(name) for name in ("device", "message", "reference")}
    words = {name: value if isinstance(value, str) else None for name, value in fields.items()}
    return Call("send", token, words["device"], target_of(body), words["message"], words["reference"])
