# SPDX-License-Identifier: MIT
"""Runs the scenarios of a file and prints TAP, the Test Anything Protocol."""

import ctypes
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from .scenario import Failure, Scenario, Skip

PR_SET_CHILD_SUBREAPER = 36

_scenarios = []


class DeadlineError(Exception):
    """The scenario took longer than it may."""


def scenario(name, topology=None, deadline_s=60):
    """Make a function of one argument a scenario."""
    def register(function):
        _scenarios.append((name, topology, deadline_s, function))
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
    if path:
        shutil.copytree(run_dir / "logs", path, dirs_exist_ok=True)
    return faults, path


def _run(name, topology, deadline_s, function):
    """Returns (None or error, faults, diagnostics, place of the evidence)."""
    run_dir = Path(tempfile.mkdtemp(prefix="mcrlab-"))
    run_dir.chmod(0o755)
    path = None
    try:
        try:
            t = Scenario(topology, run_dir)
        except Exception as error:  # the lab itself could not be built
            return error, [], [], None
        error = None
        try:
            error = _attempt(t, function, deadline_s)
            if error and not isinstance(error, Skip):
                path = _keep(t, name, error, run_dir)
        finally:
            faults, path = _close(t, path, name, run_dir)
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


def main():
    """Run the scenarios of the calling file, or those whose name contains argv[1].

    --list prints their names instead.
    """
    if sys.argv[1:] == ["--list"]:
        for name, *_ in _scenarios:
            print(name)
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGALRM, _on_alarm)
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    chosen = [one for one in _scenarios if wanted in one[0]]
    failures = 0
    print(f"1..{len(chosen)}" + ("" if chosen else " # SKIP no scenario of that name"))
    for number, (name, topology, deadline_s, function) in enumerate(chosen, 1):
        start = time.monotonic()
        result = _run(name, topology, deadline_s, function)
        failures += bool(_print_result(number, name, time.monotonic() - start, result))
    sys.exit(1 if failures else 0)
