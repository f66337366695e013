"""What a Wassenger answer, or the lack of one, means for the caller."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import httpx

from connectors.errors import (
    AccountBlocked,
    ConnectorError,
    CredentialsExpired,
    OutcomeUnknown,
    Rejected,
    Throttled,
    Transient,
)
from connectors.http import Answer, retry_after_seconds
from connectors.redaction import clean
from connectors.wassenger.wire import error_detail

# Nothing was written yet when these are raised, whatever the method.
_BEFORE_THE_REQUEST = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
_DETAIL_CHARS = 150

Factory = Callable[..., ConnectorError]


@dataclass(frozen=True)
class Context:
    """What the call was: `act` in words, whether it writes, and the strings that no message may repeat."""

    act: str
    writes: bool
    private: tuple[str, ...]
    now: datetime


def meaning_of(outcome: Answer | Exception, context: Context) -> ConnectorError:
    """The error that an answer which is no success, or an httpx.HTTPError or TimeoutError, stands for.

    A writing call whose fate is open is OutcomeUnknown; for a reading one it is Transient, since asking again is free.
    """
    if isinstance(outcome, Exception):
        return _of_exception(outcome, context)
    detail, code = error_detail(outcome.json())
    shown = clean(detail, context.private, _DETAIL_CHARS)
    what = f"Wassenger answered {outcome.status} to {context.act}" + (f": {shown}" if shown else "")
    if outcome.status == 429:
        wait = retry_after_seconds(outcome.headers.get("retry-after"), context.now)
        return Throttled(
            f"{what}. Wait {wait:.0f} s before the next call.", retry_after_seconds=wait, status=429, code=code
        )
    factory, advice = _verdict(outcome, code, context.writes)
    return factory(f"{what}. {advice}", status=outcome.status, code=code)


def _verdict(answer: Answer, code: str | None, writes: bool) -> tuple[Factory, str]:
    status = answer.status
    if status == 401:
        return CredentialsExpired, "The API key is not accepted: put a valid one into the channel."
    if status == 402:
        return AccountBlocked, "The account has no quota or plan left: renew it, then resume."
    if status == 403:
        return CredentialsExpired, "The API key may not do this: put one with the right scope into the channel."
    if status in {400, 404, 422} and (code or "").startswith("device:"):
        # Every message of the channel would meet the same refusal, so it is about the channel and not about this one.
        return CredentialsExpired, "The device is not known to this account: correct the channel's device_id."
    if 300 <= status < 400:
        return Transient, "It redirects, which is not followed: correct the base URL (RELANCE_WASSENGER_URL)."
    if status == 425:
        return Transient, "It did not look at the request yet; it is tried again."
    if status in {408, 409} or status >= 500 or answer.ok:
        return _open(writes)
    return Rejected, "The same request will be refused again: correct it first."


def _open(writes: bool) -> tuple[Factory, str]:
    if writes:
        return OutcomeUnknown, "It may have been taken all the same: look it up by its reference before sending again."
    return Transient, "It was only a question; it is asked again."


def _of_exception(error: Exception, context: Context) -> ConnectorError:
    name = type(error).__name__
    if isinstance(error, _BEFORE_THE_REQUEST):
        return Transient(
            f"Wassenger could not be reached for {context.act} ({name}). Nothing was sent; it is tried again."
        )
    factory, advice = _open(context.writes)
    return factory(f"Wassenger's answer to {context.act} was lost ({name}). {advice}")
