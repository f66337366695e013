"""How a rehearsal is printed: facts, what binds, and the calendar; times are the tenant's."""

from datetime import datetime
from zoneinfo import ZoneInfo

from cli.output import duration, print_facts, print_json, print_table
from rehearsal.facts import CampaignFacts
from rehearsal.result import LeftOut, Limit, Rehearsed

LIMITS = {
    Limit.DELAY: "delay between messages",
    Limit.BATCH_PAUSE: "pause between batches",
    Limit.RATE: "channel's rate",
    Limit.DAILY_QUOTA: "channel's quota of the day",
    Limit.SEND_WINDOW: "channel's send window",
    Limit.CAMPAIGN_WINDOW: "campaign's send window",
}

LEFT_OUT = {
    LeftOut.OPTED_OUT: "asked not to be written to",
    LeftOut.LACKS_VALUE: "lack a value for",
    LeftOut.NEVER_OPEN: "are never within the send windows of campaign and channel at once",
    LeftOut.PLATFORM_REFUSED: "refused by the platform",
}


def print_rehearsal(facts: CampaignFacts, result: Rehearsed, *, as_json: bool) -> None:
    """The outcome for people or for programs."""
    if as_json:
        print_json(result.model_dump(mode="json"))
        return
    zone = ZoneInfo(facts.time_zone)
    print_facts(_facts(facts, result, zone))
    if result.limits:
        print("\nWhat the next message waited for:")
        rows = [(LIMITS[one.limit], duration(one.seconds), one.messages) for one in result.limits]
        print_table(["limit", "for", "messages"], rows)
    if result.calendar:
        print(f"\nCalendar ({facts.time_zone}, rows of {duration(result.step_seconds)}):")
        lines = [(_clock(row.starts_at, zone), row.message_1, row.replies, row.message_2) for row in result.calendar]
        print_table(["from", "Message 1", "replies", "Message 2"], lines)


def _facts(facts: CampaignFacts, result: Rehearsed, zone: ZoneInfo) -> dict[str, object]:
    part = f"the first {result.rehearsed} of {result.waiting}" if result.rehearsed < result.waiting else "all"
    left = (f"{one.contacts} {' '.join([LEFT_OUT[one.reason], *one.variables])}" for one in result.not_sent)
    not_sent = "; ".join(left)
    return {
        "campaign": facts.name,
        "contacts": f"{result.rehearsed} ({part} that wait)",
        "first message": _clock(result.first_message_at, zone),
        "last Message 1": _clock(result.last_message_1_at, zone),
        "ends": f"{_clock(result.ends_at, zone)} ({result.status})",
        "stopped": result.paused_reason,
        "duration": duration(result.duration_seconds),
        "Message 1": result.message_1,
        "replies": f"{result.replies} in time, {result.late_replies} too late",
        "Message 2": result.message_2,
        "no reply": result.no_reply,
        "not sent": not_sent or "none",
        "rehearsed in": f"{result.took_seconds:.1f} s; nothing left this machine",
    }


def _clock(at: datetime | None, zone: ZoneInfo) -> str:
    return "" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
