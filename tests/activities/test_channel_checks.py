"""The question whether an account can send: what each answer of a platform, and each lack of one, is found to be."""

import asyncio
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from temporalio.testing import ActivityEnvironment

from activities.channels import ChannelChecks
from connectors.errors import (
    AccountBlocked,
    ConnectorError,
    CredentialsExpired,
    OutcomeUnknown,
    Rejected,
    Throttled,
    Transient,
)
from connectors.shapes import ChannelHealth, Credentials
from db.secrets import SecretBox
from tests.platform_double import PlatformDouble
from workflows.ports import CheckRequest, CheckResult, Finding

BOX = SecretBox([Fernet.generate_key().decode()])
GIVEN = {"token": "the-key", "device_id": "d"}


class Account(PlatformDouble):
    """A platform that answers the question as it was told, and remembers with what it was asked."""

    def __init__(self, answer: ChannelHealth | ConnectorError | None) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[dict[str, str]] = []

    async def check_credentials(self, credentials: Credentials) -> ChannelHealth:
        """The answer; None never comes."""
        self.asked.append(dict(credentials))
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, ConnectorError):
            raise self.answer
        assert self.answer is not None
        return self.answer


async def check(account: Account, box: SecretBox = BOX, within_seconds: float = 5) -> CheckResult:
    """The finding for the account."""
    checks = ChannelChecks({"wassenger": account}, box, within_seconds)
    sealed = BOX.seal_document(GIVEN).decode()
    request = CheckRequest(tenant_id=uuid4(), platform="wassenger", credentials=sealed)
    result = await ActivityEnvironment().run(checks.check, request)
    assert isinstance(result, CheckResult)
    return result


@pytest.mark.parametrize(
    ("answer", "finding"),
    [
        (ChannelHealth(ok=True, detail="well"), Finding.READY),
        (ChannelHealth(ok=False, detail="Device is loading."), Finding.NOT_LINKED),
        (ChannelHealth(ok=False, found=False, detail="no such device"), Finding.NO_DEVICE),
        (CredentialsExpired("key refused"), Finding.REFUSED),
        (Rejected("no"), Finding.REFUSED),
        (AccountBlocked("no plan"), Finding.BLOCKED),
        (Throttled("slow down", retry_after_seconds=3), Finding.BUSY),
        (Transient("no connection"), Finding.SILENT),
        (OutcomeUnknown("list without end"), Finding.SILENT),
    ],
)
async def test_each_answer_is_a_finding_with_the_platforms_own_words(
    answer: ChannelHealth | ConnectorError, finding: Finding
) -> None:
    account = Account(answer)
    words = answer.message if isinstance(answer, ConnectorError) else answer.detail
    assert await check(account) == CheckResult(finding=finding, detail=words)
    assert account.asked == [GIVEN]


async def test_a_platform_that_says_nothing_is_not_waited_for() -> None:
    assert (await check(Account(None), within_seconds=0.05)).finding == Finding.SILENT


async def test_a_worker_with_another_key_says_so_and_asks_nobody() -> None:
    account = Account(ChannelHealth(ok=True, detail="well"))
    other = SecretBox([Fernet.generate_key().decode()])
    assert (await check(account, other)).finding == Finding.OTHER_KEY
    assert account.asked == []
