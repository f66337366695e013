"""The records of one contact's campaign."""

from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from db.closing import TextWaits, close_enrollment
from db.engine import Database
from workflows.ports import CloseRequest, CloseResult, Enrollments

LOOK_AGAIN = timedelta(seconds=2)
"""Longer than a local retry lasts, so that the wait is a timer of the server."""


class EnrollmentRecords(Enrollments):
    """Keeps enrollments in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name="enrollments.close")
    async def close(self, request: CloseRequest) -> CloseResult:
        """Ends an enrollment, unless its end is `no_reply` and a reply is on record."""
        at = request.enrollment
        try:
            async with self._database.tenant(at.tenant_id) as session:
                closed, interaction_id = await close_enrollment(
                    session, at.tenant_id, at.campaign_id, at.contact_id, request.outcome
                )
        except TextWaits:
            raise ApplicationError(
                "a text waits to be processed",
                type="Later",
                next_retry_delay=LOOK_AGAIN,
                category=ApplicationErrorCategory.BENIGN,  # waiting for the sweep is nobody's error
            ) from None
        return CloseResult(closed=closed, interaction_id=interaction_id)
