"""How commands speak: to people on standard error in sentences, to programs on standard output in JSON."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from cli.stack.errors import StackError
from settings import SettingsError


def say(sentence: str) -> None:
    """Tell the person at the terminal; standard output stays free for data."""
    print(f"relance: {sentence}", file=sys.stderr, flush=True)


@contextmanager
def in_words(*more: type[Exception]) -> Iterator[None]:
    """Turn the errors that carry a sentence (ours, and any `more`) into that sentence and exit status 1."""
    expected: tuple[type[Exception], ...] = (StackError, SettingsError, *more)
    try:
        yield
    except expected as error:
        say(str(error))
        raise typer.Exit(1) from error
