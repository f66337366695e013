"""Templates say what they need, refuse what could do harm, and render exactly what was written."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.problems import Problem
from domain.template_reading import FILTERS, TemplateProblem, TemplateSyntaxProblem
from domain.templates import (
    MAX_MESSAGE_CHARS,
    EmptyTemplate,
    MessageTooLong,
    MissingVariable,
    check_template,
    missing,
    render,
)

PIECES = [
    "Hello ",
    "{{ a }}",
    "{{ b | upper }}",
    "{{ a | default('x') }}",
    "{{ a | trim | default(b) }}",
    "{{ b | default('x', true) | lower }}",
    "{% if a %}",
    "{% if not b %}",
    "{% if a and b %}",
    "{% if a or b %}",
    "{% if a is defined %}",
    "{% if a == 'x' %}",
    "{% if a | default(b) != b %}",
    "{% elif b %}",
    "{% else %}",
    "{% endif %}",
    "\n",
    "{# note #}",
]
SIGNS = [
    "{{",
    "}}",
    "{%",
    "%}",
    "(",
    ")",
    "|",
    "a",
    "if",
    "endif",
    "default",
    "'x'",
    "'\\x00'",
    "'\\ud800'",
    ".",
    "*",
    "9",
    "[",
    "]",
    " ",
    "\n",
]
values = st.dictionaries(st.sampled_from(["a", "b"]), st.text(max_size=6))


@pytest.mark.parametrize(
    ("template", "variables", "message"),
    [
        ("Hi {{ first_name | default('there') }}", {"first_name": "Ana"}, "Hi Ana"),
        ("Hi {{ first_name | default('there') }}", {}, "Hi there"),
        ("Hi {{ first_name | default('there') }}", {"first_name": ""}, "Hi there"),
        ("Hi {{ first_name | default('there') }}", {"first_name": " \u200b"}, "Hi there"),
        ("Hi {{ first_name | default('there', true) }}", {"first_name": " "}, "Hi there"),
        ("Hi {{ first_name | upper | default('you') }}", {}, "Hi you"),
        ("Hi {{ first_name | default(nick) }}", {"nick": "Bo"}, "Hi Bo"),
        ("{{ name | trim | title }}!", {"name": " ana maria "}, "Ana Maria!"),
        ("Hi{% if city %} from {{ city }}{% endif %}", {"city": " "}, "Hi"),
        ("Hi{% if city %} from {{ city }}{% endif %}", {"city": "Lyon"}, "Hi from Lyon"),
        ("{% if vip == 'yes' %}Dear{% elif city %}{{ city }}{% else %}Hi{% endif %}", {"vip": "yes"}, "Dear"),
        ("{{ Prénom }} {{ First_Name }}", {"prenom": "Zoé", "first_name": "Ana"}, "Zoé Ana"),
        ("{{ 姓名 }}", {"姓名": "李"}, "李"),
        ("1 < 2 & {{ a }}\n", {"a": "<b>'\""}, "1 < 2 & <b>'\"\n"),
        ("{% raw %}{{ kept }}{% endraw %}", {}, "{{ kept }}"),
    ],
)
def test_a_message_renders(template: str, variables: dict[str, str], message: str) -> None:
    assert render(template, variables) == message


def test_a_contacts_text_is_never_read_as_a_template() -> None:
    assert render("Hi {{ a }}", {"a": "{{ b }}{% for x in y %}"}) == "Hi {{ b }}{% for x in y %}"


@pytest.mark.parametrize(
    ("template", "named", "required"),
    [
        ("Hello", set(), set()),
        ("{{ a }} {{ b | default('x') }}", {"a", "b"}, {"a"}),
        ("{{ a | default(b) }}", {"a", "b"}, {"b"}),
        ("{{ a | default(b | default('x')) }}", {"a", "b"}, set()),
        ("{{ a | default('x') }} {{ a }}", {"a"}, {"a"}),
        ("Hi{% if a %}{{ a }}{% endif %}", {"a"}, set()),
        ("Hi{% if a and b %}{{ a }}{{ b }}{% endif %}", {"a", "b"}, set()),
        ("Hi{% if a or b %}{{ a }}{% endif %}", {"a", "b"}, {"a"}),
        ("{% if not a %}Hi{% else %}{{ a }}{% endif %}", {"a"}, set()),
        ("{% if a is defined %}{{ a }}{% else %}{{ b }}{% endif %}", {"a", "b"}, {"b"}),
        ("{% if a == 'x' %}{{ b }}{% endif %}", {"a", "b"}, {"b"}),
        ("{{ Prénom }}", {"prenom"}, {"prenom"}),
    ],
)
def test_it_says_which_variables_it_names_and_cannot_do_without(
    template: str, named: set[str], required: set[str]
) -> None:
    facts = check_template(template)
    assert facts.variables == named
    assert facts.required == required


def test_blank_variables_are_missing() -> None:
    facts = check_template("{{ a }}{{ b }}{{ c | default('x') }}")
    assert missing(facts, {"a": "Ana", "b": " \u200b "}) == {"b"}
    assert missing(facts, {}) == {"a", "b"}


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(MissingVariable, match="first_name") as missed:
        render("Hi {{ First_Name }}", {"first_name": " "})
    assert missed.value.name == "first_name"


@pytest.mark.parametrize(
    "harmful",
    [
        "{{ 'a' * 10**9 }}",
        "{{ a ~ b }}",
        "{% for x in a %}{{ x }}{% endfor %}",
        "{% macro m() %}{% endmacro %}",
        "{% import 'x' as y %}",
        "{% include 'x' %}",
        "{% extends 'x' %}",
        "{% set a = 'x' %}",
        "{% block b %}{% endblock %}",
        "{% with %}{% endwith %}",
        "{% filter upper %}x{% endfilter %}",
        "{{ a.__class__ }}",
        "{{ a['b'] }}",
        "{{ a() }}",
        "{{ range(10**9) }}",
        "{{ [a] }}",
        "{{ {'a': 1} }}",
        "{{ self }}",
        "{% if self %}{% endif %}",
        "{{ none }}",
        "{{ true }}",
        "{{ a if b }}",
        "{{ a | center(999999999) }}",
        "{{ a | upper(1) }}",
        "{{ a | default }}",
        "{{ a | default(value='x') }}",
        "{{ a | default(*b) }}",
        "{{ a | default('x', b) }}",
        "{% if a > 'b' %}{% endif %}",
        "{% if a in b %}{% endif %}",
        "{% if a == b == c %}{% endif %}",
        "{% if a == 3 %}{% endif %}",
        "{{ '\\x00' }}",
        "{{ a | default('\\ud800') }}",
        "{% if a is string %}{% endif %}",
        "{% if a.b %}{% endif %}",
    ],
)
def test_what_is_not_on_the_short_list_is_refused_with_its_line(harmful: str) -> None:
    with pytest.raises(TemplateSyntaxProblem) as refused:
        check_template(f"Hello\n{harmful}")
    assert refused.value.line == 2
    assert refused.value.message


@pytest.mark.parametrize(
    "broken", ["{{ a", "{{ first name }}", "{% if a %}", "{{ 'a }}", "{% else %}", "{{ }}", "{# a"]
)
def test_broken_syntax_is_told_with_its_line(broken: str) -> None:
    with pytest.raises(TemplateSyntaxProblem) as refused:
        check_template(f"\n\n{broken}")
    assert refused.value.line == 3


@pytest.mark.parametrize(
    "deep",
    [
        "{{ " + "(" * 3000 + "a" + ")" * 3000 + " }}",
        "{{ a " + "| upper " * 2000 + "}}",
        "{% if a %}" * 150 + "x" + "{% endif %}" * 150,
        "{% if " + "not " * 1000 + "a %}x{% endif %}",
        "{% if a " + "and a " * 1000 + "%}x{% endif %}",
        "{{ " + "9" * 5000 + " }}",
    ],
)
def test_absurd_nesting_is_refused_quickly(deep: str) -> None:
    started = time.monotonic()
    with pytest.raises(TemplateSyntaxProblem):
        check_template(deep)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("blank", ["", "  \n", "\u200b\u2060", "\ufeff"])
def test_a_blank_message_is_refused(blank: str) -> None:
    with pytest.raises(EmptyTemplate):
        check_template(blank)


def test_a_message_that_comes_out_blank_is_refused() -> None:
    with pytest.raises(EmptyTemplate):
        render("{% if a %}Hi{% endif %} ", {})


def test_a_message_over_its_limit_is_refused() -> None:
    assert len(render("{{ a }}", {"a": "x" * MAX_MESSAGE_CHARS})) == MAX_MESSAGE_CHARS
    with pytest.raises(MessageTooLong, match="6001 characters"):
        render("{{ a }}", {"a": "x" * (MAX_MESSAGE_CHARS + 1)})
    with pytest.raises(MessageTooLong):
        check_template("x" * 1_000_000)


@pytest.mark.parametrize("carried", ["a\0b", "a\ud800b"])
def test_characters_that_no_message_can_carry_are_refused(carried: str) -> None:
    with pytest.raises(TemplateSyntaxProblem, match="Line 2"):
        check_template(f"\n{carried}")


@given(st.lists(st.sampled_from(PIECES), max_size=10).map("".join), values)
def test_what_the_launch_check_lets_through_renders(template: str, variables: dict[str, str]) -> None:
    try:
        facts = check_template(template)
    except TemplateProblem:
        return
    if missing(facts, variables):
        return
    try:
        message = render(template, variables)
    except EmptyTemplate:
        return
    assert message.strip()


@settings(max_examples=300)
@given(st.lists(st.sampled_from(SIGNS), max_size=14).map("".join) | st.text(max_size=60), values)
@example("{{ " + "a." * 5000 + "a }}", {})
def test_any_text_at_all_renders_or_is_refused_as_our_problem(template: str, variables: dict[str, str]) -> None:
    try:
        message = render(template, variables)
    except Problem as problem:
        message = str(problem)
    assert message.encode()


@given(st.text(alphabet=st.characters(exclude_characters="{}%#\r\0", exclude_categories=["Cs"]), min_size=1))
def test_text_without_variables_comes_out_as_it_is(text: str) -> None:
    try:
        assert render(text, {}) == text
    except EmptyTemplate:
        assert not text.strip() or not text.isprintable()


def test_only_harmless_filters_are_there() -> None:
    assert set(FILTERS) == {"upper", "lower", "title", "capitalize", "trim"}
