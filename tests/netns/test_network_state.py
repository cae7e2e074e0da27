#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Links and addresses come and go; rules follow by themselves, and other interfaces do not notice.

    [gen] eth0 10.10.1.2/24 ------- [relay] in0 10.10.1.1/24
    [gen] eth1 10.10.2.2/24 ------- [relay] in1 10.10.2.1/24
    [relay] out0 10.90.1.1/24 ----- [sink] eth0 10.90.1.2/24
    [relay] out1 10.90.2.1/24 ----- [sink] eth1 10.90.2.2/24

    steady  in0 -> out0   never disturbed: not a datagram is lost
    a       in1 -> out0   its input is disturbed
    b       in0 -> out1   its output is disturbed
"""

import contextlib
import os
import re
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../harness/python"))
from mcrlab import fault, main, scenario

from support_rules import memberships, output, rule, rules_by_id

LAB = {
    "name": "sides",
    "nodes": {"gen": {}, "relay": {}, "sink": {}, "elsewhere": {}},
    "links": [{"ends": [{"at": a, "addresses": [x]}, {"at": b, "addresses": [y]}]}
              for a, x, b, y in (
        ("gen:eth0", "10.10.1.2/24", "relay:in0", "10.10.1.1/24"),
        ("gen:eth1", "10.10.2.2/24", "relay:in1", "10.10.2.1/24"),
        ("relay:out0", "10.90.1.1/24", "sink:eth0", "10.90.1.2/24"),
        ("relay:out1", "10.90.2.1/24", "sink:eth1", "10.90.2.2/24"),
        ("relay:other", "10.91.1.1/24", "elsewhere:eth0", "10.91.1.2/24"))],
}
BACK_S = 1.0
CONTROL, WORKER = "--role=control", "--role=worker"
TIMES = int(os.environ.get("MCR_TIMES", "1"))


class Sides:
    """The three streams, and what is asked of them."""

    def __init__(self, t, source_ip=None, size=200):
        self.t = t
        self.size = size
        self.relay = t.mcrd("relay", num_workers=2)
        more = {"source_ip": source_ip} if source_ip else {}
        self.ids = {}
        for name, one in (
                ("steady", rule("239.1.1.1", 5000, output("239.2.2.1", 6000, "out0"),
                                interface="in0")),
                ("a", rule("239.1.1.2", 5000, output("239.2.2.2", 6000, "out0"),
                           interface="in1")),
                ("b", rule("239.1.1.3", 5000, output("239.2.2.3", 6000, "out1", **more),
                           interface="in0"))):
            answer = self.relay.rpc("AddRule", {**one, "name": name})
            t.equal((answer["state"], answer["applied"]), ("active", 2), f"rule {name}")
            self.ids[name] = answer["rule_id"]
        self.steady_sink = t.sink("sink", "eth0", "239.2.2.1", 6000)
        self.steady_gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=5000, size=size)
        self.sinks = {"a": t.sink("sink", "eth0", "239.2.2.2", 6000)}
        self.gens = {}
        self.flow = 0
        self.listen_b()
        self.back = []
        t.wait_until(lambda: self.steady_sink.received() > 100, 5, "the steady stream flows")

    def listen_b(self):
        self.sinks["b"] = self.t.sink("sink", "eth1", "239.2.2.3", 6000)

    def send(self, name):
        """The stream flows, datagram after datagram, until whole() ends it."""
        interface, group = {"a": ("eth1", "239.1.1.2"), "b": ("eth0", "239.1.1.3")}[name]
        self.flow += 1
        self.gens[name] = self.t.gen_start("gen", interface, group, 5000, rate=1000,
                                           size=self.size, first_flow=self.flow)
        had = self.sinks[name].received()
        self.t.wait_until(lambda: self.sinks[name].received() > had, 5, f"{name} flows")

    def state(self, name):
        return rules_by_id(self.relay)[self.ids[name]]["state"]

    def becomes(self, name, state):
        self.t.wait_until(lambda: self.state(name) == state, BACK_S, f"{name} is {state}")
        for other in {"steady", "a", "b"} - {name}:
            self.t.equal(self.state(other), "active", f"state of {other}")

    def drops(self, reason):
        """What b cannot send now is counted, under this reason."""
        def counted():
            [b] = [one for one in self.relay.stats()["rules"] if one["name"] == "b"]
            return b["outputs"][0]["send_drops"][reason]
        had = counted()
        self.t.wait_until(lambda: counted() > had, 2, f"drops with the reason {reason}")

    def returns(self, name, since):
        """The cause went away at `since`: within a second the stream flows, the rule is active."""
        had = self.sinks[name].received()
        self.t.wait_until(lambda: self.sinks[name].received() > had, BACK_S,
                          f"{name} flows again")
        self.t.wait_until(lambda: self.state(name) == "active", BACK_S, f"{name} is active")
        self.back.append(time.monotonic() - since)
        self.t.true(self.back[-1] <= BACK_S, f"back after {self.back[-1]:.3f} s")

    def whole(self, name):
        """A fresh stream arrives as it is sent, on the right workers, joined once."""
        if name in self.gens:
            self.gens.pop(name).stop()
        t = self.t
        t.wait_until(lambda: all(one["in_sync"] for one in
                                 self.relay.rpc("ListWorkers")["workers"]), 2, "in sync")
        interface, group, out = {"a": ("eth1", "239.1.1.2", ("eth0", "239.2.2.2")),
                                 "b": ("eth0", "239.1.1.3", ("eth1", "239.2.2.3"))}[name]
        # What is still on its way of the stream before is not counted.
        quiet(t, self.sinks[name])
        sink = t.sink("sink", *out, 6000)
        self.flow += 1
        t.gen("gen", interface, group, 5000, rate=5000, count=500, size=self.size,
              first_flow=self.flow)
        t.clean(sink.finish(500), 500, f"{name} afterwards")
        t.equal(memberships(t, "relay", "in0"), {"239.1.1.1", "239.1.1.3"}, "joined on in0")
        t.equal(memberships(t, "relay", "in1"), {"239.1.1.2"}, "joined on in1")

    def end(self, what):
        """The steady stream was whole all the time, and nothing is unaccounted for."""
        sent = self.steady_gen.stop()["sent"]
        t = self.t
        t.clean(self.steady_sink.finish(sent), sent, "the steady stream")
        t.conservation(self.relay)
        t.equal([one["drift_detected"] for one in self.relay.rpc("ListWorkers")["workers"]], [0, 0],
                "drift")
        if self.back:
            ordered = sorted(self.back)
            t.note(f"{what}: back {len(ordered)} times, after median "
                   f"{ordered[len(ordered) // 2] * 1000:.0f} ms, worst {ordered[-1] * 1000:.0f} ms")


def quiet(t, sink):
    """Nothing has arrived between two looks 50 ms apart."""
    def still():
        had, until = sink.received(), time.monotonic() + 0.05
        t.wait_until(lambda: time.monotonic() >= until, 1, "50 ms")
        return sink.received() == had
    t.wait_until(still, 5, "the sink is quiet")


def ip(t, node, *words):
    """One ip(8) command; returns when it was done."""
    t.run(node, ["ip", *words])
    return time.monotonic()


def batch(t, node, lines):
    """Many ip(8) commands in one process."""
    t.run(node, ["ip", "-batch", "-"], input="\n".join(lines) + "\n")


def supervisor_descriptors(relay):
    found = {}
    for fd in os.listdir(f"/proc/{relay.pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found[int(fd)] = os.readlink(f"/proc/{relay.pid}/fd/{fd}")
    return {fd: name for fd, name in found.items() if "mcr-snapshot" not in name}


def kernel_view(t, relay):
    """What the kernel holds for the daemon: memberships, and the supervisor's descriptors."""
    return (t.run("relay", ["cat", "/proc/net/igmp"]).stdout.split("Timer", 1)[0],
            {name: memberships(t, "relay", name) for name in ("in0", "in1", "out0", "out1")},
            supervisor_descriptors(relay))


