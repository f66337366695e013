"""The platform's own shapes: its message object, device object, file object and error bodies."""

from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response

from simulator.conditions import DEFAULT_DEVICE, Device
from simulator.records import Message, StoredFile, Webhook, iso

Body = dict[str, Any]

_STATUS = {"pending": "processing", "server": "sent", "device": "sent"}
_DELIVERY_STATUS = {"queued": "pending", "server": "sent", "device": "sent"}


class PlatformError(Exception):
    """A refusal as the platform words it: `{status, message, errorCode}`, plus `errors[]` from its validator."""

    def __init__(self, status: int, error_code: str, message: str, path: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.message = message
        self.path = path

    def response(self) -> Response:
        body: Body = {"status": self.status, "message": self.message, "errorCode": self.error_code}
        if self.path is not None:
            body["errors"] = [{"path": self.path, "message": self.message}]
        return JSONResponse(body, self.status)


def proxy_page(status: int) -> Response:
    """What a proxy in front of the platform answers when the platform does not."""
    title = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}
    words = f"{status} {title.get(status, 'Error')}"
    page = f"<html><head><title>{words}</title></head><body><center><h1>{words}</h1></center></body></html>"
    return HTMLResponse(page, status)


def queue_message(message: Message) -> Body:
    """The message object of the queue, as POST and GET answer it and some webhooks carry it."""
    body: Body = {
        "id": message.id,
        # WhatsApp's id exists once the message was handed over.
        "waId": None if message.ack in ("queued", "failed") else message.wa_id,
        "phone": message.phone if message.phone.startswith("+") else None,
        "message": message.text,
        "device": message.device,
        "reference": message.reference,
        "status": _STATUS.get(message.ack, message.ack),
        "deliveryStatus": _DELIVERY_STATUS.get(message.ack, message.ack),
        "webhookStatus": "pending",
        "createdAt": iso(message.created_at),
        "deliverAt": iso(message.created_at),
    }
    if message.phone.endswith("@g.us"):
        body["group"] = message.phone
    elif message.phone.endswith("@newsletter"):
        body["channel"] = message.phone
    if message.media is not None:
        body["media"] = message.media
    if message.failure_reason is not None:
        body["failureReason"] = message.failure_reason
    return body


def device_named(devices: list[Device], device_id: str) -> Device:
    """The declared device, or a healthy one of that id when none were declared."""
    return next((device for device in devices if device.id == device_id), Device(id=device_id))


def default_device(devices: list[Device]) -> str:
    return devices[0].id if devices else DEFAULT_DEVICE


def webhook_object(webhook: Webhook) -> Body:
    body: Body = {
        "id": webhook.id,
        "name": webhook.name,
        "url": webhook.url,
        "events": webhook.events,
        "device": webhook.device,
        "status": "active",
        "createdAt": iso(webhook.created_at),
    }
    return body if webhook.secret is None else body | {"secret": webhook.secret}


def file_object(file: StoredFile) -> Body:
    return {
        "id": file.id,
        "mime": file.mime,
        "filename": file.filename,
        "size": file.size,
        "reference": file.reference,
        "url": file.url,
        "status": "active",
    }
