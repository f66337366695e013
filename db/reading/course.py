"""How a campaign went over time, in a bounded number of points whatever its length."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from db.tables import Campaign

MOST_POINTS = 300
FINE_STEP, FINE_SPAN = 2, 60
"""Seconds: of a campaign that is over within a minute, ten are a large part."""

STEPS = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
"""Seconds that one point may stand for; beyond them, whole days."""

_SPAN = text("""
    SELECT greatest(
        (SELECT max(message_1_at) FROM enrollments WHERE campaign_id = :campaign_id),
        (SELECT max(at) FROM campaign_samples WHERE campaign_id = :campaign_id AND error_rate IS NOT NULL)
    )
""")
# An epoch of its own for each campaign: the first point is its start. Message 2 is found by when the platform was
# first asked to send it, which an index knows and which is not after it was sent.
_SENT = text("""
    SELECT point, CAST(sum(sent) AS bigint) AS sent FROM (
        SELECT date_bin(make_interval(secs => :step), message_1_at, :begun) AS point, count(*) AS sent
        FROM enrollments
        WHERE campaign_id = :campaign_id AND message_1_at >= :begun AND message_1_at <= :until GROUP BY 1
        UNION ALL
        SELECT date_bin(make_interval(secs => :step), sent_at, :begun), count(*)
        FROM deliveries
        WHERE campaign_id = :campaign_id AND kind = 'message_2'
          AND first_asked_at >= :begun AND first_asked_at <= :until
          AND sent_at >= :begun AND sent_at <= :until GROUP BY 1
    ) each_message GROUP BY 1
""")
_SAMPLES = text("""
    SELECT date_bin(make_interval(secs => :step), at, :begun) AS point,
           (array_agg(delay_seconds ORDER BY at DESC))[1] AS delay_seconds, avg(error_rate) AS error_rate
    FROM campaign_samples WHERE campaign_id = :campaign_id AND at >= :begun AND at <= :until GROUP BY 1
""")


@dataclass(frozen=True, slots=True)
class Point:
    """One stretch of time from `at` on; a figure is None where nothing was known of it yet."""

    at: datetime
    sent_per_minute: float
    error_rate: float | None
    delay_seconds: float | None


def step_seconds(span_seconds: float) -> int:
    """The smallest step that keeps a span within the most points; a very short one has a smaller one still."""
    if span_seconds < FINE_SPAN:
        return FINE_STEP
    for step in STEPS:
        if span_seconds / step < MOST_POINTS:
            return step
    day = STEPS[-1]
    return day * (int(span_seconds // (day * MOST_POINTS)) + 1)


async def read_course(session: AsyncSession, campaign: Campaign) -> list[Point]:
    """From the start to the last message or judgement; nothing before a start."""
    begun = campaign.started_at
    until: datetime | None = (await session.execute(_SPAN, {"campaign_id": campaign.id})).scalar_one()
    if begun is None or until is None or until < begun:
        return []
    step = step_seconds((until - begun).total_seconds())
    asked: dict[str, UUID | datetime | int] = {
        "campaign_id": campaign.id, "begun": begun, "until": until, "step": step
    }  # fmt: skip
    sent = {row.point: row.sent for row in await session.execute(_SENT, asked)}
    samples = {row.point: row for row in await session.execute(_SAMPLES, asked)}
    points: list[Point] = []
    error_rate = delay_seconds = None
    for number in range(int((until - begun).total_seconds() // step) + 1):
        at = begun + timedelta(seconds=number * step)
        seconds = min(step, (until - at).total_seconds())
        if points and seconds < step / 2:
            break  # a stretch that has only just begun: one message in it would look like many
        if (sample := samples.get(at)) is not None:
            delay_seconds = sample.delay_seconds
            error_rate = error_rate if sample.error_rate is None else sample.error_rate
        points.append(Point(at, sent.get(at, 0) * 60 / max(1.0, seconds), error_rate, delay_seconds))
    return points
