"""Every workflow of ours, for the worker and the tests."""

from workflows.campaign import Campaign
from workflows.channel_check import ChannelCheck
from workflows.channel_release import ChannelRelease
from workflows.enrollment import Enrollment
from workflows.inbound_sweep import InboundSweep
from workflows.single_delivery import SingleDelivery

WORKFLOWS: list[type] = [Campaign, ChannelCheck, ChannelRelease, Enrollment, InboundSweep, SingleDelivery]
