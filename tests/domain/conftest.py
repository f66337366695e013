"""Hypothesis for this room: no deadline, since shared machines are slow at random, and repeatable from its own seed."""

from hypothesis import settings

settings.register_profile("domain", deadline=None)
settings.load_profile("domain")
