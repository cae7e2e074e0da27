# SPDX-License-Identifier: MIT
"""Impairments of links, and faults of processes and interfaces."""

import json

from . import paths


class Harm:
    """Harms the links and programs of a scenario.

    For a class that is also Programs and Expectations.
    """

    def impair(self, node, interface, *what):
        """Impair what arrives at an end of a link with a wire.

        ("loss", "1%"), ("every", 10), ("dup", "1%"), ("rate", "10mbit"), ("clear",);
        and on any link ("flap", "100ms", count, "200ms").
        """
        self.mcrlab("impair", self.lab.name, node, interface, *what)

    def impaired(self, node, interface):
        """Counts of the impairments so far: lost, every_lost, duplicated, over_rate."""
        return json.loads(self.mcrlab("impair", self.lab.name, node, interface, "show").stdout)

    def fault(self, node, verb, *args):
        """One fault in a node, as of `mcrlab fault`; returns what it reports, or None."""
        text = self.mcrlab("fault", self.lab.name, node, verb, *args).stdout.strip()
        return json.loads(text) if text else None

    def fault_start(self, node, verb, *args, deadline_s=10):
        """A fault that goes on until stop(): hog, stall-client, flood-client."""
        process = self.start(None, [paths.program("mcrlab"), "fault", self.lab.name, node, verb,
                                    *args])
        self.wait_until(lambda: process.stdout().startswith("ready\n") or not process.running,
                        deadline_s, f"{verb} ready")
        self.true(process.running, f"{verb}: {process.stderr().strip()}")
        return process

    def move(self, node, interface, to):
        """An interface goes to another node."""
        # Opened here: root of a user namespace may not read the /proc of its holder.
        with open(self.lab.nodes[to], "rb") as namespace:
            fd = namespace.fileno()
            self.run(node, ["ip", "link", "set", interface, "netns", f"/proc/self/fd/{fd}"],
                     pass_fds=[fd])
