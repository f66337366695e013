"""The editors of a campaign's messages: what stands in them, and whether it may take the place of what is kept."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile

from api.routes.campaign_shapes import CampaignOut
from api.ui.campaign_fields import VariantFields, unix_lines, variant_rows, variant_rows_sent, variants_said
from domain.variants import FEWEST

MESSAGES = ("message_1", "message_2")
SENT_HEARD = 20
"""So many unanswered sendings of one page are looked at; a page keeps fewer."""


class KeptVariant(BaseModel):
    """A variant, to be compared; a weight that is no number is what was typed."""

    name: str
    weight: int | str
    text: str


Message = str | list[KeptVariant]
"""Message 1 is one text or, in an A/B test, all of its variants: a change of one is a change of it."""


class Kept(BaseModel):
    """Both messages as the draft has them, or would have them; None for one that nothing is said about."""

    message_1: Message | None = None
    message_2: Message | None = None

    @classmethod
    def read(cls, json: str) -> Self | None:
        """What a hidden field says; None where it says nothing that can be read."""
        try:
            return cls.model_validate_json(json)
        except ValidationError:
            return None

    def of(self, name: str) -> Message | None:
        """One of MESSAGES."""
        found: Message | None = getattr(self, name)
        return found

    def taking(self, other: "Kept", names: list[str]) -> "Kept":
        """The same, with these messages of the other."""
        return self.model_copy(update={name: other.of(name) for name in names})

    def texts(self, name: str) -> list[str]:
        """A message to be read beside another, variants with their names."""
        message = self.of(name)
        if isinstance(message, list):
            return [f"{one.name} ({one.weight})\n{one.text}" for one in message]
        return [message or ""]


@dataclass(frozen=True, slots=True)
class Written:
    """What stands in the editors. Message 1 is one text or, in an A/B test, those of its variants."""

    message_1: str
    message_2: str
    variants: list[VariantFields]
    is_test: bool = False

    @classmethod
    def of(cls, campaign: CampaignOut) -> "Written":
        """The messages of a draft; a test that is begun begins with the text that is there."""
        rows = variant_rows([{**one.model_dump(), "text": unix_lines(one.text)} for one in campaign.variants])
        message_1, message_2 = unix_lines(campaign.message_1), unix_lines(campaign.message_2)
        if not campaign.variants:
            rows[0] = replace(rows[0], text=message_1)
        return cls(message_1, message_2, rows, bool(campaign.variants))

    @classmethod
    def sent(cls, form: FormData) -> "Written":
        """The messages as the form was sent."""
        message_1, message_2 = (unix_lines(str(form.get(name, ""))) for name in MESSAGES)
        return cls(message_1, message_2, variant_rows_sent(form), "variants_on" in form)

    @property
    def texts(self) -> dict[str, str]:
        """The texts that count, by field."""
        if not self.is_test:
            return {"message_1": self.message_1, "message_2": self.message_2}
        given = {f"variants.{row}.text": one.text for row, one in enumerate(self.variants) if not one.is_empty}
        return {**given, "message_2": self.message_2}

    @property
    def shown(self) -> int:
        """How many rows of variants are shown at once; the others unfold."""
        return max(FEWEST, sum(not one.is_empty for one in self.variants))

    @property
    def kept(self) -> Kept:
        """The messages as they would be kept."""
        message_1 = variants_said(self.variants) if self.is_test else self.message_1
        return Kept.model_validate({"message_1": message_1, "message_2": self.message_2})

    def said(self) -> dict[str, Any]:
        """The API's fields."""
        if self.is_test:
            return {"variants": variants_said(self.variants), "message_2": self.message_2}
        return {"message_1": self.message_1, "message_2": self.message_2, "variants": None}

    def names(self, say: Callable[[str], str]) -> dict[str, str]:
        """What each text is called, by field."""
        first = say("Message 1")
        rows = {f"variants.{row}.text": f"{first} · {one.name}" for row, one in enumerate(self.variants)}
        return {**rows, "message_1": first, "message_2": say("Message 2")}


@dataclass(frozen=True, slots=True)
class Known:
    """What a page knows of the messages that are kept.

    `shown` are those that its editors began with, or that it was last told are kept. `sent` is what it has sent since
    and had no answer to: the server may have kept that, and then it is no stranger's. `seen` are the newer ones of
    somebody else that it has put before the person, who wants theirs all the same.
    """

    shown: Kept | None
    sent: list[Kept]
    seen: Kept

    @classmethod
    def told(cls, form: FormData) -> "Known":
        """What the form tells of it."""
        sent = [_form(str(one)) for one in form.getlist("sent")[-SENT_HEARD:]]
        shown, seen = (Kept.read(str(form.get(name, ""))) for name in ("shown", "seen"))
        return cls(shown, [Written.sent(one).kept for one in sent], seen or Kept())

    def confirmed(self, now: Kept) -> Kept:
        """What was shown, and in place of it what this page had sent and is kept indeed."""
        sent = [name for name in MESSAGES if now.of(name) in [one.of(name) for one in self.sent]]
        return (self.shown or now).taking(now, sent)

    def sort(self, typed: Kept, now: Kept, *, decided: bool = False) -> tuple[list[str], list[str]]:
        """Which messages are to be kept as typed, and which were changed here and by somebody else.

        What differs from `now` but not from what was shown is left: there somebody else wrote, and nobody here.
        """
        new, torn = [], []
        for name in MESSAGES:
            message, stands = typed.of(name), now.of(name)
            if message == stands:
                continue
            shown = (self.shown or now).of(name)
            own = [shown, *(one.of(name) for one in self.sent), *([self.seen.of(name)] if decided else [])]
            if stands in own:
                new.append(name)
            elif message != shown:
                torn.append(name)
        return new, torn


def _form(text: str) -> FormData:
    """A form as a browser writes it into one line."""
    fields: list[tuple[str, str | UploadFile]] = [*parse_qsl(text, keep_blank_values=True)]
    return FormData(fields)
