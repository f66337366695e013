"""The forms about channels: what they hold as typed, what it means, and in words what is wrong with it."""

import secrets
from typing import Any

from pydantic import BaseModel, ValidationError

from api.platforms import Platform
from api.routes.channel_shapes import ChannelChange, ChannelOut, NewChannel
from api.ui.languages import _
from api.ui.numbers import two_ways, with_point
from db.people import new_token
from workflows.ports import Finding

WRONG: dict[str, str] = {
    "name": _("Write a name of 1 to 200 characters."),
    "token": _("Paste the API key as the platform shows it, without spaces."),
    "device_id": _("Paste the device's id as the platform shows it, without spaces."),
    "webhook_secret": _("Use 1 to 200 characters."),
    "rate_per_second": _("Write a number of messages per second, from 0.00001 to 1000."),
    "daily_quota": _("Write a whole number up to 10000000, or leave it empty for no limit."),
    "send_window": _("Write both times as 09:00, a zone as Europe/Paris, and choose at least one day."),
}

FOUND: dict[Finding, tuple[str, str]] = {
    Finding.REFUSED: ("token", _("The platform does not accept this API key. Copy it there once more.")),
    Finding.NO_DEVICE: (
        "device_id",
        _("The account has no device of this id. Copy it from the list of devices there."),
    ),
    Finding.NOT_LINKED: (
        "device_id",
        _("The device is there but not linked to WhatsApp. Link the phone by its QR code, then try again."),
    ),
    Finding.BLOCKED: ("", _("The platform lets this account send nothing (plan or quota). Put that right there.")),
    Finding.BUSY: ("", _("The platform asks to slow down. Try again in a minute.")),
    Finding.SILENT: ("", _("The platform does not answer. Nothing was saved; try again.")),
    Finding.OTHER_KEY: (
        "",
        _("The worker cannot open what this server seals: give both the same RELANCE_SECRET_KEYS."),
    ),
}
"""Which field a finding is about (none: the account as a whole), and the sentence."""

NO_WORKER = _(
    "The account could not be tested: no worker answers. Check that Temporal and a worker run, then try again."
)


class CredentialsForm(BaseModel):
    """What opens the account."""

    token: str = ""
    device_id: str = ""

    @property
    def credentials(self) -> dict[str, str]:
        """Without the spaces that copying brings along."""
        return {"token": self.token.strip(), "device_id": self.device_id.strip()}


class LimitsForm(BaseModel):
    """What a channel is called and how much it may send; as typed. `shown` is the same as the page showed it (JSON)."""

    name: str = ""
    rate: str = ""
    quota: str = ""
    windowed: str = ""
    start: str = ""
    end: str = ""
    zone: str = ""
    days: list[str] = []
    shown: str = ""

    @property
    def limits(self) -> dict[str, Any]:
        """The fields of the API's shapes; what cannot be read stays as typed, and is refused there."""
        window = None
        if self.windowed:
            days = [_number(day, int) for day in self.days]
            window = {"start": self.start, "end": self.end, "time_zone": self.zone.strip(), "days": days}
        return {
            "name": self.name.strip(),
            "rate_per_second": _number(self.rate, float),
            "daily_quota": _number(self.quota, int) if self.quota.strip() else None,
            "send_window": window,
        }

    @classmethod
    def of(cls, channel: ChannelOut) -> "LimitsForm":
        """The form as the channel is now."""
        window = channel.send_window or {}
        form = cls(
            name=channel.name,
            rate=f"{channel.rate_per_second:.10f}".rstrip("0").rstrip("."),
            quota="" if channel.daily_quota is None else str(channel.daily_quota),
            windowed="yes" if window else "",
            start=str(window.get("start", ""))[:5],
            end=str(window.get("end", ""))[:5],
            zone=window.get("time_zone", ""),
            days=[str(day) for day in window.get("days", [])],
        )
        return form.model_copy(update={"shown": form.model_dump_json(exclude={"shown"})})

    def changes(self, channel: ChannelOut) -> ChannelChange:
        """What differs from the channel as the page showed it, so that a field that somebody else changed meanwhile
        stays as they want it. Raises ValidationError."""
        before = (self._before() or LimitsForm.of(channel)).limits
        differs = {name: value for name, value in self.limits.items() if value != before[name]}
        return ChannelChange.model_validate(differs)

    def _before(self) -> "LimitsForm | None":
        """The form as it was shown; None where that is not told."""
        try:
            return LimitsForm.model_validate_json(self.shown)
        except ValidationError:
            return None


class NewChannelForm(CredentialsForm, LimitsForm):
    """A channel to be connected. `once` makes a form that is sent twice connect one channel."""

    webhook_secret: str = ""
    once: str = ""

    @classmethod
    def empty(cls, zone: str) -> "NewChannelForm":
        """The form before anybody typed."""
        return cls(
            rate="1",
            start="09:00",
            end="19:00",
            zone=zone,
            days=[str(day) for day in range(5)],
            webhook_secret=secrets.token_urlsafe(24),
            once=new_token(),
        )

    @property
    def channel(self) -> NewChannel:
        """What the API takes. Raises ValidationError."""
        given = {"platform": Platform.WASSENGER, "credentials": self.credentials, **self.limits}
        return NewChannel.model_validate({**given, "webhook_secret": self.webhook_secret.strip()})


def wrong_fields(error: ValidationError) -> dict[str, str]:
    """The sentence for each field that is wrong."""
    found = [(str(part), each["input"]) for each in error.errors() for part in each["loc"]]
    return {place: _sentence(place, given) for place, given in found if place in WRONG}


def _sentence(place: str, given: object) -> str:
    if place == "rate_per_second" and isinstance(given, str):
        return two_ways(given) or WRONG[place]
    return WRONG[place]


def _number(typed: str, kind: type[int] | type[float]) -> int | float | str:
    """The number as people write it, with a comma or a point; the text itself where it is none, or could be two."""
    try:
        return kind(with_point(typed))
    except ValueError:
        return typed
