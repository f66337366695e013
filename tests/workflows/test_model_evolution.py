"""What travels through histories can still be read by code that is older or newer than its writer (F10).

The SDK drops a signal that it cannot decode without a word, and a workflow whose input cannot be decoded never goes on.
"""

import json
from datetime import UTC, datetime
from enum import Enum
from inspect import getmembers, isclass
from types import ModuleType, NoneType, UnionType
from typing import Any, Union, get_args, get_origin
from uuid import UUID

import pytest
from pydantic import BaseModel
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter

from domain import campaigns, deliveries, pacing, signals
from domain.campaigns import CampaignInput
from domain.deliveries import DeliveryRequest
from domain.pacing import Pacing
from domain.signals import ReplyReceived, StopRequest
from workflows import ports
from workflows.ports import EnrollmentInput, ReleaseRequest, SweepRequest

CONVERTER = pydantic_data_converter.payload_converter
SOME_ID = "11111111-2222-4333-8444-555555555555"
SOME_TIME = "2026-01-02T03:04:05Z"


def models_of(module: ModuleType) -> list[type[BaseModel]]:
    """The models that a module itself defines."""
    found = getmembers(module, lambda thing: isclass(thing) and issubclass(thing, BaseModel))
    return [model for _, model in found if model.__module__ == module.__name__]


MODELS = [model for module in (signals, campaigns, deliveries, pacing, ports) for model in models_of(module)]
SIGNALS: list[type[BaseModel]] = [ReplyReceived, StopRequest]

FIRST_RELEASE: dict[type[BaseModel], dict[str, Any]] = {
    ReplyReceived: {"interaction_id": SOME_ID, "received_at": SOME_TIME},
    StopRequest: {"reason": "opted_out"},
    EnrollmentInput: {
        "enrollment": {"tenant_id": SOME_ID, "campaign_id": SOME_ID, "contact_id": SOME_ID},
        "channel_id": SOME_ID,
        "rate_per_second": 1.5,
        "reply_window_seconds": 86400.0,
        "generation": 2,
    },
    CampaignInput: {"campaign": {"tenant_id": SOME_ID, "campaign_id": SOME_ID, "reopen": True}, "state": None},
    DeliveryRequest: {
        "tenant_id": SOME_ID,
        "channel_id": SOME_ID,
        "contact_id": SOME_ID,
        "kind": "message_2",
        "idempotency_key": "campaign/c/contact/d/message-2",
        "campaign_id": SOME_ID,
        "scheduled_at": SOME_TIME,
        "interaction_id": SOME_ID,
    },
    ReleaseRequest: {"tenant_id": SOME_ID, "campaign_id": None, "channel_id": SOME_ID, "limit": 1},
    SweepRequest: {"older_than_seconds": 5.0, "limit": 500},
}
"""What the first release wrote, to the letter. Never edit: histories hold it for as long as a campaign runs."""


def sample(annotation: Any) -> Any:
    """A value of a field, in its JSON form; of a choice, the first that is not None."""
    if get_origin(annotation) in (Union, UnionType):
        return sample(next(choice for choice in get_args(annotation) if choice is not NoneType))
    if isclass(annotation) and issubclass(annotation, BaseModel):
        return {} if annotation is Pacing else written(annotation)
    if isclass(annotation) and issubclass(annotation, Enum):
        return next(iter(annotation)).value
    return {UUID: SOME_ID, datetime: SOME_TIME, int: 3, float: 1.0, str: "a text", bool: True}[annotation]


def written(model: type[BaseModel]) -> dict[str, Any]:
    """A model with every field, as JSON."""
    return {name: sample(field.annotation) for name, field in model.model_fields.items()}


def read(model: type[BaseModel], value: object) -> BaseModel:
    """What Temporal makes of this JSON where the model is expected."""
    payload = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value).encode())
    [decoded] = CONVERTER.from_payloads([payload], [model])
    assert isinstance(decoded, model)
    return decoded


def write(value: BaseModel) -> dict[str, Any]:
    """What Temporal stores of a model."""
    [payload] = CONVERTER.to_payloads([value])
    stored: dict[str, Any] = json.loads(payload.data)
    return stored


def optional(model: type[BaseModel]) -> list[str]:
    """Fields that a writer may not have known."""
    return [name for name, field in model.model_fields.items() if not field.is_required()]


@pytest.mark.parametrize("model", MODELS)
def test_what_is_written_is_read_back(model: type[BaseModel]) -> None:
    value = read(model, written(model))

    assert read(model, write(value)) == value


@pytest.mark.parametrize("model", MODELS)
def test_a_newer_writers_extra_fields_are_passed_over(model: type[BaseModel]) -> None:
    added = {"added_later": {"anything": [1, 2]}, "and_this": None}

    assert read(model, written(model) | added) == read(model, written(model))


@pytest.mark.parametrize("model", MODELS)
def test_an_older_writers_missing_fields_take_their_defaults(model: type[BaseModel]) -> None:
    full = written(model)
    for name in optional(model):
        assert read(model, {key: value for key, value in full.items() if key != name})
    required = {key: value for key, value in full.items() if key not in optional(model)}
    fresh = read(model, required)
    for name in optional(model):
        assert getattr(fresh, name) == getattr(model.model_validate(required), name)


@pytest.mark.parametrize("model", SIGNALS)
def test_a_signal_needs_no_field_at_all(model: type[BaseModel]) -> None:
    assert optional(model) == list(model.model_fields)
    assert read(model, {}) == model()


@pytest.mark.parametrize("model", FIRST_RELEASE)
def test_what_the_first_release_wrote_is_read_without_loss(model: type[BaseModel]) -> None:
    value = read(model, FIRST_RELEASE[model])

    again = write(value)

    assert {name: again[name] for name in FIRST_RELEASE[model]} == _in_full(model)


@pytest.mark.parametrize("model", FIRST_RELEASE)
def test_the_first_release_can_read_what_is_written_today(model: type[BaseModel]) -> None:
    """It knows these names and these JSON types, and passes over the rest."""
    today = write(read(model, FIRST_RELEASE[model]))

    for name, value in FIRST_RELEASE[model].items():
        assert type(today[name]) is type(value), name


def _in_full(model: type[BaseModel]) -> dict[str, Any]:
    """The first release's form with nested fields that were added since."""
    value = json.loads(read(model, FIRST_RELEASE[model]).model_dump_json())
    for name, stored in FIRST_RELEASE[model].items():
        if isinstance(stored, dict):
            assert stored.items() <= value[name].items(), name
        else:
            assert value[name] == stored, name
    return {name: value[name] for name in FIRST_RELEASE[model]}


def test_times_keep_their_instant() -> None:
    reply = read(ReplyReceived, FIRST_RELEASE[ReplyReceived])

    assert isinstance(reply, ReplyReceived)
    assert reply.received_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert reply.interaction_id == UUID(SOME_ID)
