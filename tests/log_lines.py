"""What a process logs, set up as in production."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from telemetry import configure_logging


@contextmanager
def caught_lines(process: str) -> Iterator[io.StringIO]:
    """The lines that are written while the block runs; the test runner's own handlers come back afterwards."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    configure_logging(process)
    caught = io.StringIO()
    [handler] = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(caught)
    try:
        yield caught
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        logging.captureWarnings(False)
