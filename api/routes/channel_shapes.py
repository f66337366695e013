"""What is said and told of channels."""

from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from api.platforms import Platform
from api.shapes import Name, Number, Shape, Text, Whole
from db.reading.channels import ChannelView
from db.secrets import SecretBox
from domain.breaker import ChannelBreaker
from domain.statuses import ChannelStatus, UnknownPolicy
from domain.window import SendWindow

LARGEST_QUOTA = 10_000_000
EVERY_DAY = [0, 1, 2, 3, 4, 5, 6]

HeaderValue = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[!-~]+$")]
"""What can go into a header as it stands: visible ASCII."""

Secret = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
Rate = Annotated[Number, Field(ge=0.00001, le=1000, description="Messages per second.")]
Quota = Annotated[Whole, Field(ge=0, le=LARGEST_QUOTA, description="Messages a day, in the tenant's time zone.")]
WallTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Day = Annotated[Whole, Field(ge=0, le=6)]


def _known_zone(name: str) -> str:
    SendWindow.model_validate({"start": "00:00", "end": "00:00", "time_zone": name})
    return name


Zone = Annotated[Text, StringConstraints(min_length=1, max_length=64), AfterValidator(_known_zone)]


class Credentials(Shape):
    """What opens a Wassenger account: the API key, and the device (number) to send from."""

    token: HeaderValue
    device_id: HeaderValue


class Window(Shape):
    """When messages may go out; outside of it they wait. An `end` before `start` crosses midnight."""

    start: WallTime
    end: WallTime
    time_zone: Zone = Field(description="An IANA name.", examples=["Europe/Paris"])
    days: list[Day] = Field(default=EVERY_DAY, min_length=1, max_length=7, description="0 is Monday, 6 is Sunday.")


class NewChannel(Shape):
    """A channel to be connected."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "platform": "wassenger",
                    "name": "Main number",
                    "credentials": {"token": "the-API-key", "device_id": "65f0c0ffee65f0c0ffee0001"},
                    "webhook_secret": "32-random-characters-are-a-good-choice",
                    "rate_per_second": 1,
                    "daily_quota": 1000,
                    "send_window": {"start": "09:00", "end": "19:00", "time_zone": "Europe/Paris", "days": [0, 1, 2]},
                }
            ]
        }
    )

    platform: Platform
    name: Name
    credentials: Credentials
    webhook_secret: Secret = Field(description="What the platform's calls must carry; let it be long and random.")
    signing_secret: Secret | None = Field(default=None, description="Checks the platform's HMAC, where it signs.")
    rate_per_second: Rate = 1.0
    daily_quota: Quota | None = None
    send_window: Window | None = None
    unknown_policy: UnknownPolicy = Field(
        default=UnknownPolicy.OPERATOR,
        description="What is done with a message whose outcome the platform cannot be asked about.",
    )

    def columns(self, secrets: SecretBox) -> dict[str, Any]:
        """Every column that the body decides, secrets sealed."""
        return _columns(self.model_dump(), secrets)


def _drop_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def _not_null() -> Any:
    """A field that may be left out but not be null."""
    return Field(default=None, json_schema_extra=_drop_default)


class ChannelChange(Shape):
    """What is to change; a field that is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rate_per_second": 0.5, "daily_quota": None}]})

    name: Name = _not_null()
    credentials: Credentials = _not_null()
    webhook_secret: Secret = _not_null()
    signing_secret: Secret | None = None
    rate_per_second: Rate = _not_null()
    daily_quota: Quota | None = None
    send_window: Window | None = None
    unknown_policy: UnknownPolicy = _not_null()

    def columns(self, secrets: SecretBox) -> dict[str, Any]:
        """The columns that change, secrets sealed."""
        return _columns(self.model_dump(exclude_unset=True), secrets)


def _columns(given: dict[str, Any], secrets: SecretBox) -> dict[str, Any]:
    columns = dict(given)
    if "credentials" in given:
        columns["credentials"] = secrets.seal_document(given["credentials"])
    for name in ("webhook_secret", "signing_secret"):
        if given.get(name) is not None:
            columns[name] = secrets.seal(given[name])
    if given.get("send_window") is not None:
        columns["send_window"] = {
            **given["send_window"],
            "days": sorted({*given["send_window"].get("days", EVERY_DAY)}),
        }
    return columns


class Breaker(BaseModel):
    """Whether the platform is being spared because it keeps failing."""

    state: Literal["closed", "open", "half_open"]
    open_until: datetime | None


class ChannelOut(BaseModel):
    """A channel and its health. Secrets are not told again: `webhook_url` has `?secret=` only where it was just set."""

    id: UUID
    platform: str
    name: str
    status: ChannelStatus
    status_reason: str | None
    webhook_url: str
    signed: bool = Field(description="Whether a secret for the platform's HMAC is stored.")
    rate_per_second: float
    daily_quota: int | None
    used_today: int = Field(description="Messages of today that count against the quota; counted while there is one.")
    send_window: dict[str, Any] | None
    unknown_policy: UnknownPolicy
    throttled_until: datetime | None
    breaker: Breaker
    created_at: datetime
    updated_at: datetime


def channel_out(view: ChannelView, public_url: str, secret: str | None = None) -> ChannelOut:
    """The channel as it is shown; `secret` only to who has just set it."""
    channel = view.channel
    address = f"{public_url}/webhooks/{channel.platform}/{channel.id}"
    breaker = ChannelBreaker.model_validate(channel.breaker)
    return ChannelOut.model_validate(
        {
            **channel.model_dump(include=set(ChannelOut.model_fields) - {"breaker"}),
            "webhook_url": address if secret is None else f"{address}?secret={quote(secret, safe='')}",
            "signed": channel.signing_secret is not None,
            "used_today": view.used_today,
            "breaker": Breaker(state=breaker.state, open_until=breaker.open_until),
        }
    )
