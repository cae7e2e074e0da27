# SPDX-License-Identifier: MIT
"""Processes with a ready handshake, a log, and an end that has a deadline."""

import os
import re
import select
import signal
import subprocess
import time

from . import paths


SANITIZER = re.compile(r"(ERROR|WARNING): \w*Sanitizer|: runtime error:")


def sanitizer_report(text):
    """The beginning of what a sanitizer has written; empty when it has written nothing."""
    match = SANITIZER.search(text)
    return text[match.start():][:500] if match else ""


class ProcessError(Exception):
    """A process did not start, did not get ready, or did not end as it should."""


class Process:
    """A program, in a node of the lab when one is given, else where the test itself runs.

    Standard output and standard error go to files in `log_dir`; `fds` are passed on.
    """

    def __init__(self, name, argv, *, lab=None, node=None, log_dir, env=None, stdin=None,
                 fds=()):
        self.name = name
        self.stdout_path = log_dir / f"{name}.out"
        self.stderr_path = log_dir / f"{name}.err"
        self.argv = [str(arg) for arg in argv]
        if node is not None:
            self.argv = [paths.program("netlab"), "exec", lab.name, node, "--"] + self.argv
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            self.popen = subprocess.Popen(self.argv, stdin=stdin or subprocess.DEVNULL,
                                          stdout=out, stderr=err, env=env or paths.environment(),
                                          pass_fds=fds)
        self.pid = self.popen.pid
        self._pidfd = os.pidfd_open(self.pid)

    @property
    def running(self):
        return self.popen.poll() is None

    @property
    def returncode(self):
        return self.popen.poll()

    def stdout(self):
        return self.stdout_path.read_text(errors="replace")

    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    def send_signal(self, signo):
        if self.running:
            signal.pidfd_send_signal(self._pidfd, signo)

    def wait_fd(self, fd, deadline_s, what):
        """Wait until `fd` is readable; the end of the process and the deadline are errors."""
        readable, _, _ = select.select([fd, self._pidfd], [], [], deadline_s)
        if fd in readable:
            return
        if not readable:
            raise ProcessError(f"{self.name}: not {what} within {deadline_s} s")
        self.wait(1)
        raise ProcessError(f"{self.name}: ended with status {self.returncode} before it was {what}: "
                           f"{self.stderr().strip()[-2000:]}")

    def wait_ready(self, fd, deadline_s=10):
        """Wait for the byte that says it is ready, and close `fd`."""
        try:
            self.wait_fd(fd, deadline_s, "ready")
            if os.read(fd, 1) == b"":
                self.wait(deadline_s)
                raise ProcessError(f"{self.name}: ended with status {self.returncode} before it was "
                                   f"ready: {self.stderr().strip()[-2000:]}")
        except BaseException:
            self.close()
            raise
        finally:
            os.close(fd)

    def wait(self, deadline_s):
        """Wait for its end.  Returns the status; negative is a signal, None the deadline."""
        readable, _, _ = select.select([self._pidfd], [], [], deadline_s)
        return self.popen.wait() if readable else None

    def stop(self, deadline_s=10, signo=signal.SIGTERM):
        """Ask it to end and wait.  Past the deadline it is killed, and that is an error."""
        self.send_signal(signo)
        status = self.wait(deadline_s)
        if status is None:
            self.send_signal(signal.SIGKILL)
            self.popen.wait()
            raise ProcessError(f"{self.name}: did not end within {deadline_s} s, was killed")
        return status

    def faults(self):
        """What is wrong with how it lived, as a list of texts."""
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


def children(pid):
    """The children of a process, as pids."""
    result = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                result += [int(child) for child in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return sorted(result)


def command_line(pid):
    """The argv of a process, as a list; empty when it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return [arg.decode(errors="replace") for arg in file.read().split(b"\0")[:-1]]
    except (FileNotFoundError, ProcessLookupError):
        return []


def pause():
    """Between two looks at a condition that nothing announces."""
    select.poll().poll(2)