def generation(relay):
    return relay.rpc("ListRules")["generation"]


DEVICE = {"a": "in1", "b": "out1"}
PEER = {"a": ("gen", "eth1"), "b": ("sink", "eth1")}


@scenario("a link goes down and comes up", topology=LAB)
def down_and_up(t):
    """Paused while it is down; what could not be sent is counted with its reason."""
    sides = Sides(t)
    for name in ("a", "b"):
        sides.send(name)
        for _ in range(TIMES):
            ip(t, "relay", "link", "set", DEVICE[name], "down")
            sides.becomes(name, "paused")
            if name == "b":
                sides.drops("no_interface")
            sides.returns(name, ip(t, "relay", "link", "set", DEVICE[name], "up"))
        sides.whole(name)
    sides.end("link down and up")


@scenario("a carrier is lost and comes back", topology=LAB)
def carrier(t):
    """The same for a link whose other end goes away; sends into nothing count as dropped."""
    sides = Sides(t)
    for name in ("a", "b"):
        sides.send(name)
        node, device = PEER[name]
        for _ in range(TIMES):
            ip(t, node, "link", "set", device, "down")
            sides.becomes(name, "paused")
            if name == "b":
                sides.drops("no_interface")
            sides.returns(name, ip(t, node, "link", "set", device, "up"))
            if name == "a":  # the generator cannot send while its link is down
                t.true(sides.gens["a"].running, "the generator goes on")
        sides.whole(name)
    sides.end("carrier lost and back")


