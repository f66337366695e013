"""What a fault of the drill came to."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Tally:
    """What the platform's own log holds against a fault, and what was left unsettled; `problems` in words."""

    doubles: int = 0
    lost: int = 0
    unknown: int = 0
    problems: tuple[str, ...] = ()

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.doubles + other.doubles,
            self.lost + other.lost,
            self.unknown + other.unknown,
            self.problems + other.problems,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of the table. It passes when nothing was doubled, lost or left unknown, and every condition held."""

    done: str
    """What was done, with its counts; sizes smaller than the fault asks for are named as such."""
    tally: Tally = Tally()
    recovery_seconds: float | None = None
    """The longest time from the end of a disturbance until things worked again."""
    conditions: dict[str, bool] = field(default_factory=dict)
    """Whatever else the fault asks for, in words, and whether it held."""

    @property
    def passed(self) -> bool:
        """True when there is nothing to complain about."""
        return not self.complaints

    @property
    def complaints(self) -> tuple[str, ...]:
        """Everything that is wrong, in words."""
        tally = self.tally
        counted = {f"{tally.doubles} doubled": tally.doubles, f"{tally.lost} lost": tally.lost}
        counted |= {f"{tally.unknown} left unknown": tally.unknown}
        failed = tuple(f"does not hold: {words}" for words, held in self.conditions.items() if not held)
        return (*(words for words, number in counted.items() if number), *tally.problems, *failed)
