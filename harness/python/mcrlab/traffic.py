# SPDX-License-Identifier: MIT
"""Generators and sinks: mcrgen and mcrsink in a node."""

import json
import os
import signal
import socket

from . import paths
from .process import Process, ProcessError
from .slow import scaled


def option_list(options):
    """Keyword arguments as options: flow_groups=True is --flow-groups, ttl=3 is --ttl 3."""
    result = []
    for key, value in options.items():
        if value is None or value is False:
            continue
        result.append("--" + key.replace("_", "-"))
        if value is not True:
            result.append(",".join(map(str, value)) if isinstance(value, (list, tuple))
                          else str(value))
    return result


class Gen(Process):
    """A generator that is ready to send; go() lets it start."""

    def __init__(self, name, interface, group, port, *, lab, node, log_dir, **options):
        ready_read, ready_write = os.pipe()
        go_read, self._go = os.pipe()
        argv = [paths.program("mcrgen"), "--interface", interface, "--group", group, "--port", port,
                "--json", "--ready-fd", ready_write, "--go-fd", go_read] + option_list(options)
        super().__init__(name, argv, lab=lab, node=node, log_dir=log_dir,
                         fds=(ready_write, go_read))
        os.close(ready_write)
        os.close(go_read)
        self.wait_ready(ready_read)

    def go(self):
        """It starts to send; nothing happens when it has done so before."""
        if self._go >= 0:
            os.close(self._go)
            self._go = -1

    def _report(self):
        text = self.stdout().strip()
        if not text:
            raise ProcessError(f"{self.name}: no report, status {self.returncode}: "
                               f"{self.stderr().strip()}")
        return json.loads(text.splitlines()[-1])

    def finish(self, deadline_s=30):
        """Let it send all it was asked for; returns its report."""
        self.go()
        if self.wait(deadline_s) is None:
            raise ProcessError(f"{self.name}: still sending after {deadline_s} s")
        return self._report()

    def stop(self, deadline_s=10, signo=signal.SIGTERM):
        """End it early; returns its report."""
        self.go()
        super().stop(deadline_s, signo)
        return self._report()

    def close(self):
        super().close()
        self.go()


class Sink(Process):
    """A sink that has joined and listens."""

    def __init__(self, name, interface, group, port, *, lab, node, log_dir, **options):
        ready_read, ready_write = os.pipe()
        self._control, theirs = socket.socketpair()
        groups = ",".join(group) if isinstance(group, (list, tuple)) else group
        argv = [paths.program("mcrsink"), "--interface", interface, "--group", groups,
                "--port", port, "--json", "--ready-fd", ready_write,
                "--control-fd", theirs.fileno()] + option_list(options)
        super().__init__(name, argv, lab=lab, node=node, log_dir=log_dir,
                         fds=(ready_write, theirs.fileno()))
        theirs.close()
        os.close(ready_write)
        self._control.settimeout(scaled(10))
        self._answers = self._control.makefile("r", encoding="utf-8")
        self.wait_ready(ready_read)

    def _ask(self, request):
        try:
            self._control.sendall(f"{request}\n".encode())
            line = self._answers.readline()
        except OSError as error:
            raise ProcessError(f"{self.name}: {error}") from error
        if not line:
            raise ProcessError(f"{self.name}: has ended")
        return json.loads(line)

    def received(self):
        """How many datagrams have arrived so far."""
        return self._ask("progress")["received"]

    def report(self):
        """The whole report as it stands now; the sink goes on."""
        return self._ask("report")

    def finish(self, expect=0, deadline_s=10, quiet_ms=100):
        """The final report, once `expect` datagrams have arrived and then nothing for `quiet_ms`.

        The silence shows that nothing comes on top of what was expected.  At the deadline what has
        arrived is reported; comparing it with what should have is up to the scenario.
        """
        if self.running:
            self._control.sendall(f"finish {expect} {quiet_ms}\n".encode())
            if self.wait(deadline_s) is None:
                self.send_signal(signal.SIGTERM)
                if self.wait(10) is None:
                    raise ProcessError(f"{self.name}: did not end on SIGTERM")
        text = self.stdout().strip()
        if self.returncode != 0 or not text:
            raise ProcessError(f"{self.name}: status {self.returncode}: {self.stderr().strip()}")
        return json.loads(text.splitlines()[-1])

    def close(self):
        super().close()
        self._answers.close()
        self._control.close()
