# SPDX-License-Identifier: MIT
"""A lab, held by a mcrlab process that dies with us."""

import json
import os
import signal
import subprocess

from . import paths
from .process import ProcessError
from .slow import scaled


NOT_PERMITTED = 77  # exit status of `mcrlab up`


class LabImpossible(ProcessError):
    """This machine or this user cannot have such a lab."""


class Lab:
    """`topology` is the name of one that comes with the harness, a path, or a dict.

    With `wires` every link can be impaired, not only those whose topology says so.
    """

    def __init__(self, topology, wires=False):
        self.topology = json.dumps(topology) if isinstance(topology, dict) else str(topology)
        self.is_text = isinstance(topology, dict)
        fd = None
        if self.is_text:
            fd = os.memfd_create("topology")
            os.write(fd, self.topology.encode())
        what = f"/proc/self/fd/{fd}" if self.is_text else self.topology
        self.popen = subprocess.Popen([paths.program("mcrlab"), "up", what, "--foreground"]
                                      + ["--wires"] * wires,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True, env=paths.environment(),
                                      pass_fds=[fd] if fd is not None else [])
        if fd is not None:
            os.close(fd)
        line = self.popen.stdout.readline()
        if not line:
            reason = f"mcrlab up: {self.popen.communicate()[1].strip()}"
            if self.popen.returncode == NOT_PERMITTED:
                raise LabImpossible(reason)
            raise ProcessError(reason)
        ready = json.loads(line)
        self.name = ready["name"]
        self.pid = ready["pid"]
        self.nodes = {node: data["ns"] for node, data in ready["nodes"].items()}
        self._inodes = {os.stat(path).st_ino: node for node, path in self.nodes.items()}

    def drawing(self):
        """Output of `mcrlab draw`."""
        stdin = self.topology if self.is_text else None
        what = "-" if self.is_text else self.topology
        return subprocess.run([paths.program("mcrlab"), "draw", what], input=stdin, text=True,
                              capture_output=True, env=paths.environment(), check=False).stdout

    def inhabitants(self):
        """The processes inside the lab: a list of (pid, node)."""
        result = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                inode = os.stat(f"/proc/{entry}/ns/net").st_ino
            except OSError:
                continue
            if inode in self._inodes:
                result.append((int(entry), self._inodes[inode]))
        return result

    def close(self):
        """Take the lab down and wait until its holder has ended."""
        self.popen.stdin.close()
        try:
            self.popen.wait(scaled(10))
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise ProcessError("mcrlab did not end within 10 s, was killed") from None
        else:
            # A scenario may have killed it; what it has to say is about anything else.
            said = self.popen.stderr.read().strip()
            if said or self.popen.returncode not in (0, -signal.SIGKILL):
                raise ProcessError(f"mcrlab: status {self.popen.returncode}: {said}")
        finally:
            self.popen.stdout.close()
            self.popen.stderr.close()


def lab_exists(name):
    """Is a lab of that name up?"""
    with open("/proc/net/unix", encoding="utf-8") as file:
        return any(line.rstrip().endswith(f"@mcr-lab/{name}") for line in file)
