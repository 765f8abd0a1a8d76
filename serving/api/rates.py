"""How many requests a key may send in a minute. Only keys are counted: strangers can neither use up a budget nor fill the memory."""

from __future__ import annotations

import math
import time
from typing import Final

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from serving.access.keyring import Caller

_BOOTSTRAP: Final = "environment"  # no id of a key


class Rates:
    """The requests of the last minute, by key."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def wait_s(self, caller: Caller) -> int | None:
        """Count a request. Returns the seconds to wait if it is one too many, which is not counted; else None."""
        if caller.requests_per_minute is None:
            return None
        most, name = RateLimitItemPerMinute(caller.requests_per_minute), caller.key_id or _BOOTSTRAP
        if self._limiter.hit(most, name):
            return None
        free_again = self._limiter.get_window_stats(most, name).reset_time
        return max(math.ceil(free_again - time.time()), 1)
