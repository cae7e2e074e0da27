# SPDX-License-Identifier: MIT
"""Runs the scenarios of a file and prints TAP, the Test Anything Protocol."""

import argparse
import contextlib
import ctypes
import dataclasses
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from . import paths
from .deadline import Deadline
from .expect import Failure, Skip
from .lab import LabImpossible
from .process import become_reaper, reap
from .rights import is_root
from .rundir import run_directory
from .scenario import Scenario

PR_SET_PDEATHSIG = 1

_scenarios = []


class DeadlineError(Exception):
    """The scenario took longer than it may."""


@dataclasses.dataclass(frozen=True)
class _Declared:
    """A scenario as its file declares it."""

    name: str
    function: object
    topology: object = None  # as of Lab; None is no lab
    deadline_s: int = 60  # for the function; building the lab and cleaning up come on top
    alone: bool = False   # needs the whole machine: nothing runs beside it
    wires: bool = False   # every link can be impaired
    root: object = False  # cannot be done in a user namespace; a text says why
    record: bool = True   # keeps packets for a failure, if the runner asks for that


def scenario(name, topology=None, deadline_s=60, **declared):
    """Make a function of one argument a scenario; see _Declared for what else can be said."""
    def register(function):
        _scenarios.append(_Declared(name, function, topology, deadline_s, **declared))
        return function
    return register


