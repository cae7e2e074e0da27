#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Several things go wrong at once: streams are whole, nothing is left over, accounts agree.

    gen ---- eth0  relay  eth1 ---- sink
                     |
          supervisor --- control, worker 0, worker 1
"""

import contextlib
import os
import random
import re
import signal
import socket
import time

import support  # pylint: disable=unused-import
from mcrlab import fault, main, scenario
from mcrlab.proc import descriptors
from mcrlab.process import ProcessError

from support_rules import END_S, add, memberships, output, rule, rules_by_id, state_of_process
from support_streams import flow_on, stream_of_each

IN, OUT = "239.1.1.1", "239.2.2.2"
CONTROL, WORKER = "--role=control", "--role=worker"
ROLE_NAMES = {CONTROL: "control", WORKER: r"worker \d"}  # in the log
CHANNEL = 3
EXTRA = "239.7.7.7"


def kinds_of_descriptors(pid):
    """Its open files; of snapshots there are one or two, by what has changed since the whole one."""
    return sorted(target.split(":")[0] for target in descriptors(pid).values()
                  if "mcr-snapshot" not in target)


def workers_of(relay):
    """The answer to ListWorkers; empty while control is away."""
    try:
        return relay.rpc("ListWorkers")["workers"]
    except (OSError, ProcessError):
        return []


def left_behind(log):
    """How many datagrams may leave late: those that a dead worker had received, if another stood
    in."""
    if "serves its rules\n" not in log:
        return 0
    return sum(int(n) for n in re.findall(r"the last worker left (\d+) receives unfinished", log))


class Streams:
    """A relay with two workers, a stream for each, and the state that it must have again in the
    end."""

    def __init__(self, t, rate=5000):
        self.t = t
        self.relay = t.mcrd("relay", num_workers=2)
        self.sinks, self.gens = stream_of_each(t, self.relay, IN, OUT, rate)
        self.before = kinds_of_descriptors(self.relay.pid)

    def settle(self):
        """Two workers with the rules, and a control that says so."""
        self.t.wait_until(lambda: len(self.relay.children()) == 3 and
                          [one["in_sync"] for one in workers_of(self.relay)] == [True, True], 30,
                          "control answers, both workers have the rules")

    def kill(self, *roles):
        pids = [pid for role in roles for pid in self.relay.children(role)]
        self.relay.expect(f"({'|'.join(ROLE_NAMES[role] for role in roles)}) was killed by SIGKILL",
                          len(pids))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return pids

    def end(self, kills, groups=()):
        """Nothing lost, a send repeated for each kill at most, nothing left of the dead.

        In order, too, but for what a worker had received and not sent when another one stood in.
        `groups` have rules of one output, which has a socket, in addition to those at the start.
        """
        t, relay = self.t, self.relay
        self.settle()
        flow_on(t, self.sinks)
        total = 0
        for n, gen in self.gens.items():
            sent = gen.stop()["sent"]
            report = self.sinks[n].finish(sent)
            t.equal({key: report[key] for key in ("unique", "lost", "corrupt")},
                    {"unique": sent, "lost": 0, "corrupt": 0}, f"stream of worker {n}")
            t.between(report["reordered"], 0, left_behind(relay.log()),
                      f"datagrams of worker {n} out of order")
            t.between(report["duplicated"], 0, kills, "datagrams sent twice")
            total += sent
        totals = t.conservation(relay)["totals"]
        t.equal((totals["received"], totals["matched"], sum(totals["drops"].values())),
                (total, total, 0), "received, matched, dropped")
        t.equal(memberships(t, "relay", "eth0"), {IN, *groups}, "memberships")
        t.equal([pid for pid in relay.children() if state_of_process(pid) == "Z"], [], "zombies")
        # A stand-in keeps the rules, and their outputs' sockets, for a while after it hands over.
        t.wait_until(lambda: [one["stand_in"] for one in workers_of(relay)] == [None, None], 20,
                     "nobody stands in")
        wanted = sorted(self.before + ["socket"] * len(groups))
        t.wait_until(lambda: kinds_of_descriptors(relay.pid) == wanted, 20,
                     f"descriptors of the supervisor are {wanted}")
        t.check(relay)


@scenario("children that are killed all at once come back", topology="chain3")
def all_at_once(t):
    """Three times, the later ones while restarts wait."""
    streams = Streams(t)
    for _ in range(3):
        streams.kill(CONTROL, WORKER)
        streams.settle()
    streams.end(kills=6)


@scenario("a rule added while control and workers are away is pending, then applied", topology="chain3",
          deadline_s=120)
def control_and_back_off(t):
    """A rule that is added meanwhile is said to be pending, and theirs when they are back."""
    streams = Streams(t)
    relay, killed = streams.relay, set()
    relay.expect(r"worker \d was killed by SIGKILL", times=None)  # counted below
    relay.expect(r"worker \d was not ready after", times=None)  # a machine that is too busy

    def both_wait():
        """Killed before it has its rules, a worker is not started again at once."""
        for pid in set(relay.children(WORKER)) - killed:
            killed.add(pid)
            with contextlib.suppress(ProcessLookupError):  # the supervisor was faster
                os.kill(pid, signal.SIGKILL)
        waits = [re.findall(rf"worker {n} was .*; restart in (\d+) ms", relay.log())
                 for n in (0, 1)]
        return not relay.children(WORKER) and all(ms and int(ms[-1]) > 0 for ms in waits)
    [control] = relay.children(CONTROL)
    # A control that stands still is replaced, too: where the machine is busy, that may be first.
    relay.expect(r"control (was killed by SIGKILL|had no heartbeat for)")
    # Meanwhile it asks no worker to stand in for the other.
    with fault.stopped(control):
        t.wait_until(both_wait, 40, "both workers wait for their next start")
        with contextlib.suppress(ProcessLookupError):
            os.kill(control, signal.SIGKILL)
    t.wait_until(lambda: relay.children(CONTROL) not in ([], [control]) and workers_of(relay), 10,
                 "another control")
    answer = relay.rpc("AddRule", rule(EXTRA, 5000, output(OUT, 7000)))
    # How far the workers are by now is a matter of milliseconds.
    t.equal((answer["result"], answer["applied"] + len(answer["pending"])), ("added", 2),
            "result, workers that have it or of which it is said why not")
    streams.settle()
    t.wait_until(lambda: [one["pending"] for one in relay.rpc("ListRules")["rules"]] == [[]] * 3,
                 10, "nothing is pending when all are back")
    late = len(re.findall(r"worker \d was not ready after", relay.log()))
    # The supervisor may have found late the one that was killed.
    t.between(len(re.findall(r"worker \d was killed by SIGKILL", relay.log())),
              len(killed) - late, len(killed), "ends of workers that were killed")
    streams.end(kills=len(killed) + late, groups=(EXTRA,))


@scenario("an interface deleted while all children are away leaves its rule unresolved", topology="chain3")
def interface_and_children(t):
    """Its rule is unresolved, its sockets and membership are gone, the others' streams are whole."""
    streams = Streams(t)
    relay = streams.relay
    t.run("relay", ["ip", "link", "add", "extra", "type", "veth", "peer", "name", "other"])
    for name in ("extra", "other"):
        t.run("relay", ["ip", "link", "set", name, "up"])
    wanted = rule(EXTRA, 5000, output(OUT, 7000))
    wanted["input"]["interface"] = "extra"
    rule_id = add(t, relay, wanted)["rule_id"]
    t.true(len(kinds_of_descriptors(relay.pid)) > len(streams.before), "the interface has sockets")
    with fault.stopped(relay.pid):
        streams.kill(CONTROL, WORKER)
        t.run("relay", ["ip", "link", "del", "extra"])
    streams.settle()
    t.equal(rules_by_id(relay)[rule_id]["state"], "unresolved", "state")
    streams.end(kills=2)


