"""The part of Prometheus' query language that our alerts are written in, over scrapes that are held in memory.

Where the tests run there is no Prometheus, and no library that knows its language. What no alert asks for is not here
either: such a query raises NotUnderstood. Two things are simpler than in Prometheus, and no verdict of ours hangs on
them. An increase is what was counted between the first and the last sample of a range; Prometheus stretches that to the
edges of the range, which multiplies it and changes neither its sign nor a quantile of it. And `for` is not looked at.
"""

import json
import math
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]

LOOKBACK_SECONDS = 300.0
"""What was not scraped for so long is not there any more, as Prometheus has it by default."""

TOKEN = re.compile(
    r"""\s*(?:
        \d+(?:\.\d+)?(?![\w.])                     # a number
      | \d+[smhd](?!\w) | [A-Za-z_$:][\w:]*        # a duration, a word, a variable of the board
      | "(?:[^"\\]|\\.)*"
      | == | != | =~ | !~ | >= | <= | [-+*/<>=(){}\[\],]
    )""",
    re.VERBOSE,
)
NAME = re.compile(r"[A-Za-z_:][\w:]*")
MATCHING = ("=", "!=", "=~", "!~")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class NotUnderstood(ValueError):
    """A query that says more than is known here."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label."""

    label: str
    sign: str
    value: str

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether a series with these labels is meant; a label that is not there counts as empty."""
        own = labels.get(self.label, "")
        same = re.fullmatch(self.value, own) is not None if self.sign.endswith("~") else own == self.value
        return same != self.sign.startswith("!")


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric's series, by conditions."""

    metric: str
    matchers: tuple[Matcher, ...]


@dataclass(frozen=True, slots=True)
class Scrape:
    """What one process showed at one moment."""

    at: float
    instance: str
    samples: Mapping[tuple[str, Labels], float]

    def chosen(self, selector: Selector) -> Vector:
        """The series that are meant, with the label that Prometheus adds."""
        found: Vector = {}
        for (metric, labels), value in self.samples.items():
            own = {**dict(labels), "instance": self.instance}
            if metric == selector.metric and all(matcher.holds(own) for matcher in selector.matchers):
                found[frozenset(own.items())] = value
        return found


def selectors(expression: str) -> Iterator[Selector]:
    """What a query, understood as a whole or not, asks for under conditions."""
    cursor = Cursor(expression)
    while cursor.peek():
        word = cursor.take()
        if NAME.fullmatch(word) and cursor.peek() == "{":
            yield Selector(word, cursor.matchers())


def evaluate(expression: str, history: Sequence[Scrape], at: float) -> Vector:
    """What the query gives at that moment."""
    return Query(expression, sorted(history, key=lambda scrape: scrape.at), at).whole()


class Cursor:
    """The words of a query, read from left to right."""

    def __init__(self, expression: str) -> None:
        self._words = list(_words(expression))
        self._position = 0

    def peek(self) -> str:
        """The next word; empty at the end."""
        return self._words[self._position] if self._position < len(self._words) else ""

    def take(self) -> str:
        """The next word, which is read with this."""
        word = self.peek()
        if not word:
            raise NotUnderstood("the query ends too early")
        self._position += 1
        return word

    def accept(self, word: str) -> bool:
        """Reads the next word if it is this one."""
        if self.peek() != word:
            return False
        self._position += 1
        return True

    def expect(self, word: str) -> None:
        """Reads the next word, which can only be this one."""
        if not self.accept(word):
            raise NotUnderstood(f"{self.peek()!r} where {word!r} should be")

    def matchers(self) -> tuple[Matcher, ...]:
        """The conditions in braces, where there are any."""
        found: list[Matcher] = []
        if not self.accept("{"):
            return ()
        while not self.accept("}"):
            label, sign, value = self.take(), self.take(), self.take()
            if sign not in MATCHING or not value.startswith('"'):
                raise NotUnderstood(f"{label}{sign}{value} is no condition on a label")
            found.append(Matcher(label, sign, json.loads(value)))
            self.accept(",")
        return tuple(found)


def _words(expression: str) -> Iterator[str]:
    text, position = expression.rstrip(), 0
    while position < len(text):
        word = TOKEN.match(text, position)
        if word is None:
            raise NotUnderstood(f"{text[position:]!r} does not begin with a word of the language")
        position = word.end()
        yield word.group().strip()