def unplug(t, name):
    ip(t, "relay", "link", "del", DEVICE[name])


def plug(t, name):
    """The same wire anew, everything but the relay's end up: `ip link set DEVICE up` is left."""
    device, (node, peer) = DEVICE[name], PEER[name]
    own, theirs = {"a": ("10.10.2.1/24", "10.10.2.2/24"),
                   "b": ("10.90.2.1/24", "10.90.2.2/24")}[name]
    ip(t, "relay", "link", "add", device, "type", "veth", "peer", "name", "new-peer")
    ip(t, "relay", "link", "set", "new-peer", "netns", t.lab.nodes[node])
    ip(t, node, "link", "set", "new-peer", "name", peer)
    ip(t, node, "address", "add", theirs, "dev", peer)
    ip(t, node, "link", "set", peer, "up")
    ip(t, "relay", "address", "add", own, "dev", device)


def index_of(t, device):
    return int(re.match(r"\d+", t.run("relay", ["ip", "-o", "link", "show", device]).stdout)[0])


@scenario("an interface is deleted and created again", topology=LAB)
def recreated(t):
    """Unresolved while it is missing; the new one has another index and gets its own sockets."""
    sides = Sides(t)
    for name in ("a", "b"):
        for _ in range(TIMES):
            before = index_of(t, DEVICE[name])
            unplug(t, name)
            sides.becomes(name, "unresolved")
            plug(t, name)
            t.true(index_of(t, DEVICE[name]) != before, "another index")
            if name == "b":
                sides.listen_b()
            sides.becomes(name, "paused")
            since = ip(t, "relay", "link", "set", DEVICE[name], "up")
            sides.send(name)
            sides.returns(name, since)
            sides.gens.pop(name).stop()
        sides.whole(name)
    sides.end("deleted and recreated (with the start of a generator)")


@scenario("an interface is renamed", topology=LAB)
def renamed(t):
    """Rules go by name: unresolved under another name, back with the old one."""
    sides = Sides(t)
    for name in ("a", "b"):
        sides.send(name)
        for _ in range(TIMES):
            ip(t, "relay", "link", "set", DEVICE[name], "down")
            ip(t, "relay", "link", "set", DEVICE[name], "name", "renamed")
            ip(t, "relay", "link", "set", "renamed", "up")
            sides.becomes(name, "unresolved")
            ip(t, "relay", "link", "set", "renamed", "down")
            ip(t, "relay", "link", "set", "renamed", "name", DEVICE[name])
            sides.returns(name, ip(t, "relay", "link", "set", DEVICE[name], "up"))
        sides.whole(name)
    sides.end("renamed and renamed back")