# Messages that a child may not send, sent through the channel of the real one.
HOSTILE = (
    ("too short", bytes(13), 0),
    ("too long", bytes(4096), 0),
    ("noise", b"\xa5" * 64, 0),
    ("descriptors", bytes(64), 100),
)


@scenario("a child that sends a hostile message ends, and no stream loses anything",
          topology="chain3", deadline_s=60)
def hostile(t):
    """The child whose channel it is ends, for that reason; no stream loses anything by it."""
    streams = Streams(t)
    relay = streams.relay
    for number, (what, data, fds) in enumerate(HOSTILE, 1):
        for role in (CONTROL, WORKER):
            pid = relay.children(role)[0]
            relay.expect(f"{ROLE_NAMES[role]} sent what it may not")
            with fault.take_descriptor(pid, CHANNEL) as channel:
                socket.send_fds(channel, [data], [2] * fds)
            t.wait_until(lambda gone=pid: not os.path.exists(f"/proc/{gone}"), 5,
                         f"{what}: the end of {role}")
            streams.settle()
        t.equal(relay.stderr().count("sent what it may not; restart in"), 2 * number,
                f"{what}: restarts in the log")
    streams.end(kills=len(HOSTILE))


@scenario("SIGTERM at any moment of an upgrade ends the daemon in order", topology="chain3", deadline_s=60)
def end_during_upgrade(t):
    """It ends in order and in time, after one signal or two, and leaves nothing."""
    seed = random.SystemRandom().randrange(1 << 32)
    t.note(f"seed {seed}")
    chance = random.Random(seed)
    for number in range(12):
        relay = t.mcrd("relay", num_workers=2)
        add(t, relay, rule(IN, 5000, output(OUT, 6000)))
        children = set(relay.children())
        relay.send_signal(signal.SIGUSR2)
        until = time.monotonic() + chance.uniform(0, 0.04)
        while time.monotonic() < until:
            children |= set(relay.children())
        if number % 2:
            relay.send_signal(signal.SIGTERM)
        status, _ = relay.stop(deadline_s=END_S)
        t.equal(status, 0, "exit status")
        t.equal([pid for pid in children if os.path.exists(f"/proc/{pid}")], [], "processes")
        t.equal(memberships(t, "relay", "eth0"), set(), "memberships")


if __name__ == "__main__":
    main()
