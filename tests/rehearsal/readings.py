"""What tests read from rolls and results."""

from rehearsal.result import LeftOut, Limit, Rehearsed, Sent
from rehearsal.roll import Roll


def firsts(roll: Roll) -> list[Sent]:
    """Every Message 1 in the order in which they went out."""
    return sorted((one for one in roll.sent if one.kind == "message_1"), key=lambda one: one.at)


def of_limits(result: Rehearsed) -> dict[Limit, float]:
    """The seconds of each limit that bound."""
    return {bound.limit: bound.seconds for bound in result.limits}


def left_out(result: Rehearsed) -> dict[tuple[LeftOut, *tuple[str, ...]], int]:
    """How many got no Message 1, by the reason and the variables that they lack."""
    return {(one.reason, *one.variables): one.contacts for one in result.not_sent}
