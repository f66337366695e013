"""The text of a message with variables, as a request says it."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from api.shapes import Text
from domain.templates import MAX_TEMPLATE_CHARS, check_template


def _readable(text: str) -> str:
    check_template(text)
    return text


MessageTemplate = Annotated[
    Text, StringConstraints(min_length=1, max_length=MAX_TEMPLATE_CHARS), AfterValidator(_readable)
]
"""A message with variables: `Hello {{ first_name | default('there') }}`."""
