"""The faults that the drill knows, in the order in which they are run."""

from cli.drill.fault import Fault
from cli.drill.faults import (
    database_crashes,
    lost_answers,
    outages,
    rates,
    stop_in_flight,
    stops,
    temporal_kills,
    webhook_storm,
    worker_kills,
)

FAULTS = (
    Fault("F01", "the worker is killed", worker_kills.run),
    Fault("F03", "answers get lost", lost_answers.run, "platform"),
    Fault("F04", "webhooks storm", webhook_storm.run),
    Fault("F05", "STOP arrives in flight", stop_in_flight.run, "platform"),
    Fault("F07", "PostgreSQL crashes", database_crashes.run),
    Fault("F08", "Temporal is killed", temporal_kills.run),
    Fault("F13", "rates, caps and many workers", rates.run),
    Fault("F14", "platforms in trouble", outages.run, "platform"),
    Fault("F15", "workers are stopped", stops.run),
)
