"""The places that the pages have; one without an address has no feature yet and is not shown."""

from dataclasses import dataclass

from api.ui.languages import _
from domain.people import Scope


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the menu; `scope` is what a person needs to see it."""

    name: str
    address: str | None
    scope: Scope = Scope.READ


PLACES: tuple[Place, ...] = (
    Place(_("Campaigns"), "/campaigns"),
    Place(_("Inbox"), None),
    Place(_("Schedule"), None),
    Place(_("Comments"), None),
    Place(_("AI control"), None),
    Place(_("Analytics"), None),
    Place(_("Topics"), None),
    Place(_("Held and unknown"), "/deliveries"),
    Place(_("Channels"), "/channels"),
    Place(_("Settings"), "/settings"),
)
