"""The control API under `/control`: what a tester sets, makes happen and reads back (examples in `__main__.py`)."""

import base64
import json
import time
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query

from simulator.behaviour import Behaviour
from simulator.conditions import Conditions, Device, Down
from simulator.counts import person_view, post_view, summary
from simulator.faults import Faults
from simulator.orders import GoDown, RawWebhook, Reset, Token, WriteNow
from simulator.records import Event, Inbound, Person, Post, StoredFile, Webhook, iso
from simulator.world import World, new_id, new_wa_id

Body = dict[str, Any]


class Control:
    """One method per call; FastAPI checks the bodies and answers 422 with the field at fault."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._store = world.store

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/control", tags=["control"])
        calls = (
            ("GET", "/behaviour", self.behaviour),
            ("PUT", "/behaviour", self.set_behaviour),
            ("PATCH", "/behaviour", self.change_behaviour),
            ("GET", "/faults", self.faults),
            ("PUT", "/faults", self.set_faults),
            ("GET", "/devices", self.devices),
            ("PUT", "/devices", self.set_devices),
            ("POST", "/down", self.down),
            ("POST", "/up", self.up),
            ("POST", "/revoke", self.revoke),
            ("POST", "/restore", self.restore),
            ("POST", "/inbound", self.inbound),
            ("POST", "/webhook/raw", self.raw_webhook),
            ("GET", "/messages", self.messages),
            ("GET", "/lookups", self.lookups),
            ("GET", "/summary", self.summary),
            ("GET", "/people", self.people),
            ("POST", "/reset", self.reset),
        )
        for method, path, call in calls:
            router.add_api_route(path, call, methods=[method])
        return router

    # Conditions

    def _change(self, *, rearm: bool = False, **fields: object) -> Conditions:
        self._store.change_conditions(self._store.conditions.model_copy(update=fields), rearm=rearm)
        return self._store.conditions

    async def behaviour(self) -> Behaviour:
        return self._store.conditions.behaviour

    async def set_behaviour(self, behaviour: Behaviour) -> Behaviour:
        """Replace it whole: what the body leaves out takes its default."""
        return self._change(behaviour=behaviour).behaviour

    async def change_behaviour(self, changes: Body) -> Behaviour:
        """Change only what the body names."""
        merged = _merged(self._store.conditions.behaviour.model_dump(), changes)
        try:
            return self._change(behaviour=Behaviour.model_validate(merged)).behaviour
        except ValueError as error:
            raise HTTPException(422, str(error)) from error

    async def faults(self) -> Faults:
        return self._store.conditions.faults

    async def set_faults(self, faults: Faults) -> Faults:
        """Replace all of them; `{}` heals everything, and every rule counts from nought."""
        return self._change(rearm=True, faults=faults).faults

    async def devices(self) -> list[Device]:
        return self._store.conditions.devices

    async def set_devices(self, devices: list[Device]) -> list[Device]:
        return self._change(devices=devices).devices

    async def down(self, outage: GoDown) -> Down:
        until = None if outage.seconds is None else time.time() + outage.seconds
        down = Down(mode=outage.mode, until=until)
        self._change(down=down)
        return down

    async def up(self) -> Body:
        self._change(down=None)
        return {"down": None}

    async def revoke(self, body: Token) -> Body:
        revoked = [*self._store.conditions.revoked, body.token]
        return {"revoked": len(self._change(revoked=sorted(set(revoked))).revoked)}

    async def restore(self, body: Token) -> Body:
        revoked = [token for token in self._store.conditions.revoked if token != body.token]
        return {"revoked": len(self._change(revoked=revoked).revoked)}

    # Making things happen

    async def inbound(self, body: WriteNow) -> Body:
        now = time.time()
        inbound = Inbound(body.id or new_wa_id(), body.text, stop=self._is_stop(body.text), media=self._keep_file(body))
        event = Event(
            id=new_id(),
            name="message:in:new",
            device=body.device,
            phone=body.phone,
            due=now,
            inbound=inbound,
            copies=body.times,
            variant=body.variant,
        )
        self._store.add_inbound(event)
        self._world.dispatcher.schedule(event.id)
        return {"id": inbound.id, "event_id": event.id, "at": now}

    def _is_stop(self, text: str) -> bool:
        return text.strip().casefold() == self._store.conditions.behaviour.people.stop_text.casefold()

    def _keep_file(self, body: WriteNow) -> Body | None:
        media = body.media
        if media is None:
            return None
        content = base64.b64decode(media.content_base64)
        file = StoredFile(new_id(), media.mime, media.filename, len(content))
        self._store.add_file(file, content)
        shown = {"id": file.id, "type": media.type, "mime": media.mime, "size": file.size, "meta": {}}
        extras = {"filename": media.filename, "caption": media.caption}
        links = {"links": {"download": f"/v1/chat/{body.device}/files/{file.id}/download"}}
        return shown | {name: value for name, value in extras.items() if value is not None} | links

    async def raw_webhook(self, body: RawWebhook) -> list[Body]:
        """One attempt each, the answers told: for bodies that the platform would never send."""
        content = body.body.encode() if isinstance(body.body, str) else json.dumps(body.body).encode()
        answers: list[Body] = []
        for webhook in self._targets(body.webhook_id):
            answer = await self._world.dispatcher.post_raw(webhook, content, body.headers)
            answers.append({"webhook_id": webhook.id, "answer": answer})
        return answers

    def _targets(self, webhook_id: str | None) -> list[Webhook]:
        if webhook_id is None:
            return list(self._store.webhooks.values())
        if webhook_id not in self._store.webhooks:
            raise HTTPException(404, f"no webhook {webhook_id}: see GET /v1/webhooks")
        return [self._store.webhooks[webhook_id]]

    async def reset(self, body: Reset | None = None) -> Body:
        await self._world.reset(keep_webhooks=body is not None and body.keep_webhooks)
        return {"webhooks": len(self._store.webhooks)}

    # Reading back

    def _posts(self, since: float, device: str | None, phone: str | None, reference: str | None) -> list[Post]:
        wanted = (("device", device), ("phone", phone), ("reference", reference))
        return [
            post
            for post in self._store.posts
            if post.at >= since and all(value in (None, getattr(post, name)) for name, value in wanted)
        ]

    async def messages(
        self,
        since: float = 0.0,
        device: str | None = None,
        phone: str | None = None,
        reference: str | None = None,
        after: int = 0,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    ) -> Body:
        """The log of every POST, oldest first; ask again with `after=<next_after>` until that is null."""
        posts = [post for post in self._posts(since, device, phone, reference) if post.seq > after]
        more = len(posts) > limit
        return {
            "items": [post_view(post) for post in posts[:limit]],
            "next_after": posts[limit - 1].seq if more else None,
        }

    async def lookups(self, since: float = 0.0, reference: str | None = None) -> list[Body]:
        return [
            {
                "at": each.at,
                "at_iso": iso(each.at),
                "reference": each.reference,
                "device": each.device,
                "status": each.status,
                "found": each.found,
                "faults": each.faults,
            }
            for each in self._store.lookups
            if each.at >= since and reference in (None, each.reference)
        ]

    async def summary(self, since: float = 0.0, device: str | None = None) -> Body:
        """`since` and `device` narrow the counts of POSTs, the doubles and the pace."""
        return summary(self._store, self._posts(since, device, None, None))

    async def people(
        self,
        phone: str | None = None,
        device: str | None = None,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    ) -> Body:
        """What each person got and wrote, in the order in which they were first met."""
        people: list[Person] = [
            person
            for person in self._store.people.values()
            if phone in (None, person.phone) and device in (None, person.device)
        ]
        more = len(people) > offset + limit
        return {
            "items": [person_view(person) for person in people[offset : offset + limit]],
            "next_offset": offset + limit if more else None,
        }


def _merged(old: Body, changes: Body) -> Body:
    """`changes` over `old`, object by object; lists and plain values are replaced."""
    merged = dict(old)
    for name, value in changes.items():
        both = isinstance(value, dict) and isinstance(old.get(name), dict)
        merged[name] = _merged(old[name], value) if both else value
    return merged
