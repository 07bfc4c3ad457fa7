"""Mends time.sleep in programs that run on a WallClock; Python imports it before all else.

libfaketime lets sleeps until a moment of a monotonic clock that it does not fake fail with EINVAL.
"""

import select
import time
from typing import SupportsIndex


def sleep(seconds: float | SupportsIndex) -> None:
    """Sleep by a call that libfaketime leaves alone."""
    select.select([], [], [], float(seconds))


time.sleep = sleep
