"""Rehearses a campaign: the real workflows on a clock that skips, against a platform and people that are made up."""
