"""What a tester can order: the bodies of the control API's POSTs."""

import base64
import binascii
from typing import Any, Literal

from pydantic import Field, field_validator

from simulator.behaviour import Setting, Variant
from simulator.conditions import DEFAULT_DEVICE


class GoDown(Setting):
    seconds: float | None = Field(default=None, gt=0)  # None: until `up`
    mode: Literal["503", "html", "close"] = "503"


class Token(Setting):
    token: str = Field(min_length=1)


class Media(Setting):
    """A file that a person sends; kept, and downloadable as the platform's."""

    type: Literal["image", "video", "audio", "document", "sticker"]
    mime: str
    filename: str | None = None
    caption: str | None = None
    content_base64: str = ""

    @field_validator("content_base64")
    @classmethod
    def _decodes(cls, content: str) -> str:
        try:
            base64.b64decode(content, validate=True)
        except binascii.Error as error:
            raise ValueError(f"content_base64 is not base64: {error}") from None
        return content


class WriteNow(Setting):
    """A person writes; `times` is how often each webhook is told, `id` makes the same message again."""

    device: str = DEFAULT_DEVICE
    phone: str = Field(pattern=r"^\+[1-9]\d{6,14}$")
    text: str
    id: str | None = None
    times: int = Field(default=1, ge=1, le=1000)
    variant: Variant | None = None
    media: Media | None = None


class RawWebhook(Setting):
    """`body` is sent as JSON, or as it is when it is a string; to one webhook, or to all of them."""

    body: Any
    headers: dict[str, str] = Field(default_factory=dict)
    webhook_id: str | None = None


class Reset(Setting):
    keep_webhooks: bool = False
