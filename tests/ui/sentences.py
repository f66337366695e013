"""What code and templates give to be translated, and `python -m tests.ui.sentences`: what a language still lacks."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from api.ui import languages

UI = Path(languages.__file__).parent
MARKS = frozenset({"_", "gettext", "ngettext", "say"})


def written() -> list[str]:
    """Every sentence, in both numbers where there are two."""
    in_code = [text for path in sorted(UI.rglob("*.py")) for text in marked_in(path.read_text(encoding="utf-8"))]
    return list(dict.fromkeys([*in_code, *_in_templates()]))


def marked_in(code: str) -> Iterator[str]:
    """The sentences that Python code marks, wherever the mark stands: Babel passes over one within another call."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and _name_of(node.func) in MARKS:
            for argument in node.args:
                yield from _texts(argument)


def _name_of(called: ast.expr) -> str:
    return called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""


def _texts(argument: ast.expr) -> Iterator[str]:
    if isinstance(argument, ast.IfExp):
        yield from _texts(argument.body)
        yield from _texts(argument.orelse)
    elif isinstance(argument, ast.Constant) and isinstance(argument.value, str) and argument.value:
        yield argument.value


def _in_templates() -> Iterator[str]:
    """Those of the templates: Babel knows their blocks, and passes over what is said in code of theirs."""
    found = extract_from_dir(UI, [("**.html", "jinja2")], {"**.html": {"trimmed": "true", "silent": "false"}})
    for _, _, said, _, _ in found:
        yield from (text for text in ([said] if isinstance(said, str) else said) if text)
    environment = Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do"], autoescape=True)
    for path in sorted(UI.rglob("*.html")):
        for call in environment.parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
            if isinstance(call.node, nodes.Getattr) and call.node.attr in MARKS:
                yield from (one.value for one in call.args if isinstance(one, nodes.Const))


def translated(language: str) -> list[Message]:
    """What the catalogues of a language hold."""
    found = []
    for path in languages.catalogues(language):
        with path.open("rb") as file:
            found += [message for message in read_po(file, locale=language) if message.id]
    return found


def ids(message: Message) -> list[str]:
    """The English of a message, in both numbers where there are two."""
    return [message.id] if isinstance(message.id, str) else list(message.id)


def lacking(language: str) -> list[str]:
    """The sentences that a language has no words for."""
    known = {text for message in translated(language) for text in ids(message)}
    return [text for text in written() if text not in known]


if __name__ == "__main__":
    for sentence in lacking(sys.argv[1]):
        words = sentence.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        sys.stdout.write(f'msgid "{words}"\nmsgstr ""\n\n')
