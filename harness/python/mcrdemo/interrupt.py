# SPDX-License-Identifier: MIT
"""Signals that end the demo, taken at points where everything started is known.

An exception out of a signal handler can fall between the start of a process and the moment
somebody remembers it.  So the handler only notes the signal, and check() and wait() raise.
"""

import os
import select
import signal
import time


class Interrupted(Exception):
    """A signal asked us to end."""


class Interrupts:
    """SIGINT, SIGTERM and SIGHUP, from now on."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self):
        self.signo = None
        self._read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for signo in self.SIGNALS:
            signal.signal(signo, self._note)

    def _note(self, signo, _frame):
        self.signo = self.signo or signo

    def close(self):
        """The end is near and its status known: no signal changes it any more."""
        signal.pthread_sigmask(signal.SIG_BLOCK, self.SIGNALS)

    def check(self):
        if self.signo:
            raise Interrupted

    def wait(self, until):
        """Wait until `until` on the monotonic clock."""
        while True:
            self.check()
            left = until - time.monotonic()
            if left <= 0:
                return
            if select.select([self._read], [], [], left)[0]:
                os.read(self._read, 64)
