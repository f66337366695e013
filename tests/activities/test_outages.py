"""An activity that meets a database or a Temporal that is away: one line, another try soon, and no traceback."""

import asyncio
import logging
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy.exc import IntegrityError, InterfaceError
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.outages import LONGEST_TRY_SECONDS, Outages, away
from workflows.handles import EngineUnavailable

CONNECTION_LOST = InterfaceError("SELECT 1", {}, asyncpg.InterfaceError("connection is closed"))
STATEMENT_WRONG = IntegrityError("INSERT", {}, asyncpg.UniqueViolationError("duplicate key"))


class Failing(ActivityInboundInterceptor):
    """An activity that ends with an error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def execute_activity(self, input: ExecuteActivityInput) -> object:  # noqa: A002 - the SDK's name
        raise self.error


async def attempt(error: Exception, number: int = 1) -> None:
    """One attempt of an activity that ends with this error, as a worker makes it."""
    info = ActivityEnvironment.default_info()
    environment = ActivityEnvironment()
    environment.info = type(info)(**{**info.__dict__, "attempt": number})
    around = Outages().intercept_activity(Failing(error))

    @activity.defn
    async def work() -> None:
        given = ExecuteActivityInput(fn=work, args=(), executor=None, headers={})
        await around.execute_activity(given)

    await environment.run(work)


@pytest.mark.parametrize(
    ("error", "who"),
    [
        (CONNECTION_LOST, "the database"),
        (FileNotFoundError("no socket"), "the database"),
        (asyncpg.CannotConnectNowError("starting up"), "the database"),
        (RPCError("gone", RPCStatusCode.UNAVAILABLE, b""), "Temporal"),
        (EngineUnavailable("gone"), "Temporal"),
        (ExceptionGroup("starts", [RPCError("gone", RPCStatusCode.UNAVAILABLE, b"")]), "Temporal"),
    ],
)
async def test_an_outage_fails_the_attempt_quietly_and_is_tried_again_soon(
    error: Exception, who: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(ApplicationError, match=f"{who} does not answer") as caught:
        await attempt(error)

    assert caught.value.category == ApplicationErrorCategory.BENIGN
    assert caught.value.__suppress_context__, "no traceback of the outage goes into the history"
    assert not caught.value.non_retryable


async def test_tries_grow_apart_but_never_beyond_a_few_seconds() -> None:
    delays = []
    for number in (1, 3, 50):
        with pytest.raises(ApplicationError) as caught:
            await attempt(CONNECTION_LOST, number)
        delays.append(caught.value.next_retry_delay or timedelta(0))

    assert delays == sorted(delays)
    assert timedelta(0) < delays[0] < delays[-1] == timedelta(seconds=LONGEST_TRY_SECONDS)


class Waiting(ActivityInboundInterceptor):
    """An activity that waits until it is cancelled."""

    def __init__(self, begun: asyncio.Event) -> None:
        self.begun = begun

    async def execute_activity(self, input: ExecuteActivityInput) -> object:  # noqa: A002 - the SDK's name
        self.begun.set()
        return await asyncio.Event().wait()


async def cancelled(details: activity.ActivityCancellationDetails) -> None:
    """An attempt that is cancelled for these reasons while it waits."""
    environment, begun = ActivityEnvironment(), asyncio.Event()
    around = Outages().intercept_activity(Waiting(begun))

    @activity.defn
    async def work() -> None:
        await around.execute_activity(ExecuteActivityInput(fn=work, args=(), executor=None, headers={}))

    working = asyncio.create_task(environment.run(work))
    await begun.wait()
    environment.cancel(cancellation_details=details)
    await working


@pytest.mark.parametrize("reason", ["not_found", "timed_out"])
async def test_an_attempt_that_nobody_waits_for_ends_without_a_word_of_failure(reason: str) -> None:
    with pytest.raises(ApplicationError, match="Nobody waits") as caught:
        await cancelled(activity.ActivityCancellationDetails(**{reason: True}))
    assert caught.value.category == ApplicationErrorCategory.BENIGN


@pytest.mark.parametrize("reason", ["cancel_requested", "worker_shutdown", "paused", "reset"])
async def test_a_cancellation_that_somebody_asked_for_stays_one(reason: str) -> None:
    with pytest.raises(asyncio.CancelledError):
        await cancelled(activity.ActivityCancellationDetails(**{reason: True}))


@pytest.mark.parametrize(
    "error",
    [
        STATEMENT_WRONG,
        ValueError("a bug"),
        RPCError("no such", RPCStatusCode.NOT_FOUND, b""),
        ExceptionGroup("starts", [RPCError("gone", RPCStatusCode.UNAVAILABLE, b""), ValueError("a bug")]),
        ApplicationError("said so", type="Later"),
    ],
)
async def test_any_other_error_stays_what_it_is(error: Exception) -> None:
    assert away(error) is None
    with pytest.raises(type(error)) as caught:
        await attempt(error)
    assert caught.value is error
