"""The least that the job can cost on Temporal: two activities, one signal, one timer; no database and no HTTP."""

from datetime import timedelta

from temporalio import activity, workflow

QUEUE, SEND_QUEUE = "bare", "bare-send"
DAY_SECONDS = 86_400.0


@activity.defn(name="bare.send")
async def declared_send(what: str) -> str:
    """What the worker does with a message; see `bare_worker`."""
    raise NotImplementedError(what)


@workflow.defn(name="Bare")
class Bare:
    """Message 1, a reply within the window, Message 2."""

    def __init__(self) -> None:
        self._replied = False

    @workflow.run
    async def run(self, window_seconds: float = DAY_SECONDS) -> str:
        """The whole job."""
        await self._send("1")
        try:
            await workflow.wait_condition(lambda: self._replied, timeout=window_seconds)
        except TimeoutError:
            return "no reply"
        return await self._send("2")

    @workflow.signal
    async def reply_received(self) -> None:
        """The reply."""
        self._replied = True

    async def _send(self, what: str) -> str:
        return await workflow.execute_activity(
            declared_send,
            f"{what} {workflow.info().workflow_id}",
            task_queue=SEND_QUEUE,
            start_to_close_timeout=timedelta(seconds=60),
            heartbeat_timeout=timedelta(seconds=5),
        )
