"""Message templates: which variables a text needs, what is refused in it, and the rendered message."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import Template, TemplateSyntaxError, Undefined, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from domain.template_reading import FILTERS, TemplateProblem, TemplateSyntaxProblem, read_names
from domain.text import is_blank, is_storable
from domain.variables import variable_name

MAX_MESSAGE_CHARS = 6000
MAX_TEMPLATE_CHARS = 20_000
MAX_DEPTH = 20
"""Nesting beyond this would exhaust the stack of the template compiler, and nobody writes it."""


class EmptyTemplate(TemplateProblem):
    """The message says nothing."""


class MissingVariable(TemplateProblem):
    """A variable without fallback has no value for this contact."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The variable {name} has no value for this contact. Fill the column, or write a fallback: "
            f"{{{{ {name} | default('…') }}}}."
        )
        self.name = name


class MessageTooLong(TemplateProblem):
    """The rendered message, or the template itself, passes its limit of characters."""

    def __init__(self, length: int, limit: int = MAX_MESSAGE_CHARS) -> None:
        super().__init__(f"The message has {length} characters; at most {limit} are allowed. Shorten it.")
        self.length = length
        self.limit = limit


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """The variables a template names, and those among them that it cannot do without; names by `variable_name`."""

    variables: frozenset[str]
    required: frozenset[str]


def check_template(text: str) -> TemplateFacts:
    """What the template needs.

    Allowed: `{{ name }}`, the filters default, upper, lower, title, capitalize, trim, and `{% if %}` with elif and
    else. Raises TemplateSyntaxProblem (message, line), EmptyTemplate or MessageTooLong.
    """
    return _compiled(text).facts


def missing(facts: TemplateFacts, variables: Mapping[str, str]) -> set[str]:
    """The required variables that are absent or blank. It errs to the safe side: a variable used without fallback only
    in a branch that this contact would not take counts as missing too, unless the branch itself asks for it."""
    return {name for name in facts.required if is_blank(variables.get(name, ""))}


def render(text: str, variables: Mapping[str, str]) -> str:
    """The message for one contact; `variables` by the names that `variable_name` gives, blank ones count as absent.

    Raises MissingVariable, EmptyTemplate (nothing is left to say), MessageTooLong, or what `check_template` raises.
    """
    compiled = _compiled(text)
    values = {name: variables.get(variable_name(name), "") for name in compiled.spellings}
    message = compiled.template.render({name: value for name, value in values.items() if not is_blank(value)})
    if is_blank(message):
        raise EmptyTemplate("With this contact's values nothing is left to say. Add text outside of the conditions.")
    if len(message) > MAX_MESSAGE_CHARS:
        raise MessageTooLong(len(message))
    return message


@dataclass(frozen=True, slots=True)
class _Compiled:
    template: Template
    facts: TemplateFacts
    spellings: frozenset[str]


@lru_cache(maxsize=256)
def _compiled(text: str) -> _Compiled:
    _refuse_unusable(text)
    try:
        tree = _parsed(text)
        _refuse_depth(tree)
        names = read_names(tree)
        template = _ENVIRONMENT.from_string(text)
    except RecursionError as error:
        raise TemplateSyntaxProblem("This is nested too deeply; write it flatter.", 1) from error
    facts = TemplateFacts(
        frozenset(variable_name(name) for name in names.named),
        frozenset(variable_name(name) for name in names.required),
    )
    return _Compiled(template, facts, frozenset(names.named))


def _refuse_unusable(text: str) -> None:
    if is_blank(text):
        raise EmptyTemplate("The message is empty. Write what it is to say.")
    if len(text) > MAX_TEMPLATE_CHARS:
        raise MessageTooLong(len(text), MAX_TEMPLATE_CHARS)
    for line, content in enumerate(text.split("\n"), start=1):
        if not is_storable(content):
            raise TemplateSyntaxProblem("The text holds a character that no message can carry; remove it.", line)


def _parsed(text: str) -> nodes.Template:
    try:
        return _ENVIRONMENT.parse(text)
    except TemplateSyntaxError as error:
        hint = f"{error.message}. Write a variable as {{{{ first_name }}}}, without spaces in its name."
        raise TemplateSyntaxProblem(hint, error.lineno) from error
    except ValueError as error:  # the engine's lexer leaves Python's limit on digits to its callers
        raise TemplateSyntaxProblem("A number in the template is too long; write it in quotes.", 1) from error


def _refuse_depth(tree: nodes.Template) -> None:
    level: list[nodes.Node] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in node.iter_child_nodes()]
        if not level:
            return
    raise TemplateSyntaxProblem("This is nested too deeply; write it flatter.", level[0].lineno)


class _Absent(Undefined):
    """An absent variable: false in a condition, replaced by `default`, an error wherever it would be written out."""

    def __str__(self) -> str:
        raise MissingVariable(variable_name(self._undefined_name or "?"))


def _default(value: Any, fallback: Any, _blank_too: bool = True) -> Any:
    return fallback if isinstance(value, Undefined) or is_blank(str(value)) else value


def _on_text(change: Callable[[str], str]) -> Callable[[Any], Any]:
    """A filter that hands an absent value on, so that `{{ name | upper | default('you') }}` works in any order."""

    def apply(value: Any) -> Any:
        return value if isinstance(value, Undefined) else change(str(value))

    return apply


def _environment() -> ImmutableSandboxedEnvironment:
    # Messages are plain text: nothing reads them as HTML, and escaping would send "&amp;" to people.
    environment = ImmutableSandboxedEnvironment(autoescape=False, undefined=_Absent, keep_trailing_newline=True)
    text_filters = {name: _on_text(change) for name, change in FILTERS.items()}
    environment.filters = {"default": _default, **text_filters}
    environment.tests = {"defined": lambda value: not isinstance(value, Undefined)}
    environment.globals = {}
    return environment


_ENVIRONMENT = _environment()
