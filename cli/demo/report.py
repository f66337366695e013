"""What the demo says at its end: the table, the verdict, and where to look."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cli.demo.evidence import Evidence
from cli.demo.judgement import Kind, Latency, Verdict
from cli.demo.place import Place
from cli.demo.runs import Run
from cli.stack.temporal import temporal_program

FAULTS_SHOWN = 20
LABELS = {
    "rows": "rows in the file",
    "message_2_sent": "Message 2 sent",
    "no_reply": "no reply",
    "opted_out": "opted out",
    "suppressed": "opted out earlier",
    "after_stop": "messages after STOP",
    "most_in_one_second": "most in one second",
    "heard_late": "replies heard too late",
}
LATENCIES = {
    "reply_to_message_2_seconds": "reply → Message 2",
    "acknowledgement_to_message_2_seconds": "reply heard → Message 2",
}


def figures(evidence: Evidence, verdict: Verdict) -> dict[str, Any]:
    """Every number of the table by name: `relance` is Relance's count, `platform` the simulator's own log's."""
    counts, seen = evidence.counts, evidence.seen
    arrived = [person for person in seen if person.message_1]
    relance = {
        "rows": evidence.imported.rows,
        "imported": evidence.imported.added,
        "invalid": evidence.imported.invalid,
        "duplicates": evidence.imported.duplicates,
        "sent": counts["sent"] + counts["delivered"] + counts["read"],
        "failed": counts["failed"],
        "suppressed": counts["suppressed"],
        "replied": counts["replied"],
        "message_2_sent": counts["message_2_sent"],
        "no_reply": counts["no_reply"],
        "opted_out": counts["opted_out"],
    }
    platform = {
        "sent": sum(not person.failed for person in arrived),
        "failed": sum(person.failed for person in arrived),
        "replied": sum(person.answer is not None for person in arrived),
        "message_2_sent": sum(bool(person.message_2) for person in seen),
        "opted_out": sum(person.stop is not None for person in arrived),
    }
    return {
        "relance": relance,
        "platform": platform,
        "reply_to_message_2_seconds": _latency(verdict.from_reply),
        "acknowledgement_to_message_2_seconds": _latency(verdict.from_acknowledgement),
        "heard_late": verdict.heard_late,
        "most_in_one_second": evidence.most_in_one_second,
        "doubles": verdict.count(Kind.DOUBLE),
        "losses": verdict.count(Kind.LOSS),
        "after_stop": verdict.count(Kind.AFTER_STOP),
        "disagreements": verdict.count(Kind.DISAGREEMENT),
        "agrees": verdict.agrees,
        "faults": [f"{fault.kind}: {fault.words}" for fault in verdict.faults],
    }


def _latency(latency: Latency) -> dict[str, float | int | None]:
    return {"people": latency.count, "p50": latency.p50, "p99": latency.p99}


def print_report(console: Console, numbers: dict[str, Any]) -> None:
    """The table for people, then the verdict in a sentence."""
    table = Table(box=None, pad_edge=False)
    for heading in ("", "Relance", "platform's log"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for name, value in numbers["relance"].items():
        table.add_row(LABELS.get(name, name.replace("_", " ")), str(value), str(numbers["platform"].get(name, "")))
    for name, label in LATENCIES.items():
        for share in ("p50", "p99"):
            value = numbers[name][share]
            table.add_row(f"{label} {share}", "", "–" if value is None else f"{value:.2f} s")
    for name in ("heard_late", "most_in_one_second", "doubles", "losses", "after_stop"):
        table.add_row(LABELS.get(name, name), "", str(numbers[name]))
    console.print(table)
    console.print()
    _print_verdict(console, numbers)


def _print_verdict(console: Console, numbers: dict[str, Any]) -> None:
    seconds = numbers["seconds"]
    if numbers["agrees"]:
        console.print("The platform's own log agrees: nobody was written to twice, no reply was lost.", soft_wrap=True)
    else:
        console.print(f"The platform's log does NOT agree ({len(numbers['faults'])} faults):")
        for fault in numbers["faults"][:FAULTS_SHOWN]:
            console.print(f"  {fault}", soft_wrap=True)
    console.print(
        f"It took {seconds['in_all']} s, {seconds['until_the_stack_was_up']} s of them until the stack was up."
    )


def commands(run: Run, place: Place) -> list[str]:
    """What to type to see the same campaign in Temporal."""
    address = f" --address {place.addresses.temporal}" if place.addresses.temporal else ""
    program = _shown(Path(temporal_program())) if place.addresses.temporal else "temporal"
    query = f"--query \"RelanceCampaign = '{run.campaign_id}'\""
    return [
        f"{program} workflow list{address} {query}",
        f"{program} workflow show{address} --workflow-id campaign/{run.campaign_id}",
    ]


def _shown(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def print_addresses(console: Console, run: Run, place: Place, *, stays: bool) -> None:
    """Where to look, and how to have it back once the demo's own stack is gone."""
    console.print()
    if not stays:
        words = "The demo's stack stops now; `make up` brings it back with all it knows. Then look at:"
        console.print(words, soft_wrap=True)
    shown = {
        "Pages": place.addresses.api,
        "First sign-in": place.welcome_url if stays else None,
        "API": place.addresses.docs or place.addresses.api,
        "Campaign": f"{place.addresses.api}/api/campaigns/{run.campaign_id}",
        "Temporal Web UI": place.addresses.temporal_ui,
        "Platform's log": f"{place.addresses.simulator}/control/summary?device={run.device}",
    }
    for name, address in shown.items():
        if address:
            console.print(f"  {name:<18}{address}", soft_wrap=True)
    for command in commands(run, place):
        console.print(f"  {command}", soft_wrap=True)
