"""Reads a template's tree: refuses all that is not on the short list of allowed things, and collects the variables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from jinja2 import nodes

from domain.problems import Problem
from domain.text import is_storable

FILTERS: dict[str, Callable[[str], str]] = {
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
    "capitalize": str.capitalize,
    "trim": str.strip,
}
"""The filters without argument; `default` is the only other one."""


class TemplateProblem(Problem):
    """Something is wrong with a template, or with the values for it."""


class TemplateSyntaxProblem(TemplateProblem):
    """The template cannot be read, or asks for something that messages may not do. `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(f"Line {line}: {message}")
        self.message = message
        self.line = line


@dataclass(slots=True)
class NamesRead:
    """Variable names as they are spelled in the template."""

    named: set[str] = field(default_factory=set)
    required: set[str] = field(default_factory=set)


def read_names(tree: nodes.Template) -> NamesRead:
    """The variables of a parsed template. Raises TemplateSyntaxProblem on anything that is not allowed.

    A list of what is allowed, not of what is forbidden: loops, arithmetic, calls, attributes and macros are how a
    template could exhaust memory or reach into the process, and new ones come with new versions of the engine.
    """
    names = NamesRead()
    _statements(tree.body, names, frozenset())
    return names


def _statements(body: Sequence[nodes.Node], names: NamesRead, present: frozenset[str]) -> None:
    for node in body:
        if isinstance(node, nodes.Output):
            for part in node.nodes:
                if not isinstance(part, nodes.TemplateData):
                    _value(part, names, present)
        elif isinstance(node, nodes.If):
            if not isinstance(node.test, nodes.Expr):
                raise _refused(node.test)
            _condition(node.test, names)
            _statements(node.body, names, present | _when(node.test, holds=True))
            otherwise = present | _when(node.test, holds=False)
            _statements([*node.elif_, *node.else_], names, otherwise)
        else:
            raise _refused(node)


def _value(node: nodes.Expr, names: NamesRead, present: frozenset[str]) -> None:
    """A text that is written out: a variable, a constant, or one of these through filters."""
    if isinstance(node, nodes.Name):
        _name(node, names)
        if node.name not in present:
            names.required.add(node.name)
    elif isinstance(node, nodes.Filter):
        _filter(node, names, present)
    elif not _is_constant(node):
        raise _refused(node)
    elif not is_storable(str(node.as_const())):
        raise TemplateSyntaxProblem("The text in quotes holds a character that no message can carry.", node.lineno)


def _filter(node: nodes.Filter, names: NamesRead, present: frozenset[str]) -> None:
    if node.node is None or node.kwargs or node.dyn_args is not None or node.dyn_kwargs is not None:
        raise _refused(node)
    if node.name == "default":
        _default_filter(node, node.node, names, present)
    elif node.name not in FILTERS:
        known = ", ".join(["default", *FILTERS])
        raise TemplateSyntaxProblem(f"There is no filter {node.name}; there are: {known}.", node.lineno)
    elif node.args:
        raise TemplateSyntaxProblem(f"The filter {node.name} takes no argument.", node.lineno)
    else:
        _value(node.node, names, present)


def _default_filter(node: nodes.Filter, inner: nodes.Expr, names: NamesRead, present: frozenset[str]) -> None:
    # default('x', true) is the engine's own spelling of "blank counts as absent", which is always so here.
    if len(node.args) not in (1, 2) or (len(node.args) == 2 and not _is_flag(node.args[1])):
        raise TemplateSyntaxProblem("default takes one text: {{ first_name | default('there') }}.", node.lineno)
    covered = NamesRead()
    _value(inner, covered, present)
    names.named |= covered.named
    _value(node.args[0], names, present)


def _condition(node: nodes.Expr, names: NamesRead) -> None:
    """What an `if` asks. Absent variables are simply false here, so nothing in it is required."""
    if isinstance(node, nodes.And | nodes.Or):
        _condition(node.left, names)
        _condition(node.right, names)
    elif isinstance(node, nodes.Not):
        _condition(node.node, names)
    elif isinstance(node, nodes.Test):
        if node.name != "defined" or node.args or node.kwargs or not isinstance(node.node, nodes.Name):
            raise _refused(node)
        _condition(node.node, names)
    elif isinstance(node, nodes.Compare):
        if len(node.ops) != 1 or node.ops[0].op not in ("eq", "ne"):
            raise _refused(node)
        for side in (node.expr, node.ops[0].expr):
            if isinstance(side, nodes.Const) and not isinstance(side.value, str):
                raise TemplateSyntaxProblem(
                    "Values are texts: compare with a text in quotes, as in == '3'.", node.lineno
                )
            _condition(side, names)
    else:
        asked = NamesRead()
        _value(node, asked, frozenset())
        names.named |= asked.named


def _when(test: nodes.Expr, *, holds: bool) -> frozenset[str]:
    """The variables that surely have a value once `test` is known to hold, or not to hold."""
    if isinstance(test, nodes.Not):
        return _when(test.node, holds=not holds)
    if isinstance(test, nodes.And if holds else nodes.Or):
        return _when(test.left, holds=holds) | _when(test.right, holds=holds)
    asked = test.node if isinstance(test, nodes.Test) else test
    if holds and isinstance(asked, nodes.Name):
        return frozenset({asked.name})
    return frozenset()


def _name(node: nodes.Name, names: NamesRead) -> None:
    if node.name == "self":  # the engine's own object, not a contact's value
        raise _refused(node)
    names.named.add(node.name)


def _is_constant(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Const) and isinstance(node.value, str | int | float) and not _is_flag(node)


def _is_flag(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Const) and isinstance(node.value, bool)


def _refused(node: nodes.Node) -> TemplateSyntaxProblem:
    return TemplateSyntaxProblem(
        f"{type(node).__name__} is not allowed in a message. Use {{{{ variables }}}}, the filters default, "
        f"{', '.join(FILTERS)}, and {{% if %}} … {{% else %}} … {{% endif %}}.",
        node.lineno,
    )
