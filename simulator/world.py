"""The simulated platform as one object: its memory, its clock of events, and what its doors have in common."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

from simulator.behaviour import Behaviour
from simulator.conditions import Conditions, Device
from simulator.dispatcher import Dispatcher
from simulator.plans import Line, Step, plan_receipts, plan_reply
from simulator.records import Event, Inbound, Message
from simulator.store import Store


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """`behaviour` and `devices` hold until the control API changes them; what the data directory kept goes first."""

    data_dir: Path
    seed: int = 0
    behaviour: Behaviour = field(default_factory=Behaviour)
    devices: tuple[Device, ...] = ()
    webhook_concurrency: int = 64


class World:
    def __init__(self, config: SimulatorConfig) -> None:
        self.seed = config.seed
        first = Conditions(behaviour=config.behaviour, devices=list(config.devices))
        self.store = Store(config.data_dir, config.seed, first)
        self.dispatcher = Dispatcher(self.store, config.seed, config.webhook_concurrency)

    async def open(self) -> None:
        self.store.open()
        self.dispatcher.start()

    async def close(self) -> None:
        await self.dispatcher.stop()
        self.store.close()

    async def reset(self, *, keep_webhooks: bool) -> None:
        """Forget messages, people, files, faults, behaviour and, unless kept, webhooks."""
        await self.dispatcher.stop()
        self.store.reset(keep_webhooks=keep_webhooks)
        self.dispatcher.start()

    def is_down(self) -> bool:
        down = self.store.conditions.down
        return down is not None and (down.until is None or time.time() < down.until)

    def consequences(self, message: Message) -> list[Event]:
        """Everything that will follow from a message accepted now: its receipts and its reader's reply."""
        behaviour = self.store.conditions.behaviour
        person = self.store.person(message.device, message.phone)
        steps = plan_receipts(behaviour.receipts, self.seed, message.phone, len(person.messages))
        events = [_receipt(message, step, announce=behaviour.receipts.announce) for step in steps]
        if any(step.ack == "failed" for step in steps):
            return events
        lines = plan_reply(behaviour.people, self.seed, message.phone, message.text, person.turns)
        return events + [_reply(message, line) for line in lines]


def new_id() -> str:
    """An id as the platform makes them: 24 hex digits."""
    return token_hex(12)


def new_wa_id() -> str:
    """A message id as WhatsApp makes them."""
    return "3EB0" + token_hex(9).upper()


def _receipt(message: Message, step: Step, *, announce: bool) -> Event:
    return Event(
        id=new_id(),
        name=step.name,
        device=message.device,
        phone=message.phone,
        due=message.created_at + step.after,
        message_id=message.id,
        ack=step.ack,
        announce=announce,
    )


def _reply(message: Message, line: Line) -> Event:
    """A person's text that comes after a message."""
    return Event(
        id=new_id(),
        name="message:in:new",
        device=message.device,
        phone=message.phone,
        due=message.created_at + line.after,
        inbound=Inbound(new_wa_id(), line.text, stop=line.stop),
    )
