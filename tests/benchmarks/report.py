"""`python -m tests.benchmarks.report run.json …` writes the figures of several runs into docs/benchmarks.md."""

import sys
from pathlib import Path
from statistics import median

from tests.benchmarks.figures import Figure, Run, place, short, verdict
from tests.benchmarks.machine import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
NEW_PAGE = f"# Benchmarks\n\n{BEGIN}\n{END}\n"


def spread(numbers: list[float]) -> str:
    """Median, and the range where there is one."""
    middle, low, high = short(median(numbers)), short(min(numbers)), short(max(numbers))
    return middle if low == high else f"{middle} ({low}–{high})"


def row(same: list[Figure]) -> str:
    """One figure over all runs; the bound is held against the median."""
    first = same[0]
    values = [figure.value for figure in same]
    baselines = [figure.baseline.value for figure in same if figure.baseline is not None]
    ratios = [figure.ratio for figure in same if figure.ratio is not None]
    met = None
    if first.bound is not None:
        judged = values if first.bound.of == "value" else ratios
        met = bool(judged) and first.bound.holds(median(judged))
    baseline = f"{first.baseline.name}: {spread(baselines)}" if first.baseline is not None else ""
    cells = (
        first.id,
        first.what,
        f"{spread(values)} {first.unit}".strip(),
        baseline,
        spread(ratios) if ratios else "",
        str(first.bound or ""),
        verdict(met),
        str(len(same)),
    )
    return "| " + " | ".join(cells) + " |"


def section(runs: list[Run]) -> str:
    """The generated part of the page."""
    same: dict[tuple[str, str], list[Figure]] = {}  # a figure of another size has the same id, and is another one
    for run in runs:
        for figure in run.figures:
            same.setdefault((figure.id, figure.what), []).append(figure)
    about = runs[-1].about
    dates = ", ".join(run.about["date"] for run in runs)
    commits = ", ".join(dict.fromkeys(run.about["commit"] for run in runs))
    lines = [
        "Median over the runs that took the figure (last column), the range in brackets; each ratio is to the baseline",
        "of the same run.",
        "",
        *(f"- Command: `{command}`" for command in dict.fromkeys(run.about["command"] for run in runs)),
        f"- Runs: {dates}; commit {commits}",
        f"- Machine: {about['cpu']}, {about['cores']} cores, {about['memory']}, {about['system']}",
        f"- Versions: Python {about['python']}; {about['temporal']}; {about['postgresql']}",
        "",
        "| id | what | value | baseline | ratio | bound | | runs |",
        "|---|---|---|---|---|---|---|---|",
        *(row(same[key]) for key in sorted(same, key=lambda key: (place(key[0]), key[1]))),
    ]
    return "\n".join(lines)


def write(runs: list[Run], page: Path = PAGE) -> None:
    """Replaces what stands between the marks; the prose around them is kept."""
    old = page.read_text() if page.exists() else NEW_PAGE
    before, begin, rest = old.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page} lacks the lines {BEGIN} and {END}: put them where the figures belong")
    page.write_text(f"{before}{BEGIN}\n{section(runs)}\n{END}{after}")


def main(arguments: list[str]) -> int:
    """The command."""
    if not arguments:
        sys.stderr.write("Name the results of one or more runs: python -m tests.benchmarks.report run.json …\n")
        return 2
    runs = [Run.read(Path(name)) for name in arguments]
    wrong = [benchmark for run in runs for benchmark in run.failed]
    if wrong:
        sys.stderr.write(f"A run with wrong results proves nothing; failed: {', '.join(wrong)}\n")
        return 1
    write(runs)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
