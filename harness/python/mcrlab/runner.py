# SPDX-License-Identifier: MIT
"""Runs the scenarios of a file and prints TAP, the Test Anything Protocol."""

import argparse
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

from .lab import LabImpossible
from .rights import is_root
from .scenario import Failure, Scenario, Skip

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

_scenarios = []


class DeadlineError(Exception):
    """The scenario took longer than it may."""


@dataclasses.dataclass(frozen=True)
class _Declared:
    """A scenario as its file declares it."""

    name: str
    function: object
    topology: object = None
    deadline_s: int = 60
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


def _on_alarm(_signo, _frame):
    raise DeadlineError("the scenario's deadline has passed")


def _reap():
    """Orphans of what a scenario started come to us; nothing else would collect them."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _artifacts(name):
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
    signal.alarm(deadline_s)
    try:
        function(t)
        return None
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        return error
    finally:
        signal.alarm(0)


def _keep(t, name, error, run_dir):
    path = _artifacts(name)
    t.save(path, error)
    return path


def _close(t, path, name, run_dir):
    """Clean up; returns faults and the directory where the evidence is, if anything failed."""
    signal.alarm(60)
    try:
        faults = t.close()
    finally:
        signal.alarm(0)
    if faults and not path:
        path = _artifacts(name)
        (path / "failure").write_text("".join(f"{fault}\n" for fault in faults))
        if t.lab:
            (path / "topology").write_text(t.lab.drawing())
    if path:
        shutil.copytree(run_dir / "logs", path, dirs_exist_ok=True)
    return faults, path


def _wait_for_person(t):
    """Leave everything as it is until somebody has looked at it."""
    nodes = " ".join(t.lab.nodes) if t.lab else ""
    print(f"# kept up: netlab shell {t.lab.name} NODE   ({nodes}); Enter ends it"
          if t.lab else "# kept as it is; Enter ends it", flush=True)
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
    run_dir = Path(tempfile.mkdtemp(prefix="mcrlab-"))
    run_dir.chmod(0o755)
    path = None
    try:
        t, error = _start(one, run_dir)
        if t is None:
            return error, [], [], None
        try:
            error = _attempt(t, one.function, one.deadline_s)
            if error and not isinstance(error, Skip):
                path = _keep(t, one.name, error, run_dir)
                if keep:
                    _wait_for_person(t)
        finally:
            faults, path = _close(t, path, one.name, run_dir)
        return error, faults, t.diagnostics, path
    finally:
        _reap()
        shutil.rmtree(run_dir)


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
        kind = "" if isinstance(error, Failure) else f"{type(error).__name__}: "
        _comment(f"{_place(error)}{kind}{error}")
    for fault in faults:
        _comment(fault)
    if path:
        _comment(f"kept: {path}")
    sys.stdout.flush()
    return failed


def _arguments():
    parser = argparse.ArgumentParser(description="Run the scenarios of this file, as TAP.")
    parser.add_argument("filter", nargs="*", help="part of a scenario's name")
    parser.add_argument("--list", action="store_true", help="print their names instead")
    parser.add_argument("--describe", action="store_true", help="the same for programs, as JSON")
    parser.add_argument("--alone", action="store_true",
                        help="only those that need the whole machine")
    parser.add_argument("--shared", action="store_true", help="only those that do not")
    parser.add_argument("--keep", action="store_true",
                        help="after a failure leave the lab up until Enter")
    arguments = parser.parse_args()
    arguments.filter = " ".join(arguments.filter)
    return arguments


def _describe(chosen):
    for one in chosen:
        print(json.dumps({"name": one.name, "alone": one.alone, "deadline_s": one.deadline_s}))


def main():
    """Run the scenarios of the calling file, or those whose name contains the argument."""
    arguments = _arguments()
    chosen = [one for one in _scenarios if arguments.filter in one.name
              and not (arguments.alone and not one.alone)
              and not (arguments.shared and one.alone)]
    if arguments.list:
        print("".join(f"{one.name}\n" for one in chosen), end="")
        return
    if arguments.describe:
        _describe(chosen)
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    runner = os.environ.pop("MCR_RUNNER", None)
    if runner is not None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != int(runner):
            sys.exit(1)
    signal.signal(signal.SIGALRM, _on_alarm)
    failures = 0
    print(f"1..{len(chosen)}" + ("" if chosen else " # SKIP no scenario of that name"), flush=True)
    for number, one in enumerate(chosen, 1):
        start = time.monotonic()
        result = _run(one, arguments.keep)
        failures += bool(_print_result(number, one.name, time.monotonic() - start, result))
    sys.exit(1 if failures else 0)
