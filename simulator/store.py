"""The platform's memory: everything is a journal record applied to indexes, so a restart rebuilds the same state."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from simulator.conditions import Conditions
from simulator.faults import FaultBook
from simulator.journal import Journal, Record
from simulator.records import Event, Inbound, Lookup, Message, Person, Post, StoredFile, Webhook

JOURNAL = Path("simulator", "journal.jsonl")  # under the data directory

DeliveryKey = tuple[str, str]  # event id, webhook id

# A receipt may be overtaken by a later one; the state never goes backwards.
ACK_RANK = {"queued": 0, "pending": 0, "server": 1, "sent": 1, "device": 1, "delivered": 2, "read": 3, "failed": 4}


class Store:
    """Reads go to the indexes; every write is first a line in the journal."""

    def __init__(self, data_dir: Path, seed: int, conditions: Conditions) -> None:
        self._path = data_dir / JOURNAL
        self.files_dir = data_dir / "simulator" / "files"
        self._seed = seed
        self._first_conditions = conditions
        self._journal: Journal | None = None
        self._appliers: dict[str, Callable[[Record], None]] = {
            "conditions": self._apply_conditions,
            "post": self._apply_post,
            "lookup": self._apply_lookup,
            "inbound": lambda it: self._plan(_event(it["event"])),
            "emitted": self._apply_emitted,
            "delivered": self._apply_delivered,
            "given_up": self._apply_given_up,
            "webhook": self._apply_webhook,
            "webhook_removed": lambda it: self._forget_webhook(it["id"]),
            "file": self._apply_file,
        }
        self.calls_delayed = 0  # calls that wait at the door now
        self._forget_everything()

    def _forget_everything(self) -> None:
        self.faults = FaultBook(self._seed)
        self.posts: list[Post] = []
        self.lookups: list[Lookup] = []
        self.messages: dict[str, Message] = {}
        self.by_reference: defaultdict[str, list[Message]] = defaultdict(list)
        self.people: dict[tuple[str, str], Person] = {}
        self.webhooks: dict[str, Webhook] = {}
        self.files: dict[str, StoredFile] = {}
        self.events: dict[str, Event] = {}  # planned, or emitted and not yet told to every webhook
        self.deliveries: dict[DeliveryKey, int] = {}  # copies still to be delivered
        self.emitted: set[str] = set()
        self.webhooks_delivered = 0
        self.webhooks_given_up = 0
        self.conditions = self._first_conditions
        self.faults.replace(self.conditions.faults.rules)

    def open(self) -> None:
        """Take the data directory and read what it holds. Raises JournalLockedError when another simulator has it."""
        self._journal = Journal(self._path)
        for record in self._journal.read():
            self._appliers[record["kind"]](record)
            if record["kind"] in ("post", "lookup"):  # a live call was counted when its rules were chosen
                self.faults.hit(record[record["kind"]]["faults"])

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def reset(self, *, keep_webhooks: bool) -> None:
        """Forget everything, on disk too."""
        kept = list(self.webhooks.values()) if keep_webhooks else []
        self._opened().clear()
        self._forget_everything()
        for webhook in kept:
            self.add_webhook(webhook)

    def _opened(self) -> Journal:
        if self._journal is None:
            raise RuntimeError("the store is closed: the simulator's lifespan has not started or is over")
        return self._journal

    def _write(self, record: Record) -> None:
        self._opened().append(record)
        self._appliers[record["kind"]](record)

    # Writes: what happened

    def change_conditions(self, conditions: Conditions, *, rearm: bool = False) -> None:
        """Replace what the tester has set; `rearm` lets every fault rule count from nought again."""
        self._write({"kind": "conditions", "conditions": conditions.model_dump(mode="json"), "rearm": rearm})

    def add_post(self, post: Post, message: Message | None, events: list[Event]) -> None:
        """One call that reached the platform, with the message it made and everything that will follow from it."""
        record: Record = {"kind": "post", "post": asdict(post)}
        if message is not None:
            record |= {"message": asdict(message), "events": [asdict(event) for event in events]}
        self._write(record)

    def add_lookup(self, lookup: Lookup) -> None:
        self._write({"kind": "lookup", "lookup": asdict(lookup)})

    def add_inbound(self, event: Event) -> None:
        """A person's text that a tester asked for."""
        self._write({"kind": "inbound", "event": asdict(event)})

    def emit(self, event: Event, at: float, copies: dict[str, int]) -> None:
        """The event happens now; `copies` says how often each webhook is to be told."""
        self._write({"kind": "emitted", "event": event.id, "at": at, "to": copies})

    def delivered(self, key: DeliveryKey, at: float) -> None:
        self._write({"kind": "delivered", "event": key[0], "webhook": key[1], "at": at})

    def give_up(self, key: DeliveryKey, at: float, reason: str) -> None:
        self._write({"kind": "given_up", "event": key[0], "webhook": key[1], "at": at, "reason": reason})

    def add_webhook(self, webhook: Webhook) -> None:
        self._write({"kind": "webhook", "webhook": asdict(webhook)})

    def remove_webhook(self, webhook_id: str) -> None:
        self._write({"kind": "webhook_removed", "id": webhook_id})

    def add_file(self, file: StoredFile, content: bytes) -> None:
        self.files_dir.mkdir(parents=True, exist_ok=True)
        (self.files_dir / file.id).write_bytes(content)
        self._write({"kind": "file", "file": asdict(file)})

    # Reads

    def person(self, device: str, phone: str) -> Person:
        """The person, new if they were never met."""
        return self.people.setdefault((device, phone), Person(device, phone))

    def planned(self) -> list[Event]:
        """Events that have not happened yet."""
        return [event for event in self.events.values() if event.id not in self.emitted]

    # Application of records, the same for new ones and for those read back

    def _apply_conditions(self, record: Record) -> None:
        self.conditions = Conditions.model_validate(record["conditions"])
        if record["rearm"]:
            self.faults.replace(self.conditions.faults.rules)

    def _apply_post(self, record: Record) -> None:
        post = Post(**record["post"])
        self.posts.append(post)
        if "message" not in record:
            return
        message = Message(**record["message"])
        self.messages[message.id] = message
        if message.reference is not None:
            self.by_reference[message.reference].append(message)
        person = self.person(message.device, message.phone)
        person.messages.append(message)
        events = [_event(each) for each in record["events"]]
        if any(event.inbound for event in events):
            person.turns += 1
        for event in events:
            self._plan(event)

    def _plan(self, event: Event) -> None:
        self.events[event.id] = event
        if event.inbound is not None:
            self.person(event.device, event.phone).inbounds.append(event.inbound)

    def _apply_lookup(self, record: Record) -> None:
        self.lookups.append(Lookup(**record["lookup"]))

    def _apply_emitted(self, record: Record) -> None:
        event = self.events[record["event"]]
        if event.inbound is not None:
            event.inbound.at = record["at"]
        if event.message_id is not None and event.ack is not None:
            message = self.messages[event.message_id]
            if ACK_RANK[event.ack] >= ACK_RANK[message.ack]:
                message.ack = event.ack
            if event.ack == "failed":
                message.failure_reason = self.conditions.behaviour.receipts.failure_reason
        for webhook_id, copies in record["to"].items():
            self.deliveries[event.id, webhook_id] = copies
        if record["to"]:
            self.emitted.add(event.id)
        else:
            del self.events[event.id]

    def _apply_delivered(self, record: Record) -> None:
        self.webhooks_delivered += 1
        inbound = self.events[record["event"]].inbound
        if inbound is not None:
            inbound.acks += 1
            inbound.acked_at = inbound.acked_at or record["at"]
        self._settle((record["event"], record["webhook"]))

    def _apply_given_up(self, record: Record) -> None:
        self.webhooks_given_up += 1
        self._settle((record["event"], record["webhook"]))

    def _settle(self, key: DeliveryKey) -> None:
        self.deliveries[key] -= 1
        if self.deliveries[key] > 0:
            return
        del self.deliveries[key]
        if not any((key[0], webhook_id) in self.deliveries for webhook_id in self.webhooks):
            self._done(key[0])

    def _done(self, event_id: str) -> None:
        self.events.pop(event_id, None)
        self.emitted.discard(event_id)

    def _apply_webhook(self, record: Record) -> None:
        webhook = Webhook(**record["webhook"])
        self.webhooks[webhook.id] = webhook

    def _forget_webhook(self, webhook_id: str) -> None:
        """Nothing more is told to it; an event that nobody else is to hear is over."""
        self.webhooks.pop(webhook_id, None)
        for key in [key for key in self.deliveries if key[1] == webhook_id]:
            del self.deliveries[key]
            if not any((key[0], other) in self.deliveries for other in self.webhooks):
                self._done(key[0])

    def _apply_file(self, record: Record) -> None:
        file = StoredFile(**record["file"])
        self.files[file.id] = file


def _event(fields: dict[str, Any]) -> Event:
    inbound = fields.pop("inbound")
    return Event(**fields, inbound=Inbound(**inbound) if inbound else None)
