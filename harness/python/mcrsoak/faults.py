# SPDX-License-Identifier: MIT
"""The faults, one a second, in an order that a seed determines.

A process that was killed is left alone for a minute and some seconds: the daemon takes one
that dies more often for broken and waits longer and longer before it starts it again.
"""

import contextlib
import os
import random
import signal
import time

from mcrlab import fault, wait_until

MARGIN_NS = 50_000_000
KILL_AGAIN_AFTER = 63  # faults, and so seconds
DEADLINE_S = 60  # a busy machine may give a process no CPU for many seconds
CONTROL, WORKER = "--role=control", "--role=worker"

FLOOD = r"""
import socket, sys, time
end = time.monotonic() + 0.4
held = []
while time.monotonic() < end:
    try:
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(0.05)
        one.connect(sys.argv[1])
        one.sendall([b'{"jsonrpc":"2.0","id":1,"method":"VersionCheck","params":{"version":"1"}}\n' +
                     b'{"jsonrpc":"2.0","id":2,"method":"ListRules"}\n' * 20,
                     b"\xff" * 5000 + b"\n", b"{" * 20000, b"\n" * 100][len(held) % 4])
        held.append(one)
    except OSError:
        for each in held:
            each.close()
        held = []
"""


def now_ns():
    """CLOCK_MONOTONIC, in which datagrams are stamped, too."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def kill(pid):
    """SIGKILL; the daemon itself may have been faster."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class Faults:
    """Injects them and notes the time in which each may cost datagrams, and whose."""

    def __init__(self, t, relay, seed, windows, main_flows, side_flows):
        self.t = t
        self.relay = relay
        self.random = random.Random(seed)
        self.windows = windows
        self.every_flow = set(main_flows) | set(side_flows)
        self.side_flows = set(side_flows)
        self.number = 0
        self.counts = {}
        self.longest_back_s = 0
        self._killed = {}

    def _may_kill(self, who):
        return self.number - self._killed.get(who, -KILL_AGAIN_AFTER) >= KILL_AGAIN_AFTER

    def one(self):
        """One fault; returns when it is over, not when it is repaired."""
        menu = [self.stop_worker, self.stop_control, self.flood, self.side_link, self.side_peer]
        workers = [n for n in range(len(self.relay.children(WORKER))) if self._may_kill(n)]
        if workers:
            menu.append(self.kill_worker)
        if self._may_kill("control"):
            menu.append(self.kill_control)
        # Drawn whatever is on the menu, so that the order depends on the seed alone.
        choice, which, length_s = (self.random.random() for _ in range(3))
        what = menu[int(choice * len(menu))]
        self.counts[what.__name__] = self.counts.get(what.__name__, 0) + 1
        what(which, 0.05 + 0.15 * length_s, workers)
        self.number += 1

    def _worker(self, number):
        """Its pid; one that is being restarted is waited for."""
        def there():
            one = self.relay_workers()
            return one and one[number]["state"] == "running" and one[number]["pid"]
        return wait_until(there, DEADLINE_S, f"worker {number} runs")

    def relay_workers(self):
        """ListWorkers, or None while control is away."""
        try:
            return self.relay.rpc("ListWorkers")["workers"]
        except Exception:  # whatever a dying control does to a connection
            return None

    def kill_worker(self, which, _length_s, allowed):
        """One of those that may be killed; returns when its successor has the rules."""
        number = allowed[int(which * len(allowed))]
        pid = self._worker(number)
        self._killed[number] = self.number
        start_ns = now_ns()
        kill(pid)
        wait_until(lambda: (all_of := self.relay_workers()) and all_of[number]["pid"] != pid and
                   all_of[number]["in_sync"], DEADLINE_S, f"worker {number} is back")
        self.windows.add("worker killed", start_ns - MARGIN_NS, now_ns() + MARGIN_NS,
                         self.every_flow)

    def stop_worker(self, which, length_s, _allowed):
        """For less than what counts as a hang: the socket's queue holds what arrives."""
        count = len(self.relay.children(WORKER))
        self._stopped(self._worker(int(which * count)), length_s)

    def kill_control(self, _which, _length_s, _allowed):
        """SIGKILL of control; its successor is not waited for."""
        self._killed["control"] = self.number
        [pid] = self._control()
        kill(pid)

    def stop_control(self, _which, length_s, _allowed):
        """For less than what counts as a hang."""
        [pid] = self._control()
        self._stopped(pid, length_s)

    def _control(self):
        return wait_until(lambda: self.relay.children(CONTROL), DEADLINE_S, "control runs")

    @staticmethod
    def _stopped(pid, length_s):
        end = time.monotonic() + length_s
        # A heartbeat that went on would say that it has refused what was published meanwhile.
        with fault.stopped(pid, ahead_s=None):
            wait_until(lambda: time.monotonic() >= end, DEADLINE_S, "the stop is over")

    def flood(self, _which, _length_s, _allowed):
        """Many connections at once, with requests, garbage and half lines."""
        self.t.python(None, FLOOD, str(self.relay.socket_path), deadline_s=DEADLINE_S)

    def side_link(self, which, length_s, _allowed):
        """Of the side streams; their input or their output."""
        self._down_and_up("relay", ("in1", "out1")[int(which * 2)], length_s)

    def side_peer(self, which, length_s, _allowed):
        """The carrier, by the other end: the sink's only, the generator must be able to send."""
        self._down_and_up("sink", "eth1", length_s)

    def _down_and_up(self, node, device, length_s):
        start_ns, end = now_ns(), time.monotonic() + length_s
        self.t.run(node, ["ip", "link", "set", device, "down"], deadline_s=DEADLINE_S)
        wait_until(lambda: time.monotonic() >= end, DEADLINE_S, "the link was down long enough")
        self.t.run(node, ["ip", "link", "set", device, "up"], deadline_s=DEADLINE_S)
        up_s = time.monotonic()
        wait_until(self._in_order, DEADLINE_S, "every rule is active, every worker has it")
        self.longest_back_s = max(self.longest_back_s, time.monotonic() - up_s)
        # An event of the link may still be on its way, and take the rule away once more.
        self.windows.add("side link down", start_ns - MARGIN_NS, now_ns() + 1_000_000_000,
                         self.side_flows)

    def _in_order(self):
        workers = self.relay_workers()
        try:
            return workers and all(one["in_sync"] for one in workers) and all(
                one["state"] == "active" for one in self.relay.rpc("ListRules")["rules"])
        except Exception:  # whatever a dying control does to a connection
            return False
