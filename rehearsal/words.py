"""What the process of a rehearsal says to the one that started it, a line of JSON each."""

from pydantic import BaseModel, ConfigDict

from rehearsal.result import Progress, Rehearsed


class Line(BaseModel):
    """One of the three: how far it is, the outcome, or why there is none."""

    model_config = ConfigDict(frozen=True)

    progress: Progress | None = None
    result: Rehearsed | None = None
    error: str | None = None

    def encode(self) -> bytes:
        """The line as it is written."""
        return self.model_dump_json(exclude_none=True).encode() + b"\n"
