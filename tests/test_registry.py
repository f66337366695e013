"""Nothing is forgotten: every workflow and activity is registered, and ports and implementations agree on names."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from unittest.mock import Mock

import pytest
from temporalio import activity, workflow
from temporalio.client import Client

import workflows
from activities.campaigns import CampaignRecords
from activities.channels import ChannelChecks
from activities.deliveries import ChannelDeliveries
from activities.enrollments import EnrollmentRecords
from activities.holds import HeldDeliveries
from activities.inbound import InboundEvents
from db.engine import Database
from db.secrets import SecretBox
from worker import Implementations
from workflows import ports
from workflows.registry import WORKFLOWS

PORTS: dict[type, type] = {
    ports.Campaigns: CampaignRecords,
    ports.Channels: ChannelChecks,
    ports.Deliveries: ChannelDeliveries,
    ports.Enrollments: EnrollmentRecords,
    ports.Holds: HeldDeliveries,
    ports.Inbound: InboundEvents,
}


def activities_of(owner: object) -> dict[str, str]:
    """Method names and the names by which their activities are known."""
    found = {}
    for name, method in inspect.getmembers(owner, callable):
        definition = activity._Definition.from_callable(method) if not name.startswith("__") else None
        if definition is not None:
            found[name] = str(definition.name)
    return found


def modules() -> Iterator[object]:
    """Every module of the room."""
    for found in pkgutil.iter_modules(workflows.__path__):
        yield importlib.import_module(f"workflows.{found.name}")


def test_every_port_is_listed_here() -> None:
    declared = {port for _, port in inspect.getmembers(ports, inspect.isclass) if activities_of(port)}
    assert declared == set(PORTS)


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
def test_port_and_implementation_agree_on_names(port: type) -> None:
    assert activities_of(PORTS[port]) == activities_of(port)


def test_every_activity_is_registered_with_a_worker() -> None:
    database, client = Mock(spec=Database), Mock(spec=Client)
    work = Implementations(
        deliveries=Mock(spec=ChannelDeliveries),
        enrollments=EnrollmentRecords(database),
        campaigns=CampaignRecords(database, client),
        holds=HeldDeliveries(database, client),
        inbound=InboundEvents(database, client),
        channels=ChannelChecks({}, Mock(spec=SecretBox)),
    )
    registered = {name for method in work.records for name in activities_of_method(method)} | {"deliveries.send"}
    assert registered == {name for port in PORTS for name in activities_of(port).values()}
    assert len(work.sends) == 1


def activities_of_method(method: object) -> list[str]:
    """The activity name of one bound method."""
    assert callable(method)
    definition = activity._Definition.from_callable(method)
    return [] if definition is None else [str(definition.name)]


def test_every_workflow_is_registered() -> None:
    defined = {
        found
        for module in modules()
        for _, found in inspect.getmembers(module, inspect.isclass)
        if workflow._Definition.from_class(found) is not None
    }
    assert defined == set(WORKFLOWS)
