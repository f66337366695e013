"""What the demo's judgement looks at: Relance's account of a campaign beside the platform's own log of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Told:
    """Relance's account of one contact. Times are Unix seconds; `message_1` and `message_2` are states."""

    phone: str
    message_1: str
    sent_at: float | None = None
    replied_at: float | None = None
    message_2: str | None = None
    opted_out: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A text that a person wrote: when they wrote it, and when Relance had acknowledged the webhook about it."""

    at: float
    acknowledged_at: float | None
    stop: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """The platform's log of one person: arrival of every message that it accepted, by which of the two it was."""

    phone: str
    message_1: tuple[float, ...] = ()
    message_2: tuple[float, ...] = ()
    others: tuple[float, ...] = ()
    failed: bool = False
    """The platform accepted Message 1 and could not deliver it."""
    replies: tuple[Reply, ...] = ()

    @property
    def answer(self) -> Reply | None:
        """The first text that is not a STOP."""
        return min((reply for reply in self.replies if not reply.stop), key=lambda reply: reply.at, default=None)

    @property
    def stop(self) -> Reply | None:
        """The first STOP."""
        return min((reply for reply in self.replies if reply.stop), key=lambda reply: reply.at, default=None)


@dataclass(frozen=True, slots=True)
class Imported:
    """What the import said, and how many rows the file has."""

    rows: int
    added: int
    duplicates: int
    invalid: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Both accounts of one campaign. `counts` is the campaign page's, by its names."""

    status: str
    counts: dict[str, int]
    imported: Imported
    told: tuple[Told, ...]
    seen: tuple[Seen, ...]
    window_seconds: float
    unheard: int = 0
    """Events that the platform has not yet been able to tell Relance."""
    most_in_one_second: int = 0
    """The most messages that the platform accepted from the channel within any second."""
