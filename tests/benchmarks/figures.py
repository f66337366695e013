"""Figures: what was measured, beside the baseline of the same run and the bound it is held to."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Bound:
    """A limit on a figure's value, or on its ratio to the baseline."""

    limit: float
    side: Literal["at most", "at least"]
    of: Literal["value", "ratio"] = "value"

    def holds(self, measured: float) -> bool:
        """Whether a measurement keeps it."""
        return measured <= self.limit if self.side == "at most" else measured >= self.limit

    def __str__(self) -> str:
        sign = "≤" if self.side == "at most" else "≥"
        return f"{'ratio ' if self.of == 'ratio' else ''}{sign} {short(self.limit)}"


def at_most(limit: float, of: Literal["value", "ratio"] = "value") -> Bound:
    """A ceiling."""
    return Bound(limit, "at most", of)


def at_least(limit: float, of: Literal["value", "ratio"] = "value") -> Bound:
    """A floor."""
    return Bound(limit, "at least", of)


@dataclass(frozen=True)
class Baseline:
    """What the figure is compared with, measured in the same run (or an ideal that follows from the task)."""

    name: str
    value: float


@dataclass(frozen=True)
class Figure:
    """One row of the table. `id` is the letter of the group and a number: a1, a2, b1."""

    id: str
    what: str
    value: float
    unit: str = ""
    baseline: Baseline | None = None
    bound: Bound | None = None

    @property
    def ratio(self) -> float | None:
        """Value over baseline."""
        return None if self.baseline is None or self.baseline.value == 0 else self.value / self.baseline.value

    @property
    def met(self) -> bool | None:
        """Whether the bound is kept; None where there is none."""
        if self.bound is None:
            return None
        measured = self.value if self.bound.of == "value" else self.ratio
        return measured is not None and self.bound.holds(measured)


@dataclass
class Figures:
    """The recorder of one run; `figures.add(…)` in a benchmark makes a row. `listener` hears of each at once."""

    rows: list[Figure] = field(default_factory=list)
    listener: Callable[[Figure], None] | None = None

    def add(
        self,
        id: str,  # noqa: A002 - it is what the table calls it
        what: str,
        value: float,
        unit: str = "",
        baseline: tuple[str, float] | None = None,
        bound: Bound | None = None,
    ) -> Figure:
        """Records a figure. A missed bound is told in the table and fails nothing; a wrong result must be asserted."""
        assert id not in {row.id for row in self.rows}, f"figure {id} is recorded already"
        figure = Figure(id, what, float(value), unit, None if baseline is None else Baseline(*baseline), bound)
        self.rows.append(figure)
        if self.listener is not None:
            self.listener(figure)
        return figure


def short(number: float) -> str:
    """Three figures that count, and no exponents."""
    if number == int(number) and abs(number) < 1e15:
        return f"{int(number):,}"
    digits = 0 if abs(number) >= 100 else 1 if abs(number) >= 10 else 3
    return f"{number:,.{digits}f}"


def measured(value: float, unit: str) -> str:
    """A value with its unit."""
    return f"{short(value)} {unit}".strip()


def verdict(met: bool | None) -> str:
    """The last column."""
    return {None: "", True: "met", False: "NOT MET"}[met]


HEAD = ("id", "what", "value", "baseline", "ratio", "bound", "")


def cells(figure: Figure) -> tuple[str, ...]:
    """A figure as a row of the table."""
    baseline = figure.baseline
    return (
        figure.id,
        figure.what,
        measured(figure.value, figure.unit),
        "" if baseline is None else f"{baseline.name}: {measured(baseline.value, figure.unit)}",
        "" if figure.ratio is None else short(figure.ratio),
        "" if figure.bound is None else str(figure.bound),
        verdict(figure.met),
    )


def table(rows: list[Figure]) -> str:
    """All figures in plain text, in the order of their ids."""
    lines = [HEAD, *(cells(figure) for figure in sorted(rows, key=lambda row: place(row.id)))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def place(figure_id: str) -> tuple[str, int, str]:
    """Sorts a2 before a10."""
    letters = figure_id.rstrip("0123456789")
    return letters, int(figure_id[len(letters) :] or 0), figure_id


def as_json(figure: Figure) -> dict[str, Any]:
    """A row for the results' file."""
    return {**asdict(figure), "ratio": figure.ratio, "met": figure.met}


def from_json(row: dict[str, Any]) -> Figure:
    """A row of a results' file."""
    baseline, bound = row["baseline"], row["bound"]
    return Figure(
        row["id"],
        row["what"],
        row["value"],
        row["unit"],
        None if baseline is None else Baseline(**baseline),
        None if bound is None else Bound(**bound),
    )


@dataclass(frozen=True)
class Run:
    """One run of the benchmarks: its figures, and how and where they were measured."""

    figures: list[Figure]
    about: dict[str, str]
    failed: list[str]
    """Benchmarks whose result was wrong; such a run proves nothing."""

    def write(self, path: Path) -> None:
        """As JSON."""
        content = {"about": self.about, "failed": self.failed, "figures": [as_json(row) for row in self.figures]}
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Run":
        """A run that was written."""
        content = json.loads(path.read_text())
        return cls([from_json(row) for row in content["figures"]], content["about"], content["failed"])
