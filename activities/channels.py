"""Asks platforms about accounts: reads only."""

import asyncio
from collections.abc import Mapping

from temporalio import activity

from connectors.base import PlatformConnector
from connectors.errors import AccountBlocked, ConnectorError, CredentialsExpired, OutcomeUnknown, Throttled, Transient
from connectors.shapes import ChannelHealth, Credentials
from db.secrets import SecretBox, UnreadableSecret
from workflows.ports import Channels, CheckRequest, CheckResult, Finding

ANSWER_WITHIN_SECONDS = 10.0
"""A person waits at a form: a platform that is slower than this does not answer."""


class ChannelChecks(Channels):
    """Asks over the platforms' connectors."""

    def __init__(
        self,
        connectors: Mapping[str, PlatformConnector],
        secrets: SecretBox,
        within_seconds: float = ANSWER_WITHIN_SECONDS,
    ) -> None:
        self._connectors = connectors
        self._secrets = secrets
        self._within_seconds = within_seconds

    @activity.defn(name="channels.check")
    async def check(self, request: CheckRequest) -> CheckResult:
        """One question to the platform. What stands in its way is an answer too, and not an error."""
        try:
            credentials = Credentials(self._secrets.open_document(request.credentials.encode()))
            async with asyncio.timeout(self._within_seconds):
                health = await self._connectors[request.platform].check_credentials(credentials)
        except UnreadableSecret:
            return CheckResult(finding=Finding.OTHER_KEY)
        except TimeoutError:
            return CheckResult(finding=Finding.SILENT)
        except ConnectorError as error:
            return CheckResult(finding=_finding(error), detail=error.message)
        return _result(health)


def _result(health: ChannelHealth) -> CheckResult:
    if health.ok:
        return CheckResult(finding=Finding.READY, detail=health.detail)
    return CheckResult(finding=Finding.NOT_LINKED if health.found else Finding.NO_DEVICE, detail=health.detail)


def _finding(error: ConnectorError) -> Finding:
    match error:
        case CredentialsExpired():
            return Finding.REFUSED
        case AccountBlocked():
            return Finding.BLOCKED
        case Throttled():
            return Finding.BUSY
        case Transient() | OutcomeUnknown():
            return Finding.SILENT
        case _:
            return Finding.REFUSED
