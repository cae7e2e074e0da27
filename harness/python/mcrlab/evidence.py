# SPDX-License-Identifier: MIT
"""Evidence of a failure: packets, counters, statistics, and where it happened."""

import json
import signal
import subprocess
import traceback

from . import paths
from .relay import Relay
from .slow import scaled


class Recorder:
    """Keeps the last packets of every link of a lab in memory."""

    def __init__(self, lab, directory):
        self._popen = subprocess.Popen([paths.program("mcrlab"), "record", lab.name,
                                        str(directory)], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, env=paths.environment())
        self._popen.stdout.readline()

    def save(self):
        """Write the packets into the directory, and end."""
        self._end(signal.SIGUSR1)

    def close(self):
        """End without a trace; nothing happens when it has ended."""
        self._end(signal.SIGTERM)

    def _end(self, signo):
        if self._popen is None:
            return
        self._popen.send_signal(signo)
        try:
            self._popen.wait(scaled(10))
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        self._popen.stdout.close()
        self._popen = None


def _save_statistics(directory, relay):
    try:
        text = json.dumps(relay.rpc("GetStats", deadline_s=2), indent=2)
    except Exception as problem:  # whatever a failed daemon does
        text = f"GetStats: {problem}"
    (directory / f"{relay.name}.stats").write_text(text + "\n")


def _save_counters(directory, t, node):
    """The counters of a node's kernel, and its memberships."""
    script = "ip -s -s address; ip route; cat /proc/net/snmp /proc/net/igmp /proc/net/mcfilter"
    try:
        text = t.run(node, ["sh", "-c", script], check=False, deadline_s=5).stdout
    except Exception as problem:  # pylint: disable=broad-except
        text = f"{problem}\n"
    (directory / f"{node}.counters").write_text(text)


def save(t, directory, error):
    """Write all that helps to understand a failure of scenario `t`; its programs still run."""
    for process in t.processes:
        if isinstance(process, Relay) and process.running:
            _save_statistics(directory, process)
    if t.recorder:
        t.recorder.save()
    if t.lab:
        (directory / "topology").write_text(t.lab.drawing())
        for node in t.lab.nodes:
            _save_counters(directory, t, node)
    (directory / "failure").write_text("".join(traceback.format_exception(error)))