@scenario("a source address is removed and comes back", topology=LAB)
def source_address(t):
    """Without the address of its source_ip a rule is unresolved, and what it drops is counted."""
    sides = Sides(t, source_ip="10.90.2.1")
    sides.send("b")
    for _ in range(TIMES):
        ip(t, "relay", "address", "del", "10.90.2.1/24", "dev", "out1")
        sides.becomes("b", "unresolved")
        # The kernel's word for a source that is not its own is the same as for a missing route.
        sides.drops("unreachable")
        ip(t, "relay", "address", "add", "10.90.2.7/32", "dev", "out1")
        t.equal(sides.state("b"), "unresolved", "with another address")
        sides.returns("b", ip(t, "relay", "address", "add", "10.90.2.1/24", "dev", "out1"))
        ip(t, "relay", "address", "del", "10.90.2.7/32", "dev", "out1")
        settled(t, sides.relay)
        t.equal(sides.state("b"), "active", "without the other address")
    sides.whole("b")
    sides.end("source address removed and back")


@scenario("the MTU changes", topology=LAB)
def mtu(t):
    """Smaller: datagrams leave in fragments.  Larger and back: nothing is lost at all."""
    sides = Sides(t, size=1400)
    before = kernel_view(t, sides.relay)
    ip(t, "relay", "link", "set", "out1", "mtu", "1000")
    fragments_before = fragments(t)
    t.wait_until(lambda: all(one["in_sync"] for one in
                             sides.relay.rpc("ListWorkers")["workers"]), 2, "in sync")
    sides.whole("b")
    t.equal(fragments(t) - fragments_before, 1000, "two fragments for each datagram")
    ip(t, "relay", "link", "set", "out1", "mtu", "1500")
    sides.whole("b")
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
    gen = t.gen_start("gen", "eth1", "239.1.1.2", 5000, rate=5000, size=1400, first_flow=90)
    for size in ("9000", "1500", "4000", "1500"):
        had = sink.received()
        ip(t, "relay", "link", "set", "in1", "mtu", size)
        t.wait_until(lambda: sink.received() > had + 200, 5, "the stream goes on")
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent, "the stream over the input whose MTU changed")
    t.equal(kernel_view(t, sides.relay), before, "memberships, descriptors")
    sides.end("MTU")


def fragments(t):
    rows = [line.split() for line in t.run("sink", ["cat", "/proc/net/snmp"]).stdout.splitlines()
            if line.startswith("Ip:")]
    return int(rows[1][rows[0].index("ReasmReqds")])


@scenario("nothing changes: nothing is asked for", topology=LAB)
def idempotent(t):
    """After SyncRules and events of other interfaces all is where it was, and no one loses."""
    sides = Sides(t)
    for name in ("a", "b"):
        sides.whole(name)
    before, number = kernel_view(t, sides.relay), generation(sides.relay)
    ip(t, "relay", "link", "set", "other", "down")
    ip(t, "relay", "address", "add", "10.91.1.7/24", "dev", "other")
    ip(t, "relay", "link", "set", "other", "mtu", "1400", "name", "another", "up")
    ip(t, "relay", "link", "add", "brand-new", "type", "veth", "peer", "name", "new-too")
    ip(t, "relay", "address", "add", "10.90.2.8/24", "dev", "out1")
    # An answer shows that control has come past the events that were there before it.
    settled(t, sides.relay)
    t.equal(generation(sides.relay), number, "generation after unrelated events")
    t.equal(kernel_view(t, sides.relay), before, "memberships, descriptors after unrelated events")
    for _ in range(3):
        number += 1
        t.equal(sides.relay.rpc("SyncRules")["generation"], number, "SyncRules publishes once")
    settled(t, sides.relay)
    t.equal(kernel_view(t, sides.relay), before, "memberships, descriptors after SyncRules")
    sides.end("")


def settled(t, relay):
    """Control has read its netlink socket empty."""
    [pid] = relay.children(CONTROL)

    def empty():
        inodes = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        return all(int(row["Rmem"]) == 0 for row in netlink_sockets(t)
                   if f"socket:[{row['Inode']}]" in inodes)
    t.wait_until(empty, 2, "control has read all events")
    relay.rpc("Ping")
    relay.rpc("Ping")


