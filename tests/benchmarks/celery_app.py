"""The same job on Celery with Redis and PostgreSQL, for comparison: one row per message, messages by HTTP.

Tasks are acknowledged late and Redis keeps an append-only file, so that a worker that dies loses no message. Nothing
here keeps one from being sent twice: that is what the comparison leaves out.
"""

import os
import sys
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx
import psycopg
from celery import Celery
from celery.signals import worker_ready

SCHEMA = """
CREATE TABLE people (phone text PRIMARY KEY, state text NOT NULL, replied_at timestamptz);
CREATE TABLE said (id bigserial PRIMARY KEY, phone text NOT NULL, kind text NOT NULL, body text NOT NULL,
                   provider_id text, at timestamptz NOT NULL);
"""
SAID = "INSERT INTO said (phone, kind, body, provider_id, at) VALUES (%s, %s, %s, %s, %s)"
PERSON = "INSERT INTO people (phone, state) VALUES (%s, 'waiting') ON CONFLICT (phone) DO NOTHING"
REPLIED = "UPDATE people SET state = 'replied', replied_at = now() WHERE phone = %s"
CLOSED = "UPDATE people SET state = 'no_reply' WHERE phone = %s AND state = 'waiting'"

app = Celery("baseline", broker=os.environ.get("BASELINE_BROKER"))
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    worker_redirect_stdouts=False,
    broker_transport_options={
        "visibility_timeout": int(os.environ.get("BASELINE_VISIBILITY_SECONDS", "3600")),
        "unacked_restore_interval": int(os.environ.get("BASELINE_RESTORE_SECONDS", "10")),
        "unacked_restore_throttle": 1,
    },
)
WINDOW_SECONDS = float(os.environ.get("BASELINE_WINDOW_SECONDS", "86400"))


@worker_ready.connect  # type: ignore[untyped-decorator]
def _say_ready(**_: Any) -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


@cache
def database() -> psycopg.Connection:
    """This process's connection."""
    return psycopg.connect(os.environ["BASELINE_DATABASE"])


@cache
def platform() -> httpx.Client:
    """This process's connections to the simulator."""
    headers = {"Token": os.environ["BASELINE_TOKEN"]}
    return httpx.Client(base_url=os.environ["BASELINE_SIMULATOR"], headers=headers, timeout=10)


def _send(phone: str, kind: str, body: str) -> None:
    message = {"phone": phone, "message": body, "device": os.environ["BASELINE_DEVICE"], "reference": f"{kind} {phone}"}
    answer = platform().post("/v1/messages", json=message)
    answer.raise_for_status()
    with database().transaction():
        database().execute(SAID, (phone, kind, body, answer.json()["id"], datetime.now(UTC)))
        if kind == "message_1":
            database().execute(PERSON, (phone,))


@app.task(name="baseline.send_message_1")  # type: ignore[untyped-decorator]
def send_message_1(phone: str) -> None:
    """Message 1, and the end of the window as a task of its own."""
    _send(phone, "message_1", "Hello there")
    close_window.apply_async((phone,), countdown=WINDOW_SECONDS)


@app.task(name="baseline.send_message_2")  # type: ignore[untyped-decorator]
def send_message_2(phone: str) -> None:
    """The answer to a reply."""
    _send(phone, "message_2", "Thanks, here is more.")
    with database().transaction():
        database().execute(REPLIED, (phone,))


@app.task(name="baseline.close_window")  # type: ignore[untyped-decorator]
def close_window(phone: str) -> None:
    """The end of the window."""
    with database().transaction():
        database().execute(CLOSED, (phone,))


@app.task(name="baseline.follow_up")  # type: ignore[untyped-decorator]
def follow_up(phone: str) -> None:
    """A message that is to go out after a long wait."""
    _send(phone, "follow_up", "Still interested?")
