# SPDX-License-Identifier: MIT
"""Processes with a ready handshake, a log, and an end that has a deadline."""

import ctypes
import os
import re
import select
import signal
import subprocess

from . import paths
from .deadline import Deadline

PR_SET_CHILD_SUBREAPER = 36

SANITIZER = re.compile(r"(ERROR|WARNING): \w*Sanitizer|: runtime error:")


def sanitizer_report(text):
    """The beginning of what a sanitizer has written; empty when it has written nothing."""
    match = SANITIZER.search(text)
    return text[match.start():][:500] if match else ""


def readable_within(fds, deadline_s):
    """Those of the descriptors that are readable; none of them at the deadline."""
    deadline = Deadline(deadline_s)
    while True:
        readable, _, _ = select.select(fds, [], [], deadline.look_again_s())
        if readable or deadline.passed():
            return readable


class ProcessError(Exception):
    """A process did not start, did not get ready, or did not end as it should."""


class Process:
    """A program, in a node of the lab when one is given, else where the test itself runs.

    Standard output and standard error go to files in `log_dir`, named `name`.out and .err; `env`
    is its whole environment, `fds` are passed on.  Raises OSError when it cannot be started.
    """

    def __init__(self, name, argv, *, lab=None, node=None, log_dir, env=None, stdin=None,
                 fds=()):
        self.name = name
        self.stdout_path = log_dir / f"{name}.out"
        self.stderr_path = log_dir / f"{name}.err"
        self.argv = [str(arg) for arg in argv]
        if node is not None:
            self.argv = [paths.program("mcrlab"), "exec", lab.name, node, "--"] + self.argv
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            self.popen = subprocess.Popen(self.argv, stdin=stdin or subprocess.DEVNULL,
                                          stdout=out, stderr=err, env=env or paths.environment(),
                                          pass_fds=fds)
        self.pid = self.popen.pid
        self._pidfd = os.pidfd_open(self.pid)

    @property
    def running(self):
        """Has it not ended yet?"""
        return self.popen.poll() is None

    @property
    def returncode(self):
        """Its exit status, negative for a signal; None while it runs."""
        return self.popen.poll()

    def stdout(self):
        """All that it has written to standard output so far, as text."""
        return self.stdout_path.read_text(errors="replace")

    def stderr(self):
        """All that it has written to standard error so far, as text."""
        return self.stderr_path.read_text(errors="replace")

    def send_signal(self, signo):
        """Send it a signal; nothing happens when it has ended."""
        if self.running:
            signal.pidfd_send_signal(self._pidfd, signo)

    def wait_fd(self, fd, deadline_s, what):
        """Wait until `fd` is readable; its end before that, or the deadline, is a ProcessError."""
        readable = readable_within([fd, self._pidfd], deadline_s)
        if fd in readable:
            return
        if not readable:
            raise ProcessError(f"{self.name}: not {what} within {deadline_s} s")
        raise self._ended_before(what)

    def _ended_before(self, what):
        """It ends, or has ended, without having got that far: the error that says so."""
        self.wait(10)
        return ProcessError(f"{self.name}: ended with status {self.returncode} before it was "
                            f"{what}: {self.stderr().strip()[-2000:]}")

    def wait_ready(self, fd, deadline_s=10):
        """Wait for the byte that says it is ready, and close `fd`; else it is a ProcessError."""
        try:
            self.wait_fd(fd, deadline_s, "ready")
            if os.read(fd, 1) == b"":
                raise self._ended_before("ready")
        except BaseException:
            self.close()
            raise
        finally:
            os.close(fd)

    def wait(self, deadline_s):
        """Wait for its end.  Returns the status; negative is a signal, None the deadline."""
        return self.popen.wait() if readable_within([self._pidfd], deadline_s) else None

    def stop(self, deadline_s=10, signo=signal.SIGTERM):
        """Ask it to end and wait; returns its status.

        Past the deadline it is killed, and that is a ProcessError.
        """
        self.send_signal(signo)
        status = self.wait(deadline_s)
        if status is None:
            self.send_signal(signal.SIGKILL)
            self.popen.wait()
            raise ProcessError(f"{self.name}: did not end within {deadline_s} s, was killed")
        return status

    def faults(self):
        """Faults of the process, as a list of texts."""
        report = sanitizer_report(self.stderr())
        return [f"{self.name}: the sanitizer reports: {report}"] if report else []

    def close(self):
        """Make sure that it is gone, whatever happened before."""
        if self._pidfd < 0:
            return
        if self.running:
            self.send_signal(signal.SIGCONT)
            self.send_signal(signal.SIGKILL)
        self.popen.wait()
        os.close(self._pidfd)
        self._pidfd = -1


def become_reaper():
    """From now on orphans of what this process starts become its children: prctl(2)."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap():
    """Collect every child that has ended; after become_reaper() nothing else would."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def pause():
    """Between two looks at a condition that nothing announces."""
    select.poll().poll(2)
