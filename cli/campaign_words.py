"""What the campaign commands print: a campaign's page, an import's result, a launch check."""

from typing import Any

from cli.output import duration, print_facts, print_json, print_table
from cli.progress_view import tally
from cli.shapes import Answer, Campaign, ImportResult, VariantResult, VariantResults

ERRORS_SHOWN = 10


def print_campaign(page: Campaign, *, as_json: bool) -> None:
    """The page, or the API's own body."""
    if as_json:
        print_json(page.as_json())
        return
    counts = page.counts
    facts: dict[str, object] = {
        "id": page.id,
        "name": page.name,
        "status": page.status,
        "paused because": page.paused_reason,
        "contacts": counts.total,
        "Message 1": f"{counts.handled} of {counts.total} handled",
        "so far": tally(counts),
        "delay": f"{page.delay_seconds:.2f} s",
        "error rate": f"{page.error_rate:.1%}",
        "ETA": duration(page.eta_seconds),
    }
    print_facts(facts)


def print_import(result: ImportResult, *, as_json: bool) -> None:
    """The counts and the first rows that were not taken."""
    if as_json:
        print_json(result.as_json())
        return
    print_facts({"added": result.added, "duplicates": result.duplicates, "invalid": result.invalid})
    for problem in result.errors[:ERRORS_SHOWN]:
        print(f"  row {problem.row}: {problem.field or 'whole row'}: {problem.message}")
    if result.invalid > ERRORS_SHOWN:
        print(f"  … {result.invalid - min(ERRORS_SHOWN, len(result.errors))} more; --errors-to writes all to a file")


VERDICTS = {
    "too_early": "The campaign goes on; a winner can be named when it is over.",
    "not_significant": "The differences may be chance: no winner.",
    "winner": "{winner} won: more replies than any other, at 95 % confidence.",
}


def print_variants(results: VariantResults) -> None:
    """A line per variant, and what may be said of them."""
    if not results.items:
        print("the campaign has no variants of Message 1")
        return
    rows = [
        (
            one.name,
            one.weight,
            one.contacts,
            one.sent,
            one.read,
            one.failed,
            one.replied,
            one.message_2_sent,
            _rate(one),
        )
        for one in results.items
    ]
    print_table(["variant", "weight", "contacts", "sent", "read", "failed", "replied", "Message 2", "reply rate"], rows)
    print(VERDICTS.get(results.verdict or "", "").format(winner=results.winner))


def _rate(one: VariantResult) -> str:
    if one.reply_rate is None:
        return "–"
    return f"{one.reply_rate:.1%} ({one.reply_rate_low:.1%} to {one.reply_rate_high:.1%})"


def print_check(check: Answer) -> bool:
    """The launch check in words; True when a start would be accepted."""
    said: dict[str, Any] = check.as_json()
    ok = bool(said.get("ok"))
    print("ready to start" if ok else "cannot start yet")
    for kind in ("problems", "warnings"):
        for problem in said.get(kind) or []:
            print(f"  {kind.removesuffix('s')}: {problem.get('message')}")
    lacking = (said.get("missing_variables") or {}).get("contacts") or []
    for contact in lacking[:ERRORS_SHOWN]:
        print(f"    {contact.get('phone')} lacks {', '.join(contact.get('missing') or [])}")
    facts = {
        "contacts": said.get("contacts"),
        "suppressed": said.get("suppressed"),
        "sending takes": duration(said.get("sending_seconds")),
        "all out after": duration(said.get("eta_seconds")),
        "window opens": said.get("opens_at"),
        "closes at": said.get("closes_at"),
    }
    print_facts(facts)
    return ok
