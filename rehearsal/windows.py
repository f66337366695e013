"""The send windows of a rehearsal: the campaign's own and its channel's, as they open for each contact."""

from datetime import UTC, datetime

from domain.open_time import Windows, open_share
from domain.statuses import DeliveryKind
from rehearsal.facts import CampaignFacts


class RehearsedWindows:
    """Says until when the campaign's window holds a message, and for whom both windows are never open together."""

    def __init__(self, facts: CampaignFacts) -> None:
        self._hours = facts.hours
        self._channels: Windows = () if facts.channel.send_window is None else (facts.channel.send_window,)
        self._never: dict[str, bool] = {}

    def held_until(self, kind: DeliveryKind, prefix: str, now: datetime) -> datetime | None:
        """Until when the campaign's own window holds this message; None if it does not."""
        return None if self._hours is None else self._hours.held_until(kind, prefix, now)

    def never_meet(self, prefix: str, now: datetime) -> bool:
        """Whether the windows leave a number of this prefix no moment of the week."""
        if self._hours is None or not self._channels:
            return False
        if prefix not in self._never:
            windows = (*self._hours.windows(prefix, now.astimezone(UTC).date()), *self._channels)
            self._never[prefix] = open_share(now, windows) == 0
        return self._never[prefix]