class Query(Cursor):
    """A query that is worked out while it is read. `or` binds least, then `unless`, then comparisons."""

    def __init__(self, expression: str, history: Sequence[Scrape], at: float) -> None:
        super().__init__(expression)
        self._history = history
        self._at = at

    def whole(self) -> Vector:
        """All of it."""
        result = self._either()
        if self.peek():
            raise NotUnderstood(f"{self.peek()!r} where the query should end")
        return result

    def _either(self) -> Vector:
        result = self._except()
        while self.accept("or"):
            result = {**self._except(), **result}
        return result

    def _except(self) -> Vector:
        result = self._compared()
        while self.accept("unless"):
            excluded = self._compared()
            result = {labels: value for labels, value in result.items() if labels not in excluded}
        return result

    def _compared(self) -> Vector:
        result = self._operand()
        while self.peek() in COMPARISONS:
            holds = COMPARISONS[self.take()]
            limit = self._number()
            result = {labels: value for labels, value in result.items() if holds(value, limit)}
        return result

    def _operand(self) -> Vector:
        word = self.take()
        if word == "(":
            return self._closed()
        if word in AGGREGATIONS:
            return self._aggregated(AGGREGATIONS[word])
        if word in OVER_TIME:
            return self._over_time(OVER_TIME[word])
        if word == "absent":
            return self._absent()
        if word == "histogram_quantile":
            return self._quantile()
        return self._instant(self._selector(word))

    def _closed(self) -> Vector:
        result = self._either()
        self.expect(")")
        return result

    def _number(self) -> float:
        word = self.take()
        try:
            return float(word)
        except ValueError:
            raise NotUnderstood(f"{word!r} where a number should be") from None

    def _duration(self) -> float:
        word = self.take()
        if not re.fullmatch(r"\d+[smhd]", word):
            raise NotUnderstood(f"{word!r} where a duration should be")
        return float(word[:-1]) * SECONDS[word[-1]]

    def _selector(self, metric: str) -> Selector:
        if not NAME.fullmatch(metric) or self.peek() == "(":
            raise NotUnderstood(f"{metric!r} is not known here")
        return Selector(metric, self.matchers())

    def _instant(self, selector: Selector) -> Vector:
        at = self._at - (self._duration() if self.accept("offset") else 0.0)
        newest = {scrape.instance: scrape for scrape in self._between(at - LOOKBACK_SECONDS, at)}
        return {labels: value for scrape in newest.values() for labels, value in scrape.chosen(selector).items()}

    def _between(self, after: float, until: float) -> Iterator[Scrape]:
        return (scrape for scrape in self._history if after < scrape.at <= until)

    def _aggregated(self, combine: Callable[[list[float]], float]) -> Vector:
        kept = self._names() if self.accept("by") else frozenset[str]()
        self.expect("(")
        groups: defaultdict[Labels, list[float]] = defaultdict(list)
        for labels, value in self._closed().items():
            groups[frozenset(pair for pair in labels if pair[0] in kept)].append(value)
        return {labels: combine(values) for labels, values in groups.items()}

    def _names(self) -> frozenset[str]:
        self.expect("(")
        names = set()
        while not self.accept(")"):
            names.add(self.take())
            self.accept(",")
        return frozenset(names)

    def _over_time(self, function: Callable[[list[float], float], float | None]) -> Vector:
        self.expect("(")
        selector = self._selector(self.take())
        self.expect("[")
        seconds = self._duration()
        self.expect("]")
        self.expect(")")
        series: defaultdict[Labels, list[float]] = defaultdict(list)
        for scrape in self._between(self._at - seconds, self._at):
            for labels, value in scrape.chosen(selector).items():
                series[labels].append(value)
        found = {labels: function(values, seconds) for labels, values in series.items()}
        return {labels: value for labels, value in found.items() if value is not None}

    def _absent(self) -> Vector:
        self.expect("(")
        selector = self._selector(self.take())
        found = self._instant(selector)
        self.expect(")")
        named = frozenset((matcher.label, matcher.value) for matcher in selector.matchers if matcher.sign == "=")
        return {} if found else {named: 1.0}

    def _quantile(self) -> Vector:
        self.expect("(")
        share = self._number()
        self.expect(",")
        groups: defaultdict[Labels, list[tuple[float, float]]] = defaultdict(list)
        for labels, count in self._closed().items():
            bound = dict(labels).get("le")
            if bound is not None:
                groups[frozenset(pair for pair in labels if pair[0] != "le")].append((float(bound), count))
        return {labels: quantile(share, sorted(buckets)) for labels, buckets in groups.items()}


def increase(values: list[float], _seconds: float) -> float | None:
    """What was counted; None for a single sample, so that a series which has just begun counts nothing."""
    if len(values) < 2:
        return None
    # A counter that fell is one of a process that was started again: it began with 0.
    return math.fsum(later - earlier if later >= earlier else later for earlier, later in pairwise(values))


def rate(values: list[float], seconds: float) -> float | None:
    """The same by the second."""
    counted = increase(values, seconds)
    return None if counted is None else counted / seconds


def minimum(values: list[float], _seconds: float) -> float | None:
    """The least of the samples."""
    return min(values)


def quantile(share: float, buckets: list[tuple[float, float]]) -> float:
    """By (upper bound, count up to it), in order; not a number where nothing was counted."""
    if len(buckets) < 2 or buckets[-1][0] != math.inf or buckets[-1][1] == 0:
        return math.nan
    rank = share * buckets[-1][1]
    index = next(index for index, (_, count) in enumerate(buckets) if count >= rank)
    if index == len(buckets) - 1:
        return buckets[-2][0]
    bound, count = buckets[index]
    below, counted = buckets[index - 1] if index else (0.0, 0.0)
    return below + (bound - below) * (rank - counted) / (count - counted)


COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le,
}  # fmt: skip
AGGREGATIONS: dict[str, Callable[[list[float]], float]] = {"sum": math.fsum, "min": min, "max": max}
OVER_TIME: dict[str, Callable[[list[float], float], float | None]] = {
    "increase": increase, "rate": rate, "min_over_time": minimum,
}  # fmt: skip
