"""What the pages call the states, reasons and events of campaigns."""

import re
from collections.abc import Callable

from api.ui.languages import _
from domain.gate import Reason
from domain.statuses import CampaignStatus

STATUSES: dict[str, str] = {
    CampaignStatus.DRAFT: _("Draft"),
    CampaignStatus.SCHEDULED: _("Scheduled"),
    CampaignStatus.RUNNING: _("Running"),
    CampaignStatus.PAUSED: _("Paused"),
    CampaignStatus.COMPLETED: _("Completed"),
    CampaignStatus.CANCELLED: _("Cancelled"),
}

COUNTED: dict[str, str] = {
    "pending": _("Pending"),
    "sending": _("Sending"),
    "sent": _("Sent"),
    "delivered": _("Delivered"),
    "read": _("Read"),
    "failed": _("Failed"),
    "suppressed": _("Suppressed"),
    "unknown": _("Unknown"),
    "cancelled": _("Cancelled"),
    "held": _("Held"),
    "replied": _("Replied"),
    "message_2_sent": _("Message 2 sent"),
    "no_reply": _("No reply"),
    "opted_out": _("Opted out"),
}
"""The states of Message 1 and what followed it, by the names under which contacts are counted and listed."""

ACTIONS: dict[str, str] = {
    "message_1": _("Message 1"),
    "message_2": _("Message 2"),
    "test": _("Test message"),
}

HAPPENED: dict[str, str] = {
    **COUNTED,
    "queued": _("Queued"),
    "refused": _("Refused"),
}
"""What the action log says of a message."""

OUTCOMES: dict[str, str] = {
    "answered": _("Answered with Message 2"),
    "no_reply": _("No reply"),
    "failed": _("Failed"),
    "suppressed": _("Suppressed"),
    "opted_out": _("Opted out"),
    "cancelled": _("Cancelled"),
    "unknown": _("Unknown"),
}

REASONS: dict[str, str] = {
    Reason.OPTED_OUT: _("The person asked not to be written to."),
    Reason.INSTALLATION_HELD: _("Sends are held: the operator of this installation must confirm them first."),
    Reason.CAMPAIGN_CANCELLED: _("The campaign was cancelled."),
    Reason.CAMPAIGN_PAUSED: _("The campaign is paused; resume it to send."),
    Reason.CAMPAIGN_PROBING: _("The campaign waits for its probe message before the others go out."),
    Reason.CAMPAIGN_NOT_RUNNING: _("The campaign is not running."),
    Reason.ENROLLMENT_CLOSED: _("This contact's campaign has already ended."),
    Reason.CHANNEL_PAUSED: _("The channel is paused; resume it to send."),
    Reason.CREDENTIALS_EXPIRED: _("The platform refused the channel's credentials; reconnect the channel."),
    Reason.CHANNEL_BLOCKED: _(
        "The platform account is blocked (quota or plan); mend it there, then resume the channel."
    ),
    Reason.THROTTLED: _("The platform asked to slow down."),
    Reason.BREAKER_OPEN: _("The platform keeps failing; sends wait for a probe to succeed."),
    Reason.DAILY_QUOTA: _("The channel's quota for today is used up."),
    Reason.SEND_WINDOW: _("Outside the send window."),
    Reason.CAMPAIGN_WINDOW: _("Outside the campaign's send window; it goes out when the window opens."),
    Reason.AI_OFF: _("AI control is off: nothing automatic is sent."),
    Reason.CREDITS: _("No credits left; add credits to send."),
    Reason.RATE: _("The channel's rate is used up for the moment."),
}
"""The gate's sentences (`domain.gate.REASON_TEXT`, a test compares them), here so that the catalogues know them."""

SENTENCES: tuple[str, ...] = (
    _("Paused by an operator."),
    _("The probe message met an error, like those before it."),
    _("An operator ordered it to be sent again."),
    _("The answer was lost and the platform cannot be asked: an operator decides."),
    _("a repeat: this campaign already has its reply"),
    _("after the reply window"),
    _("the campaign had ended for this contact"),
)
"""Reasons that are stored as sentences; any other is shown as it was stored."""

LIMITS: tuple[str, ...] = (
    _("opt-out"),
    _("campaign state"),
    _("installation"),
    _("channel health"),
    _("credits"),
    _("platform throttle"),
    _("send window"),
    _("campaign's send window"),
    _("channel rate"),
)
"""Limits as the gate names them."""

LIMITS_WITH_A_FIGURE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"daily quota of (\d+)"), _("daily quota of %(count)s")),
    (re.compile(r"daily quota: (-?\d+) left"), _("daily quota: %(count)s left")),
    (re.compile(r"credits: (-?\d+) left"), _("credits: %(count)s left")),
)


SOURCES: dict[str, str] = {
    "opt_out": _("asked for it in a message"),
    "import": _("in a list that was uploaded"),
    "api": _("entered by the API"),
}
"""How somebody came to be among those who must not be written to."""


def limit_words(say: Callable[..., str], limit: str) -> str:
    """A stored limit in the visitor's language; one that is not known is shown as it was stored."""
    for pattern, words in LIMITS_WITH_A_FIGURE:
        if (found := pattern.fullmatch(limit)) is not None:
            return say(words, count=found[1])
    return say(limit)


def reason_words(reason: str | None) -> str:
    """A stored reason as an English sentence of the catalogues: the gate's codes, else what was stored."""
    return REASONS.get(reason, reason) if reason else ""
