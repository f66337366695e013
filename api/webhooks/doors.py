"""The doors that platforms come in by, remembered: a look-up and the opening of secrets, spared for every call but one.

What is remembered may be out of date, so it never refuses anybody, and what it lets in is stored only if the channel's
secrets are still the same.
"""

from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from db.intake import Door
from db.secrets import SecretBox
from db.tables import Channel

DOORS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class OpenDoor:
    """A door and the secrets that open it."""

    door: Door
    webhook_secret: str
    signing_secret: str | None


def open_door(channel: Channel, secrets: SecretBox) -> OpenDoor:
    """A channel's door."""
    sealed = channel.signing_secret
    return OpenDoor(
        Door(channel.tenant_id, channel.id, channel.platform, channel.webhook_secret, sealed),
        secrets.open(channel.webhook_secret),
        None if sealed is None else secrets.open(sealed),
    )


class Doors:
    """The doors that were used last."""

    def __init__(self) -> None:
        self._doors: OrderedDict[UUID, OpenDoor] = OrderedDict()

    def find(self, channel_id: UUID) -> OpenDoor | None:
        """A door as it was when last looked at."""
        return self._doors.get(channel_id)

    def remember(self, door: OpenDoor) -> None:
        """For the next call."""
        self._doors[door.door.channel_id] = door
        self._doors.move_to_end(door.door.channel_id)
        if len(self._doors) > DOORS_KEPT:
            self._doors.popitem(last=False)
