# SPDX-License-Identifier: MIT
"""A deadline that does not run while the programs of a test wait for a processor.

On a machine with more to do than it has processors, a test's programs run now and then, and what
they have to do takes as much longer.  That is no failure of theirs.  So the time in which they were
ready to run and did not (proc(5), schedstat) is added to the deadline, up to MOST times its length.
"""

import contextlib
import os
import time

from .proc import children
from .slow import scaled

MOST = 4
LOOK_AFTER_S = 0.5  # of a wait that is over before, nobody asks how busy the machine was


def _descendants(pid):
    for child in children(pid):
        yield child
        yield from _descendants(child)


def _waited_s():
    """{pid: seconds for which it has waited for a processor}, of this process and its descendants."""
    found = {}
    for pid in [os.getpid(), *_descendants(os.getpid())]:
        with contextlib.suppress(OSError, IndexError):
            with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
                found[pid] = int(file.read().split()[1]) / 1e9
    return found


def _ready(pids):
    """Is one of them ready to run?  The kernel books its waiting time when it runs."""
    for pid in pids:
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                if pid != os.getpid() and file.read().rpartition(")")[2].split()[0] == "R":
                    return True
    return False


class Deadline:
    """`seconds` from now on, times MCR_SLOW; None is never.

    How long programs had waited before is looked up at the first passed() that comes LOOK_AFTER_S
    after the beginning; with `at_once` it is looked up now.
    """

    def __init__(self, seconds, at_once=False):
        self.seconds = scaled(seconds)
        self._begin = time.monotonic()
        self._before = _waited_s() if at_once else None

    def look_again_s(self):
        """How long to sleep at most before passed() is asked again; None is for ever."""
        if self.seconds is None:
            return None
        left_s = self._begin + self.seconds - time.monotonic()
        return min(max(left_s, 0.02), LOOK_AFTER_S)

    def passed(self):
        """Has the time come?"""
        if self.seconds is None:
            return False
        elapsed = time.monotonic() - self._begin
        if self._before is None and elapsed >= LOOK_AFTER_S:
            self._before = _waited_s()
        if elapsed < self.seconds:
            return False
        if self._before is None or elapsed >= MOST * self.seconds:
            return True
        now = _waited_s()
        waited = max(seconds - self._before.get(pid, 0) for pid, seconds in now.items())
        return elapsed - waited >= self.seconds and not (waited and _ready(now))
