"""What a fault of the drill is: a name, a title, and how it is brought about."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from cli.drill.outcome import Outcome
from cli.drill.scene import Scene

Run = Callable[[Scene, Random, bool], Awaitable[Outcome]]
"""Brings the fault about; the last argument asks for the short form, which takes seconds."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of the specification."""

    name: str
    title: str
    run: Run
    beside: str = ""
    """In the short form, faults with the same word here go on at once: they break nothing that the others use."""
