"""What a campaign's workflow knows, and the small steps that its process is told in."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.campaigns import ALLOWED, CampaignInput, CampaignState, Command
    from domain.pacing import Pacing, launch_spacing
    from domain.statuses import CampaignStatus
    from workflows.policies import PATIENT, RECORD
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

LEAD = timedelta(seconds=2)
"""The next batch is launched this long before the last one is out, so that no gap opens between them."""

PATIENCE = timedelta(minutes=10)


def _drop(activity: "asyncio.Task[Stock]") -> None:
    """Takes note of an end that nobody waits for any more; Python complains of those that nobody looked at."""
    if not activity.cancelled():
        activity.exception()


class Process:
    """A campaign under way. Commands and the main process change it; `lock` keeps each change whole."""

    def __init__(self, start: CampaignInput) -> None:
        self.campaign = start.campaign
        self.state = start.state or CampaignState()
        self.status = CampaignStatus.RUNNING
        self.opened = False
        self.pacing = Pacing()
        self.rate = 1.0
        self.window = timedelta(0)
        self.held_until: datetime | None = None
        self.lock = asyncio.Lock()
        self.releases: set[asyncio.Task[int]] = set()

    @property
    def over(self) -> bool:
        """Nothing more is to be launched or waited for.

        A draft is over too: whoever started it could not write that down, and told its operator so.
        """
        return self.status in (CampaignStatus.DRAFT, CampaignStatus.CANCELLED, CampaignStatus.COMPLETED)

    @property
    def halted(self) -> bool:
        """Paused or over."""
        return self.status != CampaignStatus.RUNNING

    @property
    def low_water(self) -> int:
        """How many of a batch may still be in flight when the next one is launched."""
        if self.state.exhausted or self.pacing.batch_pause_seconds > 0:
            return 0
        interval = max(self.state.delay_seconds, 1 / self.rate)
        return min(int(LEAD.total_seconds() / interval), self.pacing.batch_size // 4)

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

    async def mark(
        self,
        status: CampaignStatus,
        *,
        reason: str | None = None,
        probe: str | None = None,
        error_rate: float | None = None,
    ) -> MarkResult:
        """Writes the state; the gate obeys it from the commit on."""
        result = await self._write(
            MarkRequest(
                campaign=self.campaign,
                status=status,
                reason=reason,
                probe=probe,
                delay_seconds=self.state.delay_seconds,
                error_rate=error_rate,
            )
        )
        workflow.set_current_details(f"{result.status}{f': {reason}' if reason else ''}")
        return result

    async def mark_pacing(self) -> MarkResult:
        """Writes the pacing; a pause keeps its reason and a probe that is out stays one."""
        return await self._write(
            MarkRequest(
                campaign=self.campaign,
                status=self.status,
                delay_seconds=self.state.delay_seconds,
                pacing=self.pacing,
                pacing_only=True,
            )
        )

    async def _write(self, request: MarkRequest) -> MarkResult:
        if request.status == CampaignStatus.CANCELLED:  # touches every contact that has not had Message 1
            result = await workflow.execute_activity_method(Campaigns.mark, request, summary="Cancel", **PATIENT)
        else:
            result = await workflow.execute_local_activity_method(Campaigns.mark, request, **RECORD)
        self.status = result.status
        return result

    async def launch(self, size: int) -> LaunchResult:
        """Starts the next `size` enrollments at the campaign's pace and moves the cursor behind them."""
        first_at = max(workflow.now(), self.state.cursor or workflow.now())
        delay = launch_spacing(self.state.delay_seconds, self.rate)
        result = await workflow.execute_activity_method(
            Campaigns.launch,
            LaunchRequest(campaign=self.campaign, size=size, first_at=first_at, delay_seconds=delay),
            summary=f"Launch up to {size}, {delay:g} s apart",
            **PATIENT,
        )
        self.state.exhausted = result.exhausted
        first_at = result.first_at or first_at
        self.state.cursor = first_at + timedelta(seconds=result.started * delay + self.pacing.batch_pause_seconds)
        return result

    async def take_stock(
        self, in_flight: int, unless: Callable[[], bool], patience: timedelta = PATIENCE
    ) -> Stock | None:
        """Counts once at most `in_flight` are not yet out; None when `unless` came about before."""
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
        await workflow.wait_condition(lambda: counting.done() or unless())
        if not counting.done():
            counting.add_done_callback(_drop)
            counting.cancel()
            return None
        stock = await counting
        self.rate = stock.rate_per_second
        self.held_until = stock.held_until
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

    def release_all(self) -> None:
        """Lets all that was held go on, beside whatever the main process waits for: that may be these very messages."""
        task = asyncio.create_task(self.release())
        self.releases.add(task)
        task.add_done_callback(self.releases.discard)

    async def rest_until_open(self, launched: LaunchResult) -> bool:
        """Waits if the send window is closed for everybody in line: one timer, whatever the time; True if it did."""
        if launched.opens_at is None:
            return False
        workflow.set_current_details(f"Outside the send window until {launched.opens_at.isoformat()}")
        await self.rest(launched.opens_at)
        return True

    async def rest(self, until: datetime) -> None:
        """Waits, but not through a pause or a cancel."""
        left = until - workflow.now()
        if left <= timedelta(0):
            return
        try:
            await workflow.wait_condition(lambda: self.halted, timeout=left, timeout_summary="Until the next batch")
        except TimeoutError:
            return
