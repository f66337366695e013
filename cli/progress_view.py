"""What a running campaign looks like in a terminal: a bar with rate and ETA, and the counts below it."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.following import Speed
from cli.output import duration
from cli.shapes import Campaign, Counts

LINE_EVERY_SECONDS = 5.0
SHOWN = ("sent", "delivered", "read", "failed", "unknown", "suppressed", "held", "cancelled")
FOLLOWED = {"replied": "replied", "message_2_sent": "Message 2", "no_reply": "no reply", "opted_out": "opted out"}


def headline(page: Campaign, rate: float) -> str:
    """`164/222 · 9.8/s · ETA 0:05 · delay 0.10 s · errors 1.2 % · running`."""
    parts = [f"{page.counts.handled}/{page.counts.total}", f"{rate:.1f}/s", f"ETA {duration(page.eta_seconds)}"]
    parts += [f"delay {page.delay_seconds:.2f} s", f"errors {page.error_rate:.1%}", page.status]
    if page.paused_reason:
        parts.append(page.paused_reason)
    return " · ".join(parts)


def tally(counts: Counts) -> str:
    """The counts that are not zero, Message 1 first, then what followed it."""
    first = [f"{name} {getattr(counts, name)}" for name in SHOWN if getattr(counts, name)]
    then = [f"{label} {getattr(counts, name)}" for name, label in FOLLOWED.items() if getattr(counts, name)]
    return " · ".join(first + then) or "nothing sent yet"


class ProgressView:
    """A live display on a terminal; elsewhere (a log, a pipe) one line every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._speed = Speed()
        self._next_line = 0.0

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, page: Campaign) -> None:
        """Show the page; the last one is always shown."""
        now = time.monotonic()
        line = headline(page, self._speed.after(now, page.counts.handled))
        if self._live is not None:
            self._live.update(_panel(page, line), refresh=True)
        elif now >= self._next_line or page.over:
            self._next_line = now + LINE_EVERY_SECONDS
            self._console.print(f"{line} | {tally(page.counts)}", soft_wrap=True)


def _panel(page: Campaign, line: str) -> Group:
    row = Table.grid(padding=(0, 1))
    row.add_row(ProgressBar(total=max(1, page.counts.total), completed=page.counts.handled, width=40), Text(line))
    return Group(row, Text(tally(page.counts), style="dim"))
