"""A campaign: batches of enrollments at its pace, stock taken after each, until the last window is over."""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.breaker import ErrorSample, judge
    from domain.campaigns import (
        ALLOWED,
        PROBE_FAILED,
        PROBE_PASSED,
        PROBE_WANTED,
        CampaignInput,
        CampaignState,
        ChangePacing,
        Command,
        CommandResult,
    )
    from domain.pacing import MINIMUM_SAMPLE, Pacing, adapt_delay
    from domain.statuses import CampaignStatus
    from workflows.policies import PATIENT, RECORD, REPEATABLE
    from workflows.ports import (
        CampaignPlan,
        Campaigns,
        Holds,
        LaunchRequest,
        LaunchResult,
        MarkRequest,
        MarkResult,
        ReleaseRequest,
        Stock,
        StockRequest,
    )

LEAD = timedelta(seconds=1)
"""The next batch is launched this long before the last one is out, so that no gap opens between them."""

PATIENCE = timedelta(minutes=10)
LOOKS_PER_WINDOW = 100
SHORTEST_LOOK = timedelta(milliseconds=500)
LONGEST_LOOK = timedelta(minutes=10)


class Process:
    """What a campaign's workflow knows, and the small steps that its process is told in."""

    def __init__(self, start: CampaignInput) -> None:
        self.campaign = start.campaign
        self.state = start.state or CampaignState()
        self.status = CampaignStatus.RUNNING
        self.pacing = Pacing()
        self.rate = 1.0
        self.window = timedelta(0)
        self.tripped = False
        self.probing = False
        self.releasing = False
        self.lock = asyncio.Lock()

    @property
    def over(self) -> bool:
        """Nothing more is to be launched or waited for."""
        return self.status in (CampaignStatus.CANCELLED, CampaignStatus.COMPLETED)

    @property
    def halted(self) -> bool:
        """Paused or over."""
        return self.status != CampaignStatus.RUNNING

    def adopt(self, plan: CampaignPlan) -> None:
        """Takes up what the database says of the campaign."""
        self.status = plan.status
        self.pacing = plan.pacing
        self.rate = plan.rate_per_second
        self.window = timedelta(seconds=plan.reply_window_seconds)
        self.state.delay_seconds = plan.delay_seconds
        self.state.sampled_until = self.state.sampled_until or workflow.now()

    def refuse_unless_allowed(self, command: Command) -> None:
        """Raises the error that becomes a 409."""
        if self.status not in ALLOWED[command]:
            verb = command.value.replace("_", " ")
            raise ApplicationError(
                f"A campaign that is {self.status} cannot take '{verb}'.", type="CampaignRefused", non_retryable=True
            )

    @property
    def low_water(self) -> int:
        """How many of a batch may still be in flight when the next one is launched."""
        if self.state.exhausted or self.pacing.batch_pause_seconds > 0:
            return 0
        interval = max(self.state.delay_seconds, 1 / self.rate)
        return min(int(LEAD.total_seconds() / interval), self.pacing.batch_size // 2)

    async def mark(
        self,
        status: CampaignStatus,
        *,
        reason: str | None = None,
        probe: str | None = None,
        error_rate: float | None = None,
    ) -> MarkResult:
        """Writes the state; the gate obeys it from the commit on."""
        request = MarkRequest(
            campaign=self.campaign,
            status=status,
            reason=reason,
            probe=probe,
            delay_seconds=self.state.delay_seconds,
            pacing=self.pacing,
            error_rate=error_rate,
        )
        if status == CampaignStatus.CANCELLED:  # touches every contact that has not had Message 1
            result = await workflow.execute_activity_method(Campaigns.mark, request, summary="Cancel", **REPEATABLE)
        else:
            result = await workflow.execute_local_activity_method(Campaigns.mark, request, **RECORD)
        self.status = result.status
        workflow.set_current_details(f"{result.status}{f': {reason}' if reason else ''}")
        return result

    async def launch(self, size: int) -> LaunchResult:
        """Starts the next `size` enrollments at the campaign's pace and moves the cursor behind them."""
        first_at = max(workflow.now(), self.state.cursor or workflow.now())
        delay = self.state.delay_seconds
        result = await workflow.execute_activity_method(
            Campaigns.launch,
            LaunchRequest(campaign=self.campaign, size=size, first_at=first_at, delay_seconds=delay),
            summary=f"Launch up to {size}, {delay:g} s apart",
            **REPEATABLE,
        )
        self.state.exhausted = result.exhausted
        self.state.cursor = first_at + timedelta(seconds=result.started * delay + self.pacing.batch_pause_seconds)
        return result

    async def take_stock(self, in_flight: int, patience: timedelta = PATIENCE) -> Stock | None:
        """Counts once at most `in_flight` are not yet out; None when the campaign was cancelled meanwhile."""
        counting = workflow.start_activity_method(
            Campaigns.take_stock,
            StockRequest(
                campaign=self.campaign,
                in_flight=in_flight,
                since=self.state.sampled_until or workflow.now(),
                patience_seconds=patience.total_seconds(),
            ),
            summary=f"Take stock when at most {in_flight} are in flight",
            **PATIENT,
        )
        await workflow.wait_condition(lambda: counting.done() or self.over)
        if not counting.done():
            counting.cancel()
            return None
        stock = await counting
        self.rate = stock.rate_per_second
        return stock

    async def release(self, limit: int | None = None) -> int:
        """Lets held messages of the campaign go on."""
        released = await workflow.execute_activity_method(
            Holds.release,
            ReleaseRequest(tenant_id=self.campaign.tenant_id, campaign_id=self.campaign.campaign_id, limit=limit),
            summary="Release what was held" if limit is None else f"Release {limit}",
            **PATIENT,
        )
        return released.count

    async def rest(self, until: datetime) -> None:
        """Waits, but not through a pause or a cancel."""
        left = until - workflow.now()
        if left <= timedelta(0):
            return
        try:
            await workflow.wait_condition(lambda: self.halted, timeout=left, timeout_summary="Until the next batch")
        except TimeoutError:
            return


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
        while not process.over:
            await workflow.wait_condition(lambda: process.status != CampaignStatus.PAUSED)
            if process.over:
                break
            await self._step()
            if workflow.info().is_continue_as_new_suggested():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(CampaignInput(campaign=start.campaign, state=process.state))
        if process.status == CampaignStatus.CANCELLED:
            await workflow.execute_activity_method(
                Campaigns.stop_open, process.campaign, summary="Stop what still runs", **PATIENT
            )
        await workflow.wait_condition(workflow.all_handlers_finished)
        return process.status

    async def _step(self) -> None:
        process = self._process
        if process.probing:
            await self._probe()
        elif process.releasing:
            process.releasing = False
            await process.release()
        elif not process.state.exhausted:
            await self._run_batch()
        else:
            await self._wait_for_the_last()

    async def _open(self) -> None:
        process = self._process
        async with process.lock:
            plan = await workflow.execute_activity_method(
                Campaigns.plan, process.campaign, summary="Read the plan", **REPEATABLE
            )
            process.adopt(plan)
            if process.campaign.reopen and plan.status == CampaignStatus.COMPLETED:
                await self._requeue()
        if plan.start_at is not None and process.status in (CampaignStatus.DRAFT, CampaignStatus.SCHEDULED):
            await self._wait_for_start(plan.start_at)
        async with process.lock:
            if process.status in (CampaignStatus.DRAFT, CampaignStatus.SCHEDULED):
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
        """One batch: launch, let it go out, take stock, pause."""
        process = self._process
        if process.pacing.batch_pause_seconds > 0 and process.state.cursor is not None:
            await process.rest(process.state.cursor - LEAD)
            if process.halted:
                return
        result = await process.launch(process.pacing.batch_size)
        if result.started == 0:
            return
        await self._let_go_out(process.low_water)

    async def _let_go_out(self, low_water: int) -> None:
        process = self._process
        assert process.state.cursor is not None  # noqa: S101  (set by the launch before)
        last_at = process.state.cursor - timedelta(seconds=process.pacing.batch_pause_seconds)
        await process.rest(last_at - LEAD - timedelta(seconds=process.state.delay_seconds * low_water))
        while not process.halted:
            stock = await process.take_stock(low_water)
            if stock is None:
                return
            await self._judge(stock)
            if stock.in_flight <= low_water:
                return

    async def _judge(self, stock: Stock) -> None:
        """Slows down or pauses by the error sample; a sample too small to tell is left to grow."""
        process = self._process
        if stock.attempted < MINIMUM_SAMPLE:
            return
        process.state.sampled_until = stock.taken_at
        error_rate = stock.errored / stock.attempted
        async with process.lock:
            if process.halted:
                return
            process.state.delay_seconds = adapt_delay(
                process.state.delay_seconds, process.pacing, error_rate, stock.attempted
            )
            verdict = judge(ErrorSample(attempted=stock.attempted, errored=stock.errored))
            process.tripped = verdict.tripped
            status = CampaignStatus.PAUSED if verdict.tripped else CampaignStatus.RUNNING
            await process.mark(status, reason=verdict.reason if verdict.tripped else None, error_rate=error_rate)

    async def _probe(self) -> None:
        """Sends one message before all others; they follow when the platform takes it."""
        process = self._process
        sent = await process.release(limit=1)
        if sent == 0 and not process.state.exhausted:
            process.state.cursor = None
            sent = (await process.launch(1)).started
        probe = await self._watch_probe() if sent else PROBE_PASSED
        async with process.lock:
            if process.halted or probe == PROBE_WANTED:
                return
            process.probing = False
            process.state.sampled_until = workflow.now()
            if probe == PROBE_FAILED:
                process.tripped = True
                await process.mark(
                    CampaignStatus.PAUSED, reason="The probe message met an error, like those before it."
                )
                return
            process.releasing = True
            await process.mark(CampaignStatus.RUNNING)

    async def _watch_probe(self) -> str:
        """How the probe ended; `wanted` when the one that was tried turned out not to be one."""
        process = self._process
        tries = 0
        while not process.halted:
            stock = await process.take_stock(0, patience=timedelta(seconds=2))
            if stock is None:
                break
            if stock.probe in (PROBE_PASSED, PROBE_FAILED):
                return stock.probe
            tries += 1
            if stock.probe == PROBE_WANTED and tries > 2:
                break
        return PROBE_WANTED

    async def _wait_for_the_last(self) -> None:
        process = self._process
        stock = await process.take_stock(0)
        if stock is None or process.halted:
            return
        await self._judge(stock)
        if process.halted or not process.state.exhausted:
            return
        if stock.open == 0:
            async with process.lock:
                if not process.halted and process.state.exhausted:
                    await process.mark(CampaignStatus.COMPLETED)
            return
        look = min(max(process.window / LOOKS_PER_WINDOW, SHORTEST_LOOK), LONGEST_LOOK)
        await self._look_again_in(look)

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
        process = self._process
        async with process.lock:
            process.refuse_unless_allowed(Command.PAUSE)
            result = await process.mark(CampaignStatus.PAUSED, reason="Paused by an operator.")
        return CommandResult(status=result.status)

    @workflow.update
    async def resume(self) -> CommandResult:
        """Goes on; after a trip of the breaker with one probe first."""
        process = self._process
        async with process.lock:
            process.refuse_unless_allowed(Command.RESUME)
            process.probing = process.tripped
            process.releasing = not process.tripped
            process.tripped = False
            process.state.sampled_until = workflow.now()
            result = await process.mark(CampaignStatus.RUNNING, probe=PROBE_WANTED if process.probing else None)
        return CommandResult(status=result.status)

    @workflow.update
    async def cancel(self) -> CommandResult:
        """Ends the campaign; what the platform does not have yet is never sent."""
        process = self._process
        async with process.lock:
            process.refuse_unless_allowed(Command.CANCEL)
            result = await process.mark(CampaignStatus.CANCELLED)
        return CommandResult(status=result.status, affected=result.affected)

    @workflow.update
    async def retry_failed(self) -> CommandResult:
        """Puts the contacts whose Message 1 failed back in line."""
        process = self._process
        async with process.lock:
            process.refuse_unless_allowed(Command.RETRY_FAILED)
            affected = await self._requeue()
        return CommandResult(status=process.status, affected=affected)

    @workflow.update
    async def change_pacing(self, change: ChangePacing) -> CommandResult:
        """A new pacing, in force from the next batch on."""
        process = self._process
        async with process.lock:
            if process.over:
                process.refuse_unless_allowed(Command.PAUSE)
            process.pacing = change.pacing
            process.state.delay_seconds = change.pacing.delay_seconds
            result = await process.mark(process.status)
        return CommandResult(status=result.status)

    @pause.validator
    def _may_pause(self) -> None:
        self._process.refuse_unless_allowed(Command.PAUSE)

    @resume.validator
    def _may_resume(self) -> None:
        self._process.refuse_unless_allowed(Command.RESUME)

    @cancel.validator
    def _may_cancel(self) -> None:
        self._process.refuse_unless_allowed(Command.CANCEL)

    @retry_failed.validator
    def _may_retry(self) -> None:
        self._process.refuse_unless_allowed(Command.RETRY_FAILED)

    async def _requeue(self) -> int:
        process = self._process
        requeued = await workflow.execute_activity_method(
            Campaigns.requeue_failed, process.campaign, summary="Put failed contacts back in line", **REPEATABLE
        )
        if requeued.count:
            process.state.exhausted = False
            process.state.sampled_until = workflow.now()
        if process.status == CampaignStatus.COMPLETED:
            process.status = CampaignStatus.RUNNING
        return requeued.count
