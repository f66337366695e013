"""The fields of a campaign's send window and of its A/B test: what they show, and what a form says to the API."""

from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData

from api.ui.languages import _
from domain.campaign_window import CONTACT_ZONE, TENANT_ZONE
from domain.variants import FEWEST, MOST

DAYS = (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"))
ZONES = {
    CONTACT_ZONE: _("The contact’s, told by the phone number"),
    TENANT_ZONE: _("Ours"),
    "": _("Another one:"),
}
"""Whose clock counts; the empty choice is a zone by its name."""

LONGEST_NUMBER = 10
"""Digits; what is longer is no number that anybody meant, and Python refuses to read thousands of them."""

VERDICTS = {
    "too_early": _("The campaign goes on. A winner can be named when it is over; before, one would be seen by chance."),
    "not_significant": _("The differences may be chance: there is no winner."),
}


@dataclass(frozen=True)
class WindowFields:
    """What the fields of the send window show; at first office hours, switched off."""

    on: bool = False
    start: str = "09:00"
    end: str = "18:00"
    days: list[int] = field(default_factory=lambda: [0, 1, 2, 3, 4])
    zone: str = CONTACT_ZONE
    message_2: bool = False

    @property
    def choice(self) -> str:
        """Which of ZONES is chosen."""
        return self.zone if self.zone in ZONES else ""

    @property
    def zone_name(self) -> str:
        """The zone by its name, where one is chosen so."""
        return "" if self.zone in ZONES else self.zone

    @classmethod
    def of(cls, window: dict[str, Any] | None) -> "WindowFields":
        """The fields of a campaign that is there (its `send_window`)."""
        return cls() if window is None else cls(on=True, **window)

    @classmethod
    def sent(cls, form: FormData) -> "WindowFields":
        """The fields as a form was sent."""
        choice = _text(form, "window_zone")
        return cls(
            on="window" in form,
            start=_text(form, "window_start"),
            end=_text(form, "window_end"),
            days=[int(day) for day in form.getlist("window_days") if isinstance(day, str) and _is_whole(day)],
            zone=choice or _text(form, "window_zone_name"),
            message_2="window_message_2" in form,
        )

    def said(self) -> dict[str, Any] | None:
        """The API's `send_window`; its own checks name what is wrong (`send_window.start` …)."""
        if not self.on:
            return None
        hours = {"start": self.start[:5], "end": self.end[:5]}  # a browser may send seconds too
        return {**hours, "days": self.days, "zone": self.zone, "message_2": self.message_2}


@dataclass(frozen=True)
class VariantFields:
    """One row of the A/B test's fields, as text."""

    name: str = ""
    weight: str = "50"
    text: str = ""

    @property
    def is_empty(self) -> bool:
        """Left blank: no variant."""
        return not self.name.strip() and not self.text.strip()

    def said(self) -> dict[str, Any]:
        """The API's variant."""
        weight = self.weight.strip()
        return {"name": self.name.strip(), "weight": int(weight) if _is_whole(weight) else weight, "text": self.text}


def variant_rows(variants: list[dict[str, Any]]) -> list[VariantFields]:
    """The rows of a campaign's variants, filled up to as many as there may be."""
    rows = [VariantFields(one["name"], str(one["weight"]), one["text"]) for one in variants]
    names = "ABCDE"[len(rows) : FEWEST]
    return [*rows, *(VariantFields(name) for name in names), *[VariantFields()] * (MOST - len(rows) - len(names))]


def variant_rows_sent(form: FormData) -> list[VariantFields]:
    """The rows as a form was sent; blank ones at the end."""
    columns = [
        [unix_lines(str(one)) for one in form.getlist(f"variant_{name}")][:MOST] for name in ("name", "weight", "text")
    ]
    rows = [VariantFields(*row) for row in zip(*columns, strict=False)]
    given = [row for row in rows if not row.is_empty]
    return [*given, *[VariantFields()] * (MOST - len(given))]


def variants_said(rows: list[VariantFields]) -> list[dict[str, Any]]:
    """The API's `variants`; its own checks name what is wrong (`variants.1.text` …)."""
    return [row.said() for row in rows if not row.is_empty]


def unix_lines(text: str) -> str:
    """The text with the line ends of the rest of the world: forms send them as CR and LF."""
    return text.replace("\r\n", "\n")


def _is_whole(text: str) -> bool:
    return text.isdecimal() and len(text) < LONGEST_NUMBER


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""
