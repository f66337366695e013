"""What is said and told of the variants of Message 1."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from api.message_shapes import MessageTemplate
from api.shapes import Shape, Text, Whole
from db.reading.variants import VariantResult
from domain.variants import FEWEST, HEAVIEST, MOST, Verdict, judge

VariantName = Annotated[Text, StringConstraints(min_length=1, max_length=40, pattern=r"\S")]
Weight = Annotated[
    Whole, Field(ge=1, le=HEAVIEST, description="Its share is its weight among all weights.", examples=[50])
]


class VariantIn(Shape):
    """One way to say Message 1."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "A", "weight": 50, "text": "Hello!"}]})

    name: VariantName
    weight: Weight
    text: MessageTemplate


def _different(variants: list[VariantIn]) -> list[VariantIn]:
    names = [variant.name.strip().casefold() for variant in variants]
    if len(set(names)) < len(names):
        raise ValueError("each variant needs a name of its own")
    return variants


Variants = Annotated[list[VariantIn], Field(min_length=FEWEST, max_length=MOST), AfterValidator(_different)]


class VariantOut(BaseModel):
    """A variant and what became of it. Who has read it is counted as delivered and as sent too."""

    name: str
    weight: int
    contacts: int = Field(description="Contacts who were given it; each is, when it is launched.")
    sent: int
    delivered: int
    read: int
    failed: int
    replied: int = Field(description="Of those who were sent it.")
    message_2_sent: int
    opted_out: int
    reply_rate: float | None = Field(description="replied / sent, 0 to 1; null when nobody was sent it.")
    reply_rate_low: float = Field(description="The true rate lies above this with 95 % confidence (Wilson).")
    reply_rate_high: float = Field(description="And below this.")


class VariantsOut(BaseModel):
    """The results of a campaign's A/B test; no items when it has none."""

    items: list[VariantOut]
    verdict: Verdict | None = Field(
        description="`too_early` while the campaign goes on: whoever looks again and again would see a winner by "
        "chance. Then `winner`, if one differs from all the others at 95 %, or `not_significant`."
    )
    winner: str | None


class LackingByVariant(BaseModel):
    """How many contacts lack a value that one variant cannot do without."""

    name: str
    count: int
    variables: list[str]


def variants_out(results: Sequence[VariantResult], *, is_over: bool) -> VariantsOut:
    """The results as they are told."""
    if not results:
        return VariantsOut(items=[], verdict=None, winner=None)
    verdict, winner = judge([result.replies for result in results], is_over=is_over)
    name = None if winner is None else results[winner].variant.name
    return VariantsOut(items=[_variant_out(result) for result in results], verdict=verdict, winner=name)


def _variant_out(result: VariantResult) -> VariantOut:
    low, high = result.replies.interval
    return VariantOut(
        name=result.variant.name,
        weight=result.variant.weight,
        contacts=result.contacts,
        sent=result.sent,
        delivered=result.delivered,
        read=result.read,
        failed=result.failed,
        replied=result.replied,
        message_2_sent=result.message_2_sent,
        opted_out=result.opted_out,
        reply_rate=result.replies.rate,
        reply_rate_low=low,
        reply_rate_high=high,
    )
