"""Opt-outs that come by the API: written first, told afterwards."""

from collections.abc import Sequence

import structlog

from api.dependencies import Caller
from db.optouts import suppress
from db.reading.suppressions import suppressed_among
from domain.signals import Signal
from workflows.handles import EngineUnavailable

logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


async def opt_out(caller: Caller, phones: Sequence[str], source: str, note: str | None = None) -> int:
    """Suppresses phones (E.164), tells the workflows of those people, and returns how many are new on the list."""
    wanted = set(phones)
    async with caller.transaction() as session:
        known = await suppressed_among(session, wanted)
        signals = await suppress(session, caller.tenant_id, sorted(wanted), source, note)
    await _tell(caller, signals)
    return len(wanted - known)


async def _tell(caller: Caller, signals: list[Signal]) -> None:
    """The opt-out is in force with its commit: a workflow that does not hear of it meets it at its next send."""
    try:
        await caller.workflows.deliver(signals)
    except EngineUnavailable as error:
        logger.warning("optout.not_told", workflows=len(signals), error=str(error))
