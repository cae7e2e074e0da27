# SPDX-License-Identifier: MIT
"""Beginning and end of the demonstration: whatever happens between, nothing stays behind."""

import os
import subprocess
import sys
import time

from mcrlab import Failure, paths
from mcrlab.process import ProcessError, become_reaper, reap
from mcrlab.rundir import run_directory
from mcrlab.scenario import Scenario

from . import acts, screen
from .interrupt import Interrupted, Interrupts

STATUS_FAILED = 1
STATUS_PIPE = 128 + 13

# Errors of the programs, the lab and the operating system.
TROUBLE = (ProcessError, Failure, OSError, ValueError, KeyError, subprocess.SubprocessError)


class CannotStart(Exception):
    """There is nothing to show, and why: one line."""


def _build_lab(run_dir):
    try:
        for name in ("mcrlab", "mcrd", "mcrctl", "mcrgen", "mcrsink"):
            paths.program(name)
    except paths.NotBuilt as error:
        raise CannotStart(error) from error
    try:
        return Scenario("chain3", run_dir)
    except (ProcessError, OSError, ValueError) as error:
        hint = "" if os.geteuid() == 0 else "; run it as root: sudo make demo"
        raise CannotStart(f"cannot build the lab: {error}{hint}") from error


def _describe(error):
    if isinstance(error, (Failure, ProcessError)):
        return str(error)
    if isinstance(error, ConnectionError):
        return f"the connection to the relay's control socket broke ({error})"
    return f"{type(error).__name__}: {error}"


def _say(error):
    screen.say()
    screen.say(screen.coloured("FAILED", screen.RED))
    screen.error(_describe(error))


def _play(t, interrupts, started):
    """The exit status of the story."""
    try:
        acts.play(t, interrupts)
        screen.heading("Cleaning up")
        faults = t.close()
        for fault in faults:
            screen.error(fault)
        if faults:
            return STATUS_FAILED
        screen.paragraph("Relay, generators, sinks and namespaces are gone.  "
                         f"The demo took {time.monotonic() - started:.1f} s.")
        return 0
    except BaseException as error:
        faults = t.close()
        if interrupts.signo is None and not isinstance(error, screen.Closed):
            _explain(t, faults)
        for fault in faults:
            if fault.startswith("left behind"):
                screen.error(fault)
        raise


def _explain(t, faults):
    """The logs go with the temporary directory: show the end of those that matter now."""
    for fault in faults:
        screen.error(fault)
    for process in t.processes:
        if process.name.startswith("mcrd"):
            lines = (process.stdout() + process.stderr()).splitlines()[-12:]
            screen.error(f"the last lines that {process.name} logged:")
            for line in lines:
                print(f"    {line}", file=sys.stderr)


def _run(interrupts, run_dir):
    started = time.monotonic()
    try:
        interrupts.check()
        t = _build_lab(run_dir)
        return _play(t, interrupts, started)
    except Interrupted:
        pass
    except screen.Closed:
        # Nobody reads on.  Python flushes once more at exit, and should not meet the same end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return STATUS_PIPE
    except CannotStart as error:
        if interrupts.signo is None:
            screen.error(error)
            return STATUS_FAILED
    except TROUBLE as error:
        # On a terminal Ctrl-C reaches every process: that one of them fails is then no news.
        if interrupts.signo is None:
            _say(error)
            return STATUS_FAILED
    screen.error("interrupted; everything it had started is stopped and removed")
    return 128 + interrupts.signo


def run():
    """Returns the exit status."""
    interrupts = Interrupts()
    become_reaper()  # the children of a relay that was killed come to us
    try:
        with run_directory() as run_dir:
            try:
                return _run(interrupts, run_dir)
            finally:
                reap()
    finally:
        interrupts.close()
