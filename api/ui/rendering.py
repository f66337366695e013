"""Turns a template and what it needs into a page, in the visitor's language, numbers and time zone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import dates, numbers, units
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from api.ui import languages
from api.ui.navigation import PLACES
from api.ui.visits import FORM_COOKIE, THEME_COOKIE, Visit, set_cookie

TEMPLATES = Path(__file__).parent / "templates"
THEMES = ("auto", "light", "dark")
UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


@dataclass(frozen=True, slots=True)
class Writer:
    """How numbers and times are written for one visitor: filters of the templates."""

    language: str
    time_zone: str

    def number(self, value: float) -> str:
        """1,234.5 or 1 234,5."""
        return numbers.format_decimal(value, locale=languages.locale(self.language))

    def percent(self, share: float) -> str:
        """A share between 0 and 1 as 12.3 %."""
        return numbers.format_percent(share, format="#,##0.#%", locale=languages.locale(self.language))

    def moment(self, at: datetime | None, style: str = "medium") -> str:
        """Day and time in the tenant's zone; a dash for none."""
        if at is None:
            return "–"
        zone = ZoneInfo(self.time_zone)
        return dates.format_datetime(at, style, tzinfo=zone, locale=languages.locale(self.language))

    def clock(self, at: datetime) -> str:
        """The time of day alone, to the second."""
        zone = ZoneInfo(self.time_zone)
        return dates.format_time(at, "medium", tzinfo=zone, locale=languages.locale(self.language))

    def duration(self, seconds: float) -> str:
        """Its two largest units: 2 hours 5 minutes."""
        left = max(0, round(seconds))
        parts: list[str] = []
        for unit, size in UNITS:
            count, left = divmod(left, size)
            if count or (unit == "second" and not parts):
                parts.append(units.format_unit(count, f"duration-{unit}", locale=languages.locale(self.language)))
        return " ".join(parts[:2])

    def zone(self) -> str:
        """The zone by name, with its offset now."""
        now = datetime.now(UTC).astimezone(ZoneInfo(self.time_zone))
        return f"{self.time_zone} ({dates.get_timezone_gmt(now, locale=languages.locale(self.language))})"


@cache
def _environment(language: str) -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    made.policies["ext.i18n.trimmed"] = True
    made.install_gettext_translations(languages.translations(language), newstyle=True)  # type: ignore[attr-defined]
    return made


def fragment(visit: Visit, template: str, **context: Any) -> str:
    """A piece of a page."""
    writer = Writer(visit.language, visit.time_zone)
    filters: Mapping[str, Any] = {
        name: getattr(writer, name) for name in ("number", "percent", "moment", "clock", "duration", "zone")
    }
    return _environment(visit.language).get_template(template).render(visit=visit, **filters, **context)


def page(visit: Visit, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A whole page with menu, language and theme."""
    theme = visit.request.cookies.get(THEME_COOKIE, "auto")
    around = {
        "places": [place for place in PLACES if place.address and visit.may(place.scope)] if visit.signed_in else [],
        "theme": theme if theme in THEMES else "auto",
        "languages": languages.LANGUAGES,
    }
    response = HTMLResponse(fragment(visit, template, **around, **context), status)
    if visit.signed_in is None and visit.request.cookies.get(FORM_COOKIE) != visit.csrf:
        set_cookie(visit, response, FORM_COOKIE, visit.csrf)
    return response
