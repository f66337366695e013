"""How often a part may die: the pure choice between starting it again, after how long, and giving up."""

from collections import deque
from dataclasses import dataclass, field
from signal import SIGINT, SIGKILL, SIGTERM

WINDOW_SECONDS = 60.0
OWN_DEATHS = 8
KILLS = 60
FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0
OUTSIDE = {-SIGKILL, -SIGTERM, -SIGINT}


@dataclass
class Deaths:
    """The recent deaths of one part. Being killed from outside is held against it far less than ending by itself."""

    own: deque[float] = field(default_factory=deque)
    kills: deque[float] = field(default_factory=deque)

    def delay_after(self, exit_status: int, now: float) -> float | None:
        """Seconds to wait before the next start, or None to give up; `exit_status` is negative for a signal."""
        for times in (self.own, self.kills):
            while times and times[0] < now - WINDOW_SECONDS:
                times.popleft()
        (self.kills if exit_status in OUTSIDE else self.own).append(now)
        if len(self.own) > OWN_DEATHS or len(self.kills) > KILLS:
            return None
        return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** max(0, len(self.own) - 1))
