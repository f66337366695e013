"""How long a campaign still needs: the estimate of SPEC CAM-11."""

from datetime import datetime, timedelta

LONGEST_TOLD = timedelta(days=3650)
"""Beyond this no date is told: the calendar ends, and so does anybody's patience."""


def end_after(start: datetime, seconds: float) -> datetime | None:
    """When something that takes so long is over; None if that is beyond telling."""
    return start + timedelta(seconds=seconds) if seconds <= LONGEST_TOLD.total_seconds() else None


def in_steps(seconds: float) -> float:
    """An estimate in steps that are worth telling even if nothing else changed: of a second in the last minute, of ten
    in the last hour, else of a minute. While windows are closed it falls with the clock, at every look."""
    step = 1 if seconds < 60 else 10 if seconds < 3600 else 60
    return seconds // step * step


def eta_seconds(
    remaining: int,
    delay_seconds: float,
    batch_size: int,
    batch_pause_seconds: float,
    channel_rate_per_second: float,
    *,
    sharers: int = 1,
    started: bool = True,
) -> float:
    """Seconds until `remaining` messages are sent: N·D + (N/B)·P.

    D is the larger of the campaign's delay and the gap that the channel leaves it: `sharers` running campaigns share
    the channel's rate, so each gets one message per `sharers / rate` seconds.

    N/B is rounded down. In a campaign under way that is the exact number of pauses left: with an incomplete batch in
    flight the last pause lies before the last batch, and after a complete one the pause is just beginning. No pause
    follows the last batch. Only a campaign that has sent nothing (`started=False`) is not preceded by a batch, and
    counts (N−1)/B pauses. Raises ValueError for an argument that cannot be.
    """
    if remaining < 0 or batch_size < 1 or sharers < 1:
        raise ValueError("an estimate needs remaining ≥ 0, batch_size ≥ 1 and sharers ≥ 1")
    if delay_seconds < 0 or batch_pause_seconds < 0 or channel_rate_per_second <= 0:
        raise ValueError("an estimate needs a delay and a pause ≥ 0 and a channel rate above 0")
    if remaining == 0:
        return 0.0
    gap = max(delay_seconds, sharers / channel_rate_per_second)
    pauses = remaining // batch_size if started else (remaining - 1) // batch_size
    return remaining * gap + pauses * batch_pause_seconds
