"""The tables, by noun; importing this package makes the whole schema known."""

from db.tables.campaigns import Campaign, CampaignSample, Enrollment, Import, ImportProblem
from db.tables.channels import Channel, ChannelUsage
from db.tables.contacts import Contact, Interaction, Message, Suppression
from db.tables.deliveries import ActionLogLine, Delivery
from db.tables.inbound import InboundEvent
from db.tables.installation import Installation
from db.tables.people import SignInAttempts, SignInLink, User, UserSession
from db.tables.tenants import ApiKey, IdempotentAnswer, Tenant

__all__ = [
    "ActionLogLine",
    "ApiKey",
    "Campaign",
    "CampaignSample",
    "Channel",
    "ChannelUsage",
    "Contact",
    "Delivery",
    "Enrollment",
    "IdempotentAnswer",
    "Import",
    "ImportProblem",
    "InboundEvent",
    "Installation",
    "Interaction",
    "Message",
    "SignInAttempts",
    "SignInLink",
    "Suppression",
    "Tenant",
    "User",
    "UserSession",
]