def netlink_sockets(t):
    names, *rows = [line.split() for line in
                    t.run("relay", ["cat", "/proc/net/netlink"]).stdout.splitlines()]
    return [dict(zip(names, row)) for row in rows]


def netlink_descriptor(t, pid):
    """Which descriptor of a process is a netlink socket."""
    inodes = {row["Inode"] for row in netlink_sockets(t)}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        if os.readlink(f"/proc/{pid}/fd/{fd}")[len("socket:["):-1] in inodes:
            return int(fd)
    return t.fail(f"process {pid} has no netlink socket")


def netlink_drops(t):
    return sum(int(row["Drops"]) for row in netlink_sockets(t))


def link_events(device, count):
    return [f"link set {device} mtu {1300 + n % 2}" for n in range(count)]


@scenario("1,000 events at once", topology=LAB)
def burst(t):
    """Links, addresses and devices of no concern: not a datagram, socket or generation more."""
    sides = Sides(t)
    sides.send("a")
    sides.send("b")
    before, number = kernel_view(t, sides.relay), generation(sides.relay)
    lines = link_events("other", 500)
    for n in range(250):
        lines += [f"address add 10.91.2.{n + 1}/32 dev other",
                  f"address del 10.91.2.{n + 1}/32 dev other"]
    batch(t, "relay", lines)
    settled(t, sides.relay)
    t.equal(generation(sides.relay), number, "generation")
    t.equal(kernel_view(t, sides.relay), before, "memberships, descriptors")
    for name in ("a", "b"):
        sent = sides.gens.pop(name).stop()["sent"]
        t.clean(sides.sinks[name].finish(sent), sent, name)
    sides.end("")


@scenario("events are lost by the kernel", topology=LAB)
def overrun(t):
    """Control cannot keep up, the socket overflows: a full dump shows what was missed.

    Control is stopped for less than what counts as a hang, so its buffer is made small.
    """
    sides = Sides(t)
    [control] = sides.relay.children(CONTROL)
    with fault.take_descriptor(control, netlink_descriptor(t, control)) as netlink:
        netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
    for name in ("a", "b"):
        sides.send(name)
        for _ in range(TIMES):
            drops = netlink_drops(t)
            with fault.stopped(control):
                batch(t, "relay", link_events("other", 400) +
                      [f"link set {DEVICE[name]} down"])
            t.true(netlink_drops(t) > drops, "the kernel had to drop events")
            sides.becomes(name, "paused")
            drops = netlink_drops(t)
            with fault.stopped(control):
                batch(t, "relay", link_events("other", 400) + [f"link set {DEVICE[name]} up"])
            since = time.monotonic()
            t.true(netlink_drops(t) > drops, "the kernel had to drop events")
            sides.returns(name, since)
            t.equal(sides.relay.children(CONTROL), [control], "the same control")
        sides.whole(name)
    sides.end("netlink overrun")


@scenario("an interface leaves and returns under the same index", topology=LAB)
def same_index(t):
    """Control sees both at once; sockets and memberships of the first one are dead all the same."""
    sides = Sides(t)
    for name in ("a", "b"):
        sides.send(name)
        device = DEVICE[name]
        before = index_of(t, device)
        own = {"a": "10.10.2.1/24", "b": "10.90.2.1/24"}[name]
        [control] = sides.relay.children(CONTROL)
        with fault.stopped(control):
            ip(t, "relay", "link", "set", device, "netns", t.lab.nodes["elsewhere"])
            ip(t, "elsewhere", "link", "set", device, "netns", t.lab.nodes["relay"])
            batch(t, "relay", [f"address add {own} dev {device}", f"link set {device} up"])
        since = time.monotonic()
        t.equal(index_of(t, device), before, "the same index")
        t.equal(sides.relay.children(CONTROL), [control], "the same control")
        sides.returns(name, since)
        sides.whole(name)
    sides.end("away and back under the same index")


if __name__ == "__main__":
    main()
