"""`/v1` beside messages: the account, its devices, its webhooks, numbers and files."""

import time
from mimetypes import guess_type
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.records import StoredFile, Webhook
from simulator.wassenger.door import Door
from simulator.wassenger.messages import json_body
from simulator.wassenger.validator import is_phone
from simulator.wassenger.wire import PlatformError, default_device, device_named, file_object, webhook_object
from simulator.world import World, new_id

EVENTS = frozenset(
    [
        "message:in:new",
        "message:out:new",
        "message:out:sent",
        "message:out:ack",
        "message:out:failed",
        "message:update",
        "message:reaction",
        "channel:in",
        "status:update",
        "group:update",
        "chat:update",
        "contact:update",
        "number:session",
    ]
)
_WEBHOOK_FIELDS = frozenset({"name", "url", "events", "device", "headers", "active", "secret"})
_MAX_NAME = 30


class Accounts:
    def __init__(self, world: World, door: Door) -> None:
        self._store = world.store
        self._door = door

    def routes(self) -> list[Route]:
        doors = (
            ("GET", "/v1/me", self.me),
            ("GET", "/v1/devices", self.devices),
            ("GET", "/v1/devices/{device}", self.device),
            ("POST", "/v1/numbers/exists", self.number_exists),
            ("POST", "/v1/webhooks", self.register_webhook),
            ("GET", "/v1/webhooks", self.webhooks),
            ("GET", "/v1/webhooks/{id}", self.webhook),
            ("DELETE", "/v1/webhooks/{id}", self.remove_webhook),
            ("POST", "/v1/files", self.upload),
            ("GET", "/v1/files/{id}", self.file),
            ("GET", "/v1/files/{id}/download", self.download),
            ("GET", "/v1/chat/{device}/files/{id}/download", self.download),
        )
        return [Route(path, self._door.guarded(handler), methods=[method]) for method, path, handler in doors]

    async def me(self, _: Request) -> Response:
        return JSONResponse({"id": "65f0c0ffee65f0c0ffee00aa", "name": "Simulated account", "status": "active"})

    async def devices(self, _: Request) -> Response:
        declared = self._store.conditions.devices
        shown = declared or [device_named(declared, default_device(declared))]
        return JSONResponse([device.model_dump() for device in shown])

    async def device(self, request: Request) -> Response:
        declared, wanted = self._store.conditions.devices, request.path_params["device"]
        if declared and wanted not in {device.id for device in declared}:
            raise PlatformError(404, "device:notfound", "Device not found")
        return JSONResponse(device_named(declared, wanted).model_dump())

    async def number_exists(self, request: Request) -> Response:
        phone = (await json_body(request)).get("phone")
        if not is_phone(phone):
            raise PlatformError(400, "phone:invalid", "Phone number is not valid, use E.164 with a leading +", "phone")
        return JSONResponse({"exists": True, "phone": phone})

    # Webhooks

    async def register_webhook(self, request: Request) -> Response:
        body = await json_body(request)
        _check_webhook(body)
        signed = self._store.conditions.behaviour.webhooks.sign
        webhook = Webhook(
            id=new_id(),
            name=body["name"],
            url=body["url"],
            events=body["events"],
            device=body.get("device"),
            headers=body.get("headers") or {},
            secret=body.get("secret") or (token_urlsafe(24) if signed else None),
            created_at=time.time(),
        )
        self._store.add_webhook(webhook)
        return JSONResponse(webhook_object(webhook), 201)

    async def webhooks(self, _: Request) -> Response:
        return JSONResponse([webhook_object(webhook) for webhook in self._store.webhooks.values()])

    async def webhook(self, request: Request) -> Response:
        return JSONResponse(webhook_object(self._webhook(request)))

    async def remove_webhook(self, request: Request) -> Response:
        self._store.remove_webhook(self._webhook(request).id)
        return Response(status_code=204)

    def _webhook(self, request: Request) -> Webhook:
        webhook = self._store.webhooks.get(request.path_params["id"])
        if webhook is None:
            raise PlatformError(404, "webhook:notfound", "Webhook not found")
        return webhook

    # Files

    async def upload(self, request: Request) -> Response:
        """JSON `{url, …}` is noted, not fetched: nothing leaves the machine. A multipart `file` is kept."""
        if request.headers.get("content-type", "").startswith("multipart/"):
            file, content = await _from_form(request)
        else:
            file, content = _from_json(await json_body(request)), b""
        self._store.add_file(file, content)
        return JSONResponse([file_object(file)], 201)

    async def file(self, request: Request) -> Response:
        return JSONResponse(file_object(self._file(request)))

    async def download(self, request: Request) -> Response:
        file = self._file(request)
        content = (self._store.files_dir / file.id).read_bytes()
        return Response(content, media_type=file.mime)

    def _file(self, request: Request) -> StoredFile:
        file = self._store.files.get(request.path_params["id"])
        if file is None:
            raise PlatformError(404, "file:notfound", "File not found")
        return file


async def _from_form(request: Request) -> tuple[StoredFile, bytes]:
    async with request.form() as form:
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            raise PlatformError(400, "validation", "A multipart upload needs a part named file", "file")
        content = await upload.read()
        mime = upload.content_type or "application/octet-stream"
        return StoredFile(new_id(), mime, upload.filename, len(content)), content


def _from_json(body: dict[str, Any]) -> StoredFile:
    url = body.get("url")
    if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https"):
        raise PlatformError(400, "validation", "url must be an http or https address", "url")
    filename = body.get("filename") or urlsplit(url).path.rpartition("/")[2] or None
    mime = guess_type(filename or "")[0] or "application/octet-stream"
    return StoredFile(new_id(), mime, filename, 0, body.get("reference"), url)


def _check_webhook(body: dict[str, Any]) -> None:
    """Raises PlatformError 400 with the first thing that is wrong in a registration."""
    for field in body.keys() - _WEBHOOK_FIELDS:
        raise PlatformError(400, "validation", f"Unknown property: {field}", field)
    name, url, events = body.get("name"), body.get("url"), body.get("events")
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME:
        raise PlatformError(400, "validation", f"name is required, at most {_MAX_NAME} characters", "name")
    if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise PlatformError(400, "validation", "url must be an http or https address", "url")
    if not isinstance(events, list) or not events or not EVENTS.issuperset(events):
        raise PlatformError(400, "validation", f"events must be some of: {', '.join(sorted(EVENTS))}", "events")
