"""Chance that can be repeated: every run tells its seed, and `JOURNEY_SEED` takes one up again."""

import os
import random
import sys


def seeded() -> random.Random:
    """A source of chance whose seed stands in the test's output."""
    seed = int(os.environ.get("JOURNEY_SEED", random.randrange(10**6)))
    sys.stdout.write(f"JOURNEY_SEED={seed}\n")
    return random.Random(seed)
