# SPDX-License-Identifier: MIT
"""Shared by the tests of labs: mcrlab's command line, and which processes are left."""

import subprocess
from pathlib import Path

from mcrlab import paths, scaled
from mcrlab.proc import children


def mcrlab(*args, deadline_s=20, **options):
    """mcrlab to its end, whatever its status."""
    return subprocess.run([paths.program("mcrlab"), *map(str, args)], text=True,
                          capture_output=True, timeout=scaled(deadline_s), env=paths.environment(),
                          check=False, **options)


def gone(pid):
    """Has the process ended?"""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return True


def helper(holder, name):
    """A helper process of a lab's holder, by the name that ps shows."""
    for pid in children(holder):
        try:
            comm = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended since it was listed
        if comm.strip() == name:
            return pid
    return None


def one_line(t, done, status, message, what):
    """It has failed in the way that is promised: this status, this one line, and nothing else."""
    t.equal((done.returncode, done.stdout), (status, ""), f"{what}: status and output")
    t.equal(len(done.stderr.splitlines()), 1, f"{what}: lines in {done.stderr!r}")
    t.true(message in done.stderr, f"{what}: {done.stderr.strip()}")
