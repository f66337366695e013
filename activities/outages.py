"""What an activity makes of a database or an engine that is away for a moment: one line, and another try soon."""

import asyncio
from datetime import timedelta
from typing import Any

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from db.away import DATABASE_ERRORS, is_away
from workflows.handles import EngineUnavailable

FIRST_TRY_SECONDS = 0.2
LONGEST_TRY_SECONDS = 5.0
ENGINE_AWAY = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)

logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class Outages(Interceptor):
    """An outage is nobody's bug: it fails the attempt without a traceback, and is tried again within seconds.

    So is the end of an attempt that nobody waits for: its campaign was cancelled, or a stalled process missed a beat.
    """

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Puts itself around the activity; the argument's name is the SDK's."""
        return _Postponing(next)


class _Postponing(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        try:
            return await super().execute_activity(input)
        except (*DATABASE_ERRORS, RPCError, EngineUnavailable, ExceptionGroup) as error:
            who = away(error)
            if who is None:
                raise
            raise _postponed(who, error) from None
        except asyncio.CancelledError:
            if not _forgotten():
                raise
            # The SDK would call this cancellation a failure and log a page about it.
            logger.info("activity.forgotten")
            raise ApplicationError(
                "Nobody waits for this attempt any more.", type="Forgotten", category=ApplicationErrorCategory.BENIGN
            ) from None


def _forgotten() -> bool:
    """Whether the attempt was ended since its workflow is over, or another attempt has taken its place."""
    details = activity.cancellation_details()
    return details is not None and (details.not_found or details.timed_out)


def away(error: BaseException) -> str | None:
    """Who is away, judged by an activity's error; None when it is anything else."""
    if isinstance(error, ExceptionGroup):
        found = {away(each) for each in error.exceptions}
        return found.pop() if len(found) == 1 else None
    if isinstance(error, EngineUnavailable) or (isinstance(error, RPCError) and error.status in ENGINE_AWAY):
        return "Temporal"
    return "the database" if isinstance(error, DATABASE_ERRORS) and is_away(error) else None


def _postponed(who: str, error: BaseException) -> ApplicationError:
    attempt = activity.info().attempt
    logger.warning("activity.postponed", away=who, error=type(error).__name__)
    seconds = min(LONGEST_TRY_SECONDS, FIRST_TRY_SECONDS * 2.0 ** min(attempt, 10))
    return ApplicationError(
        f"{who} does not answer ({type(error).__name__})",
        type="Away",
        next_retry_delay=timedelta(seconds=seconds),
        category=ApplicationErrorCategory.BENIGN,
    )
