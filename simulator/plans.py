"""Pure plans of what follows an accepted message: its receipts, and what the person who got it writes."""

import re
from dataclasses import dataclass

from simulator.behaviour import People, Receipts, ReplyRule
from simulator.chance import draw, pick


@dataclass(frozen=True, slots=True)
class Step:
    """A receipt: event name, the acknowledgement it brings, and when (seconds after the message was accepted)."""

    name: str
    ack: str
    after: float


@dataclass(frozen=True, slots=True)
class Line:
    """One text of a person's reply, so many seconds after the message was accepted."""

    text: str
    stop: bool
    after: float


def fails(receipts: Receipts, seed: int, phone: str) -> bool:
    """Whether messages to this person fail after they were accepted."""
    return draw(seed, phone, "failed") < receipts.failed_share


def plan_receipts(receipts: Receipts, seed: int, phone: str, nth: int) -> list[Step]:
    """Receipts of the `nth` message to a person, in the order in which they come."""
    if fails(receipts, seed, phone):
        return [Step("message:out:failed", "failed", receipts.delay.at(draw(seed, phone, nth, "failed")))]
    delivered = draw(seed, phone, nth, "delivered") < receipts.delivered_share
    read = delivered and draw(seed, phone, nth, "read") < receipts.read_share
    wanted = (
        ("message:out:new", "pending", receipts.out_new),
        ("message:out:sent", "sent", receipts.out_sent),
        ("message:out:ack", "server", receipts.ack_server),
        ("message:out:ack", "device", receipts.ack_device),
        ("message:out:ack", "delivered", delivered),
        ("message:out:ack", "read", read),
    )
    steps, after = [], 0.0
    for name, ack, happens in wanted:
        if happens:
            span = receipts.read_delay if ack == "read" else receipts.delay
            after += span.at(draw(seed, phone, nth, ack))
            steps.append(Step(name, ack, after))
    return steps


def plan_reply(people: People, seed: int, phone: str, message: str, turn: int) -> list[Line]:
    """What a person writes on a message when they have replied `turn` times before; empty when they stay silent."""
    if turn >= people.max_replies:
        return []
    rule = _rule_for(people, phone, message)
    mood = draw(seed, phone, "reply")
    delay = (rule.delay or people.delay).at(draw(seed, phone, turn, "delay"))
    if rule.share is None and mood < people.stop_share:
        return [Line(people.stop_text, True, delay)] if turn == 0 else []
    share = people.stop_share + people.reply_share if rule.share is None else rule.share
    if mood >= share:
        return []
    return _lines(people, rule, seed, phone, turn, delay)


def _rule_for(people: People, phone: str, message: str) -> ReplyRule:
    for rule in people.rules:
        if rule.phone not in (None, phone):
            continue
        if rule.text_contains is not None and rule.text_contains not in message:
            continue
        if rule.text_pattern is not None and not re.search(rule.text_pattern, message):
            continue
        return rule
    return ReplyRule()


def _lines(people: People, rule: ReplyRule, seed: int, phone: str, turn: int, delay: float) -> list[Line]:
    burst, count = people.burst, 1
    if draw(seed, phone, turn, "burst") < burst.share:
        span = burst.max_texts - burst.min_texts + 1
        count = burst.min_texts + int(draw(seed, phone, turn, "count") * span)
    texts = people.texts if rule.texts is None else rule.texts
    weights = [each.weight for each in texts]
    lines: list[Line] = []
    for index in range(count if texts else 0):
        text = texts[pick(weights, draw(seed, phone, turn, "text", index))].text
        lines.append(Line(text, text == people.stop_text, delay))
        delay += burst.gap.at(draw(seed, phone, turn, "gap", index))
    return lines
