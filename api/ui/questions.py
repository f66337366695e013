"""Questions before what cannot be taken back, for browsers without script: the answer to a form that nobody confirmed.

With script the page asks by itself (`data-confirm`, static/pages.js) and sends `confirmed` along, so that a person is
asked once either way.
"""

from dataclasses import dataclass, field

from starlette.responses import HTMLResponse

from api.ui.rendering import page
from api.ui.visits import Visit


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, in the visitor's language, and the form that goes on if the answer is yes (`to`, `fields`)."""

    title: str
    words: str
    yes: str
    to: str
    back: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    grave: bool = True


def ask(visit: Visit, question: Question) -> HTMLResponse:
    """The page with the question."""
    return page(visit, "confirm.html", question=question)
