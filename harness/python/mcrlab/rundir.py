# SPDX-License-Identifier: MIT
"""A directory for temporary files for as long as a scenario runs, also removed after a kill.

The file `lock` in it is locked (flock(2)) by the process that made it.  The kernel unlocks it
however that process ends, and no program that it starts inherits the lock.  A directory whose
lock is free has therefore been abandoned, and the next scenario removes it.  A directory
without that file, and evidence of failures, which has another prefix, are never touched.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "mcrlab-"
LOCK = "lock"


def _lock(directory):
    """Returns the descriptor that holds the lock; under its name it appears locked."""
    new = directory / "lock.new"
    fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    new.rename(directory / LOCK)
    return fd


def _remove_if_abandoned(directory):
    try:
        if directory.lstat().st_uid != os.geteuid():
            return
        fd = os.open(directory / LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # it is gone meanwhile, or not of this kind
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(directory, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(fd)


@contextlib.contextmanager
def run_directory():
    """Its path, a Path; other users may look into it.  It is removed when the block ends."""
    for directory in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        _remove_if_abandoned(directory)
    directory = Path(tempfile.mkdtemp(prefix=PREFIX))
    fd = _lock(directory)
    try:
        directory.chmod(0o755)  # a relay that has given up root works in there
        yield directory
    finally:
        shutil.rmtree(directory)
        os.close(fd)
