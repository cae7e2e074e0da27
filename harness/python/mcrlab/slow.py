# SPDX-License-Identifier: MIT
"""One factor for every deadline: the environment variable MCR_SLOW, a whole number from 1 to 1000.

The programs of the harness read it themselves (harness/base/slow.h).
"""

import os
import sys

MAX = 1000


def _factor():
    text = os.environ.get("MCR_SLOW", "1")
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX):
        sys.exit(f"MCR_SLOW is '{text}', not a whole number from 1 to {MAX}")
    return int(text)


SLOW = _factor()


def scaled(seconds):
    """A deadline on this machine: `seconds`, as often as MCR_SLOW says.  None stays None.

    The waits of this package scale their deadlines themselves; callers pass plain seconds.
    """
    return None if seconds is None else seconds * SLOW
