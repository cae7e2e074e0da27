# SPDX-License-Identifier: MIT
"""Expectations: what holds, what is waited for, and what ends a scenario."""

from .deadline import Deadline
from .process import pause


class Failure(AssertionError):
    """An expectation that does not hold."""


class Skip(Exception):
    """A scenario that cannot be run here, and why."""


def wait_until(predicate, deadline_s, what):
    """Wait until `predicate()` is true; returns what it returned.

    Past the deadline it raises Failure, which says `what` was waited for.
    """
    deadline = Deadline(deadline_s)
    while True:
        value = predicate()
        if value:
            return value
        if deadline.passed():
            raise Failure(f"not within {deadline.seconds} s: {what}")
        pause()


class Expectations:
    """The expectations of a scenario.  Its `diagnostics` are lines for the test's output."""

    def __init__(self):
        self.diagnostics = []

    def note(self, text):
        """A line of diagnostics in the test's output."""
        self.diagnostics.append(str(text))

    def fail(self, reason):
        """The scenario fails."""
        raise Failure(reason)

    def skip(self, reason):
        """The scenario cannot be run here; it ends as skipped."""
        raise Skip(reason)

    def true(self, condition, what):
        """Failure unless the condition holds; `what` says what should."""
        if not condition:
            raise Failure(what)

    def equal(self, actual, expected, what):
        """Failure, with both values, unless they are equal."""
        if actual != expected:
            raise Failure(f"{what}: is {actual!r}, should be {expected!r}")

    def between(self, actual, low, high, what):
        """Failure unless `actual` is at least `low` and at most `high`."""
        if not low <= actual <= high:
            raise Failure(f"{what}: is {actual!r}, should be from {low!r} to {high!r}")

    def raises(self, exception, call, *args, **options):
        """The exception that `call` raises; that it raises none is a failure."""
        try:
            call(*args, **options)
        except exception as error:
            return error
        raise Failure(f"{exception.__name__} was not raised")

    def once(self, trial, what, times=5):
        """`trial()` is true in one of a few runs, or Failure; `what` says what should be.

        For what a machine in trouble may spoil but never fake, such as an early end.
        """
        for _ in range(times):
            value = trial()
            if value:
                return value
        raise Failure(f"not in any of {times} runs: {what}")

    def wait_until(self, predicate, deadline_s, what):
        """See wait_until() of this module."""
        return wait_until(predicate, deadline_s, what)
