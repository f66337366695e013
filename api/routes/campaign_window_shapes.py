"""What is said and told of a campaign's send window."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from api.routes.channel_shapes import EVERY_DAY, Day
from api.shapes import Flag, Shape, Text
from domain.campaign_window import CONTACT_ZONE, zone_choice

WallTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$")]


ZoneChoice = Annotated[Text, StringConstraints(min_length=1, max_length=64), AfterValidator(zone_choice)]


class CampaignHours(Shape):
    """When the campaign's messages may go out; outside of it they wait. An `end` before `start` crosses midnight."""

    start: WallTime = Field(description="On the wall, such as 09:00.", examples=["09:00"])
    end: WallTime = Field(examples=["18:00"])
    days: list[Day] = Field(default=EVERY_DAY, min_length=1, max_length=7, description="0 is Monday, 6 is Sunday.")
    zone: ZoneChoice = Field(
        default=CONTACT_ZONE,
        description="Whose wall clock counts: `contact` (told by the phone number; one that may be in several zones "
        "waits until the window is open in all of them), `tenant`, or an IANA name such as Europe/Paris.",
        examples=["contact", "tenant", "Europe/Paris"],
    )
    message_2: Flag = Field(default=False, description="Whether Message 2, which answers a reply, waits for it too.")
