"""What a judge asks of the platform's own log: counts, doubles, pace, and what each person got and wrote."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterable
from itertools import pairwise
from typing import Any, TypeVar

from simulator.records import Inbound, Message, Person, Post, iso
from simulator.store import Store

Body = dict[str, Any]
K = TypeVar("K", bound=Hashable)


def post_view(post: Post) -> Body:
    return {
        "seq": post.seq,
        "at": post.at,
        "at_iso": iso(post.at),
        "device": post.device,
        "phone": post.phone,
        "text": post.text,
        "reference": post.reference,
        "accepted": post.accepted,
        "status": post.status,
        "outcome": post.outcome,
        "id": post.message_id,
        "faults": post.faults,
    }


def person_view(person: Person) -> Body:
    written = [each for each in person.inbounds if each.at is not None]
    return {
        "phone": person.phone,
        "device": person.device,
        "received": [_received(message) for message in person.messages],
        "replies": [_reply(inbound) for inbound in written],
        "pending_replies": len(person.inbounds) - len(written),
        "stopped": any(each.stop for each in written),
    }


def _received(message: Message) -> Body:
    return {
        "id": message.id,
        "wa_id": message.wa_id,
        "reference": message.reference,
        "text": message.text,
        "at": message.created_at,
        "ack": message.ack,
    }


def _reply(inbound: Inbound) -> Body:
    return {
        "id": inbound.id,
        "text": inbound.text,
        "stop": inbound.stop,
        "at": inbound.at,
        "acked_at": inbound.acked_at,
        "acks": inbound.acks,
    }


def summary(store: Store, posts: list[Post]) -> Body:
    """Counts over some posts of the log; what concerns people and webhooks is over all of them."""
    accepted = [post for post in posts if post.accepted]
    people = list(store.people.values())
    written = [inbound for person in people for inbound in person.inbounds if inbound.at is not None]
    return {
        "received": len(posts),
        "accepted": len(accepted),
        "rejected": len(posts) - len(accepted),
        "lookups": len(store.lookups),
        "calls_delayed": store.calls_delayed,
        "by_reference_doubles": reference_doubles(accepted),
        "by_text_doubles": text_doubles(accepted),
        "people": len(people),
        "people_replied": sum(any(each.at is not None for each in person.inbounds) for person in people),
        "replies_sent": len(written),
        "replies_acked": sum(each.acked_at is not None for each in written),
        "replies_pending": sum(len(person.inbounds) for person in people) - len(written),
        "stops_sent": sum(each.stop for each in written),
        "events_planned": len(store.planned()),
        "webhooks_delivered": store.webhooks_delivered,
        "webhooks_pending": sum(store.deliveries.values()),
        "webhooks_given_up": store.webhooks_given_up,
        "devices": pace(posts),
    }


def reference_doubles(accepted: Iterable[Post]) -> list[Body]:
    """References that the platform accepted more than once."""
    groups = _grouped((post.reference, post) for post in accepted if post.reference is not None)
    return [
        {"reference": reference, "count": len(posts), "ids": [post.message_id for post in posts]}
        for reference, posts in groups
    ]


def text_doubles(accepted: Iterable[Post]) -> list[Body]:
    """The same text to the same person from the same device more than once, whatever the references were."""
    groups = _grouped(((post.device, post.phone, post.text), post) for post in accepted)
    return [
        {
            "device": posts[0].device,
            "phone": posts[0].phone,
            "text": posts[0].text,
            "count": len(posts),
            "references": [post.reference for post in posts],
        }
        for _, posts in groups
    ]


def _grouped(pairs: Iterable[tuple[K, Post]]) -> list[tuple[K, list[Post]]]:
    groups: defaultdict[K, list[Post]] = defaultdict(list)
    for key, post in pairs:
        groups[key].append(post)
    return [(key, posts) for key, posts in groups.items() if len(posts) > 1]


def pace(posts: Iterable[Post]) -> Body:
    """Per device: how close together calls came, over those accepted and over all received."""
    groups: defaultdict[str, list[Post]] = defaultdict(list)
    for post in posts:
        groups[post.device or "none"].append(post)
    return {device: _pace(each) for device, each in groups.items()}


def _pace(posts: list[Post]) -> Body:
    received = sorted(post.at for post in posts)
    accepted = sorted(post.at for post in posts if post.accepted)
    return {
        "received": len(received),
        "accepted": len(accepted),
        "min_gap_seconds": min_gap(accepted),
        "max_in_any_second": most_within(accepted, 1.0),
        "received_min_gap_seconds": min_gap(received),
        "received_max_in_any_second": most_within(received, 1.0),
    }


def min_gap(times: list[float]) -> float | None:
    """The shortest time between two neighbours, None when there are fewer than two."""
    return min((later - earlier for earlier, later in pairwise(times)), default=None)


def most_within(times: list[float], seconds: float) -> int:
    """The most instants that any half-open window of that length holds; `times` ascending."""
    return max((bisect_left(times, start + seconds) - index for index, start in enumerate(times)), default=0)
