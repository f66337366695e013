"""What code and templates give to be translated, and `python -m tests.ui.sentences`: what a language still lacks."""

import sys
from pathlib import Path

from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from api.ui import languages

UI = Path(languages.__file__).parent
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "say": None}


def written() -> list[str]:
    """Every sentence, in both numbers where there are two."""
    options = {"**.html": {"trimmed": "true", "silent": "false"}}
    found = extract_from_dir(UI, METHODS, options, KEYWORDS)
    every = [text for _, _, said, _, _ in found for text in ([said] if isinstance(said, str) else said) if text]
    return list(dict.fromkeys(every))


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
