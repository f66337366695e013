"""The named patches of the workflows, and which of them may begin."""

from typing import Final

from temporalio.worker import PatchActivationInput

DORMANT: Final[frozenset[str]] = frozenset()
"""Patches that this version understands and does not begin, because workers that do not know them may still run.

A patch is released twice: dormant first, so that every worker learns to read its mark, then awake; see
docs/changing-workflows.md.
"""


def may_begin(patch: PatchActivationInput) -> bool:
    """Whether a run that meets a patch for the first time goes the new way."""
    return patch.patch_id not in DORMANT
