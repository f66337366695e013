"""Takes up inbound events that were stored but not processed; run by a schedule."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.policies import PATIENT
    from workflows.ports import Count, Inbound, SweepRequest


@workflow.defn(name="InboundSweep")
class InboundSweep:
    """One look; the schedule repeats it."""

    @workflow.run
    async def run(self, request: SweepRequest) -> Count:
        """Processes what waits."""
        return await workflow.execute_activity_method(Inbound.sweep, request, summary="Process what waits", **PATIENT)
