"""Makes planned events happen at their time and tells webhooks about them until they are heard."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from simulator.chance import draw
from simulator.faults import WebhookFaults
from simulator.poster import Poster, PostFailedError
from simulator.records import Event, Message, Webhook
from simulator.store import DeliveryKey, Store
from simulator.wassenger.payloads import payload, signature
from simulator.wassenger.wire import device_named


@dataclass(slots=True)
class _Delivery:
    event: Event
    webhook_id: str
    attempts: int = 0
    first_at: float = 0.0

    @property
    def key(self) -> DeliveryKey:
        return self.event.id, self.webhook_id


class Dispatcher:
    """Timers of the running loop for what is planned, a bounded number of workers for what is to be posted."""

    def __init__(self, store: Store, seed: int, concurrency: int) -> None:
        self._store = store
        self._seed = seed
        self._concurrency = concurrency
        self._poster = Poster()
        self._queue: asyncio.Queue[_Delivery] = asyncio.Queue()
        self._workers: list[asyncio.Task[None]] = []
        self._timers: set[asyncio.TimerHandle] = set()

    def start(self) -> None:
        """Take up what an earlier run left: planned events, and webhooks that nobody had acknowledged."""
        self._queue = asyncio.Queue()
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._concurrency)]
        for event in self._store.planned():
            self.schedule(event.id)
        for (event_id, webhook_id), copies in self._store.deliveries.items():
            for _ in range(copies):
                self._queue.put_nowait(_Delivery(self._store.events[event_id], webhook_id))

    async def stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._workers.clear()
        await self._poster.close()

    def schedule(self, event_id: str) -> None:
        event = self._store.events[event_id]
        self._later(event.due - time.time(), lambda: self._happen(event))

    async def post_raw(self, webhook: Webhook, body: bytes, headers: dict[str, str]) -> int | str:
        """One attempt with a body of the tester's: the status of the answer, or why there was none."""
        timeout = self._store.conditions.behaviour.webhooks.timeout_seconds
        try:
            return await self._poster.post(webhook.url, body, _headers(webhook, body) | headers, timeout)
        except PostFailedError as error:
            return str(error)

    # What happens when an event is due

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        def fire() -> None:
            self._timers.discard(timer)
            act()

        timer = asyncio.get_running_loop().call_later(max(0.0, seconds), fire)
        self._timers.add(timer)

    def _happen(self, event: Event) -> None:
        copies = {hook.id: self._copies(event) for hook in self._listeners(event)}
        heard = {webhook_id: count for webhook_id, count in copies.items() if count}
        self._store.emit(event, time.time(), heard)
        for webhook_id, count in heard.items():
            for copy in range(count):
                self._put_later(self._lag(event, copy), _Delivery(event, webhook_id))

    def _put_later(self, seconds: float, delivery: _Delivery) -> None:
        if seconds <= 0:
            self._queue.put_nowait(delivery)
        else:
            self._later(seconds, lambda: self._queue.put_nowait(delivery))

    def _listeners(self, event: Event) -> list[Webhook]:
        if not event.announce:
            return []
        hooks = self._store.webhooks.values()
        return [hook for hook in hooks if event.name in hook.events and hook.device in (None, event.device)]

    def _faults(self, event: Event) -> WebhookFaults:
        faults = self._store.conditions.faults.webhooks
        return faults if faults.events is None or event.name in faults.events else WebhookFaults()

    def _copies(self, event: Event) -> int:
        faults = self._faults(event)
        if self._draw(event, "drop") < faults.drop_share:
            return 0
        return event.copies * (faults.copies if self._draw(event, "double") < faults.double_share else 1)

    def _lag(self, event: Event, copy: int) -> float:
        faults = self._faults(event)
        return faults.delay_seconds + faults.reorder_window_seconds * self._draw(event, "reorder", copy)

    def _draw(self, event: Event, *about: object) -> float:
        message = self._message(event)
        what = message.reference if message else event.inbound and event.inbound.text
        return draw(self._seed, event.device, event.phone, event.name, event.ack, what, *about)

    def _message(self, event: Event) -> Message | None:
        return None if event.message_id is None else self._store.messages[event.message_id]

    # Deliveries

    async def _work(self) -> None:
        while True:
            await self._attempt(await self._queue.get())

    async def _attempt(self, delivery: _Delivery) -> None:
        webhook = self._store.webhooks.get(delivery.webhook_id)
        if webhook is None or delivery.key not in self._store.deliveries:
            return  # unregistered meanwhile
        options = self._store.conditions.behaviour.webhooks
        device = device_named(self._store.conditions.devices, delivery.event.device)
        message = self._message(delivery.event)
        body = json.dumps(payload(delivery.event, message, device, options), ensure_ascii=False).encode()
        delivery.first_at = delivery.first_at or time.time()
        delivery.attempts += 1
        try:
            status = await self._poster.post(webhook.url, body, _headers(webhook, body), options.timeout_seconds)
        except PostFailedError as error:
            self._again(delivery, str(error))
            return
        if 200 <= status < 300:
            self._heard(delivery)
        else:
            self._again(delivery, f"HTTP {status}")

    def _heard(self, delivery: _Delivery) -> None:
        if delivery.key in self._store.deliveries:  # not unregistered while it was posted
            self._store.delivered(delivery.key, time.time())

    def _again(self, delivery: _Delivery, reason: str) -> None:
        if delivery.key not in self._store.deliveries:
            return
        options = self._store.conditions.behaviour.webhooks
        now = time.time()
        if now - delivery.first_at >= options.give_up_after_seconds:
            self._store.give_up(delivery.key, now, reason)
            return
        doublings = min(delivery.attempts - 1, 30)
        self._put_later(min(options.backoff_cap_seconds, options.backoff_seconds * 2**doublings), delivery)


def _headers(webhook: Webhook, body: bytes) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "User-Agent": "relance-simulator", **webhook.headers}
    if webhook.secret is not None:
        headers["X-Wassenger-Signature"] = signature(webhook.secret, body)
    return headers