@contextlib.contextmanager
def _at_most(seconds):
    """Interrupt the block by DeadlineError when it takes longer."""
    deadline = Deadline(seconds, at_once=True)

    def on_alarm(_signo, _frame):
        if deadline.passed():
            raise DeadlineError("the scenario's deadline has passed")
        signal.alarm(1)
    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(deadline.seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def _artifacts(name):
    """A new directory for the evidence of a scenario that failed."""
    base = os.environ.get("MCR_ARTIFACTS")
    safe = "".join(c if c.isalnum() else "-" for c in name)[:60]
    if base:
        path = Path(base) / f"{Path(sys.argv[0]).stem}-{safe}"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path
    return Path(tempfile.mkdtemp(prefix=f"mcr-failure-{safe}-"))


def _attempt(t, function, deadline_s):
    """Returns what the scenario raised, or None; the alarm is off afterwards."""
    try:
        with _at_most(deadline_s):
            function(t)
        return None
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        return error


def _close(t, path, name):
    """Clean up; returns faults and the directory where the evidence is, if anything failed."""
    with _at_most(60):
        faults = t.close()
    if faults and not path:
        path = _artifacts(name)
        (path / "failure").write_text("".join(f"{fault}\n" for fault in faults))
        if t.lab:
            (path / "topology").write_text(t.lab.drawing())
    if path:
        shutil.copytree(t.log_dir, path, dirs_exist_ok=True)
    return faults, path


def _wait_for_person(t):
    """Leave everything as it is until somebody has looked at it."""
    how = "without a lab"
    if t.lab:
        how = f"mcrlab shell {t.lab.name} NODE   ({' '.join(t.lab.nodes)})"
    print(f"# kept up: {how}; Enter ends it", flush=True)
    try:
        sys.stdin.readline()
    except KeyboardInterrupt:
        pass


def _start(one, run_dir):
    """Returns (what the scenario is given, None) or (None, error)."""
    if one.root and not is_root():
        return None, Skip("needs root" if one.root is True else f"needs root: {one.root}")
    record = one.record and not one.alone and bool(os.environ.get("MCR_PCAP"))
    try:
        return Scenario(one.topology, run_dir, wires=one.wires, record=record), None
    except LabImpossible as error:
        return None, Skip(error)
    except Exception as error:  # the lab itself could not be built
        return None, error


def _run(one, keep):
    """Returns (None or error, faults, diagnostics, place of the evidence)."""
    path = None
    with run_directory() as run_dir:
        try:
            t, error = _start(one, run_dir)
            if t is None:
                return error, [], [], None
            try:
                error = _attempt(t, one.function, one.deadline_s)
                if error and not isinstance(error, Skip):
                    path = _artifacts(one.name)
                    t.save(path, error)
                    if keep:
                        _wait_for_person(t)
            finally:
                faults, path = _close(t, path, one.name)
            return error, faults, t.diagnostics, path
        finally:
            reap()


def _place(error):
    """Where in the scenario's own file it happened."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if "mcrlab" not in Path(frame.filename).parts:
            return f"{Path(frame.filename).name}:{frame.lineno}: "
    return ""


def _comment(text):
    for line in str(text).splitlines():
        print(f"# {line}")


def _print_result(number, name, seconds, result):
    error, faults, diagnostics, path = result
    failed = faults or (error and not isinstance(error, Skip))
    line = f"{'not ok' if failed else 'ok'} {number} - {name}"
    if isinstance(error, Skip) and not faults:
        line += f" # SKIP {error}"
    else:
        line += f" ({seconds:.3f} s)"
    print(line)
    for text in diagnostics:
        _comment(text)
    if error and not isinstance(error, Skip):
        speaks_for_itself = isinstance(error, (Failure, paths.NotBuilt))
        kind = "" if speaks_for_itself else f"{type(error).__name__}: "
        _comment(f"{_place(error)}{kind}{error}")
    for fault in faults:
        _comment(fault)
    if path:
        _comment(f"kept: {path}")
    sys.stdout.flush()
    return failed


def _arguments():
    parser = argparse.ArgumentParser(description="Run the scenarios of this file, as TAP.")
    parser.add_argument("filter", nargs="*", metavar="FILTER",
                        help="part of a scenario's name; of several each adds its own")
    parser.add_argument("--list", action="store_true", help="print their names instead")
    parser.add_argument("--describe", action="store_true", help="the same for programs, as JSON")
    parser.add_argument("--alone", action="store_true",
                        help="only those that need the whole machine")
    parser.add_argument("--shared", action="store_true", help="only those that do not")
    parser.add_argument("--keep", action="store_true",
                        help="after a failure leave the lab up until Enter")
    return parser.parse_args()


def _refuse(reason):
    """End with one line on standard error, and status 1."""
    sys.exit(f"{Path(sys.argv[0]).name}: {reason}")


def _choose(arguments):
    for word in arguments.filter:
        if not any(word in one.name for one in _scenarios):
            _refuse(f"no scenario has '{word}' in its name; --list shows them")
    return [one for one in _scenarios
            if (not arguments.filter or any(word in one.name for word in arguments.filter))
            and not (arguments.alone and not one.alone)
            and not (arguments.shared and one.alone)]


def _describe(chosen):
    for one in chosen:
        print(json.dumps({"name": one.name, "alone": one.alone, "deadline_s": one.deadline_s,
                          "lab": one.topology is not None}))


def _check_built(chosen):
    """Without the program that builds labs every scenario would say the same."""
    if any(one.topology is not None for one in chosen):
        try:
            paths.program("mcrlab")
        except paths.NotBuilt as error:
            _refuse(error)


def main():
    """Run the scenarios of the calling file, or those whose name contains an argument.

    Prints TAP, and ends with status 0 when none has failed, else 1.
    """
    arguments = _arguments()
    chosen = _choose(arguments)
    if arguments.list:
        print("".join(f"{one.name}\n" for one in chosen), end="")
        return
    if arguments.describe:
        _describe(chosen)
        return
    _check_built(chosen)
    become_reaper()
    runner = os.environ.pop("MCR_RUNNER", None)
    if runner is not None:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != int(runner):
            sys.exit(1)
    failures = 0
    print(f"1..{len(chosen)}" + ("" if chosen else " # SKIP no scenario of that kind"), flush=True)
    for number, one in enumerate(chosen, 1):
        start = time.monotonic()
        result = _run(one, arguments.keep)
        failures += bool(_print_result(number, one.name, time.monotonic() - start, result))
    sys.exit(1 if failures else 0)
