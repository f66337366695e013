"""Everything a tester has set: behaviour, faults, outage, revoked keys, declared devices; survives a restart."""

from typing import Literal

from pydantic import Field

from simulator.behaviour import Behaviour, Setting
from simulator.faults import Faults

DEFAULT_DEVICE = "65f0c0ffee65f0c0ffee0001"


class Device(Setting):
    """A connected number; anything but `operative` or `ready` refuses to send with 503."""

    id: str = Field(pattern=r"^[0-9a-f]{24}$")
    phone: str = Field(default="+34600000000", pattern=r"^\+[1-9]\d{6,14}$")
    alias: str = "Simulated number"
    plan: str = "io-professional"
    status: str = "operative"


class Down(Setting):
    """An outage: `until` in Unix seconds, None until someone says `up`."""

    mode: Literal["503", "html", "close"] = "503"
    until: float | None = None


class Conditions(Setting):
    behaviour: Behaviour = Behaviour()
    faults: Faults = Faults()
    down: Down | None = None
    revoked: list[str] = Field(default_factory=list)
    devices: list[Device] = Field(default_factory=list)  # none declared: every device id is accepted
