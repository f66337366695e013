"""A campaign: batches of enrollments at its pace, stock taken after each, until the last window is over."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.breaker import ErrorSample, judge
    from domain.campaigns import (
        PROBE_FAILED,
        PROBE_PASSED,
        PROBE_WANTED,
        CampaignInput,
        ChangePacing,
        Command,
        CommandResult,
    )
    from domain.pacing import MINIMUM_SAMPLE, adapt_delay
    from domain.statuses import CampaignStatus
    from workflows.campaign_process import LEAD, Process
    from workflows.policies import PATIENT, REPEATABLE
    from workflows.ports import Campaigns, Stock

LOOKS_PER_WINDOW = 100
SHORTEST_LOOK = timedelta(milliseconds=500)
LONGEST_LOOK = timedelta(minutes=10)

PROBE_LOOK = timedelta(seconds=1)
PROBE_LOOKS = 3
PROBE_REST = timedelta(seconds=5)
"""When none of the held messages turned out to be free to go as the probe, the next one is tried after this."""


@workflow.defn(name="Campaign")
class Campaign:
    """Launches, takes stock, pauses itself when the platform fails, and ends after the last window."""

    @workflow.init
    def __init__(self, start: CampaignInput) -> None:
        self._process = Process(start)

    @workflow.run
    async def run(self, start: CampaignInput) -> CampaignStatus:
        """Open → batches → the last window → completed; or cancelled."""
        process = self._process
        await self._open()
        while True:
            await self._go_on(start)
            if process.status == CampaignStatus.CANCELLED:
                await workflow.execute_activity_method(
                    Campaigns.stop_open, process.campaign, summary="Stop what still runs", **PATIENT
                )
            await self._finish_handlers()
            if process.over:  # else failed contacts were put back in line while it was being completed
                return process.status

    async def _go_on(self, start: CampaignInput) -> None:
        """Step by step until it is over, or as a new run where the history has grown long."""
        process = self._process
        while not process.over:
            await workflow.wait_condition(lambda: process.status != CampaignStatus.PAUSED)
            if process.over:
                return
            await self._step()
            if workflow.info().is_continue_as_new_suggested() and not process.over:
                await self._finish_handlers()
                workflow.continue_as_new(CampaignInput(campaign=start.campaign, state=process.state))

    async def _step(self) -> None:
        state = self._process.state
        if state.probing:
            await self._probe()
        elif state.batch_out:
            await self._let_go_out()
        elif not state.exhausted:
            await self._run_batch()
        else:
            await self._wait_for_the_last()

    async def _finish_handlers(self) -> None:
        process = self._process
        await workflow.wait_condition(
            lambda: workflow.all_handlers_finished() and (process.over or not process.releases)
        )

    async def _open(self) -> None:
        process = self._process
        async with process.lock:
            plan = await workflow.execute_activity_method(
                Campaigns.plan, process.campaign, summary="Read the plan", **REPEATABLE
            )
            process.adopt(plan)
            process.opened = True
            if process.campaign.reopen and plan.status == CampaignStatus.COMPLETED:
                await self._requeue()
        if plan.start_at is not None and process.status == CampaignStatus.SCHEDULED:
            await self._wait_for_start(plan.start_at)
        async with process.lock:
            if process.status == CampaignStatus.SCHEDULED:
                await process.mark(CampaignStatus.RUNNING)

    async def _wait_for_start(self, start_at: datetime) -> None:
        process = self._process
        left = start_at - workflow.now()
        if left <= timedelta(0):
            return
        workflow.set_current_details(f"Scheduled for {start_at.isoformat()}")
        try:
            await workflow.wait_condition(lambda: process.over, timeout=left, timeout_summary="Scheduled start")
        except TimeoutError:
            return

    async def _run_batch(self) -> None:
        """Launches one batch, after the pause that the last one left."""
        process = self._process
        if process.pacing.batch_pause_seconds > 0 and process.state.cursor is not None:
            await process.rest(process.state.cursor - LEAD)
            if process.halted:
                return
        result = await process.launch(process.pacing.batch_size)
        process.state.batch_out = result.started > 0
        await process.rest_until_open(result)

    async def _let_go_out(self) -> None:
        """Waits until the batch is nearly out, and judges by what became of it."""
        process = self._process
        low_water = process.low_water
        if process.state.cursor is not None:
            last_at = process.state.cursor - timedelta(seconds=process.pacing.batch_pause_seconds)
            await process.rest(last_at - LEAD - timedelta(seconds=process.state.delay_seconds * low_water))
        while process.state.batch_out and not process.halted:
            stock = await process.take_stock(low_water, unless=lambda: process.over)
            if stock is None:
                return
            await self._judge(stock)
            process.state.batch_out = stock.in_flight > low_water

    async def _judge(self, stock: Stock) -> None:
        """Slows down or pauses by the error sample; a sample too small to tell is left to grow."""
        process = self._process
        if stock.attempted < MINIMUM_SAMPLE:
            return
        async with process.lock:
            if process.halted:
                return
            error_rate = stock.errored / stock.attempted
            process.state.sampled_until = stock.taken_at
            process.state.delay_seconds = adapt_delay(
                process.state.delay_seconds, process.pacing, error_rate, stock.attempted
            )
            verdict = judge(ErrorSample(attempted=stock.attempted, errored=stock.errored))
            process.state.tripped = verdict.tripped
            status = CampaignStatus.PAUSED if verdict.tripped else CampaignStatus.RUNNING
            await process.mark(status, reason=verdict.reason if verdict.tripped else None, error_rate=error_rate)

    async def _probe(self) -> None:
        """Sends one message before all others; they follow when the platform takes it."""
        process = self._process
        sent = await process.release(limit=1)
        if sent == 0 and not process.state.exhausted:
            process.state.cursor = None
            launched = await process.launch(1)
            if await process.rest_until_open(launched):
                return
            sent = launched.started
        probe = await self._watch_probe() if sent else PROBE_PASSED
        if probe == PROBE_WANTED:
            await process.rest(max(workflow.now() + PROBE_REST, process.held_until or workflow.now()))
            return
        async with process.lock:
            if process.halted:
                return
            process.state.probing = False
            process.state.sampled_until = workflow.now()
            if probe == PROBE_FAILED:
                process.state.tripped = True
                await process.mark(
                    CampaignStatus.PAUSED, reason="The probe message met an error, like those before it."
                )
                return
            await process.mark(CampaignStatus.RUNNING)
            process.release_all()

    async def _watch_probe(self) -> str:
        """How the probe ended; `wanted` when the one that was tried turned out not to be one."""
        process = self._process
        looks = 0
        while not process.halted:
            stock = await process.take_stock(0, unless=lambda: process.over, patience=PROBE_LOOK)
            if stock is None:
                break
            if stock.probe in (PROBE_PASSED, PROBE_FAILED):
                return stock.probe
            looks += 1
            if stock.probe in (None, PROBE_WANTED) and looks >= PROBE_LOOKS:
                break
        return PROBE_WANTED

    async def _wait_for_the_last(self) -> None:
        process = self._process
        stock = await process.take_stock(0, unless=lambda: process.over or not process.state.exhausted)
        if stock is None or process.halted:
            return
        await self._judge(stock)
        if process.halted or not process.state.exhausted:
            return
        if stock.in_line > 0:  # they were put back in line while the last batch was being launched
            process.state.exhausted = False
            return
        if stock.open == 0:
            async with process.lock:
                if not process.halted and process.state.exhausted:
                    await process.mark(CampaignStatus.COMPLETED)
            return
        look = min(max(process.window / LOOKS_PER_WINDOW, SHORTEST_LOOK), LONGEST_LOOK)
        # Nobody goes out before the campaign's window opens, so the campaign cannot end before that either.
        await self._look_again_in(max(look, (stock.held_until or workflow.now()) - workflow.now()))

    async def _look_again_in(self, look: timedelta) -> None:
        process = self._process
        try:
            await workflow.wait_condition(
                lambda: process.halted or not process.state.exhausted, timeout=look, timeout_summary="Reply windows run"
            )
        except TimeoutError:
            return

    @workflow.update
    async def pause(self) -> CommandResult:
        """Holds every message that is not yet at the platform."""
        async with self._taking(Command.PAUSE) as process:
            result = await process.mark(CampaignStatus.PAUSED, reason="Paused by an operator.")
        return CommandResult(status=result.status)

    @workflow.update
    async def resume(self) -> CommandResult:
        """Goes on; after a trip of the breaker with one probe first."""
        async with self._taking(Command.RESUME) as process:
            state = process.state
            state.probing = state.probing or state.tripped
            state.tripped = False
            state.sampled_until = workflow.now()
            result = await process.mark(CampaignStatus.RUNNING, probe=PROBE_WANTED if state.probing else None)
            if not state.probing:
                process.release_all()
        return CommandResult(status=result.status)

    @workflow.update
    async def cancel(self) -> CommandResult:
        """Ends the campaign; what the platform does not have yet is never sent."""
        async with self._taking(Command.CANCEL) as process:
            result = await process.mark(CampaignStatus.CANCELLED)
        return CommandResult(status=result.status, affected=result.affected)

    @workflow.update
    async def retry_failed(self) -> CommandResult:
        """Puts the contacts whose Message 1 failed back in line."""
        async with self._taking(Command.RETRY_FAILED) as process:
            affected = await self._requeue()
        return CommandResult(status=process.status, affected=affected)

    @workflow.update
    async def change_pacing(self, change: ChangePacing) -> CommandResult:
        """A new pacing, in force from the next batch on."""
        async with self._taking(Command.CHANGE_PACING) as process:
            process.pacing = change.pacing
            process.state.delay_seconds = change.pacing.delay_seconds
            result = await process.mark_pacing()
        return CommandResult(status=result.status)

    @pause.validator
    def _may_pause(self) -> None:
        self._refuse_early(Command.PAUSE)

    @resume.validator
    def _may_resume(self) -> None:
        self._refuse_early(Command.RESUME)

    @cancel.validator
    def _may_cancel(self) -> None:
        self._refuse_early(Command.CANCEL)

    @retry_failed.validator
    def _may_retry(self) -> None:
        self._refuse_early(Command.RETRY_FAILED)

    def _refuse_early(self, command: Command) -> None:
        """Before anything is recorded; while the plan is being read nobody knows the state yet."""
        if self._process.opened:
            self._process.refuse_unless_allowed(command)

    @asynccontextmanager
    async def _taking(self, command: Command) -> AsyncIterator[Process]:
        """One command at a time, on the state that the ones before it left."""
        process = self._process
        await workflow.wait_condition(lambda: process.opened)
        async with process.lock:
            process.refuse_unless_allowed(command)
            yield process

    async def _requeue(self) -> int:
        process = self._process
        requeued = await workflow.execute_activity_method(
            Campaigns.requeue_failed, process.campaign, summary="Put failed contacts back in line", **PATIENT
        )
        if requeued.count:
            process.state.exhausted = False
            process.state.sampled_until = workflow.now()
        if process.status == CampaignStatus.COMPLETED:
            process.status = CampaignStatus.RUNNING
        return requeued.count
