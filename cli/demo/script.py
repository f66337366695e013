"""What is played in the demo: the two messages, the people who answer them, the pace."""

from typing import Any

DEMO_TOKEN = "demo-account"  # noqa: S105 - the simulator takes any key, and this one opens nothing else
MESSAGE_1 = (
    "Hello {{ first_name | default('there') }}, our bakery opens on Saturday"
    "{% if city %} in {{ city }}{% endif %}. Would you like to taste our bread? Just reply to this message."
)
MESSAGE_2 = (
    "Wonderful{% if first_name %}, {{ first_name }}{% endif %}! "
    "Show this message on Saturday and the first loaf is on us. Reply STOP and we are silent."
)
MARKS = {1: "Would you like to taste our bread?", 2: "the first loaf is on us"}
EVENTS = ["message:in:new", "message:out:sent", "message:out:ack", "message:out:failed"]
DELAY_SECONDS = 0.1
BATCH_SIZE = 50


def which_message(text: str) -> int:
    """1 or 2 for the campaign's messages by a sentence that every rendering holds, 0 for anything else."""
    return next((number for number, mark in MARKS.items() if mark in text), 0)


def behaviour(window_seconds: float) -> dict[str, Any]:
    """People who answer well inside the window (a third of them, some with STOP), and a few numbers that fail."""
    return {
        "people": {
            "reply_share": 0.3,
            "stop_share": 0.04,
            "stop_text": "STOP",
            "max_replies": 1,
            "delay": {"min_seconds": min(1.0, window_seconds / 4), "max_seconds": window_seconds * 0.4},
            "burst": {"share": 0.1},
        },
        "receipts": {
            "announce": True,
            "delivered_share": 1.0,
            "read_share": 0.8,
            "failed_share": 0.02,
            "read_delay": {"min_seconds": 0.5, "max_seconds": 3.0},
        },
    }


def channel(device: str, secret: str, rate: float) -> dict[str, Any]:
    """The channel's body for the API."""
    return {
        "platform": "wassenger",
        "name": "Demo (simulated WhatsApp)",
        "credentials": {"token": DEMO_TOKEN, "device_id": device},
        "webhook_secret": secret,
        "rate_per_second": rate,
    }


def campaign(channel_id: str, window_seconds: float, name: str) -> dict[str, Any]:
    """The campaign's body for the API."""
    pacing = {"delay_seconds": DELAY_SECONDS, "batch_size": BATCH_SIZE, "batch_pause_seconds": 0}
    return {
        "name": name,
        "channel_id": channel_id,
        "message_1": MESSAGE_1,
        "message_2": MESSAGE_2,
        "reply_window_seconds": window_seconds,
        "pacing": {**pacing, "min_delay_seconds": DELAY_SECONDS, "max_delay_seconds": 5},
    }
