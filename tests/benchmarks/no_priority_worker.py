"""Our worker with every send at the same priority: what the engine would be without it. For comparison only."""

import sys

from domain.statuses import BULK_PRIORITY, SEND_PRIORITY
from worker import main

if __name__ == "__main__":
    # Workflows take this module from outside their sandbox, and the gate reads it too, so both treat all sends alike.
    SEND_PRIORITY.update(dict.fromkeys(SEND_PRIORITY, BULK_PRIORITY))
    sys.exit(main())
