# SPDX-License-Identifier: MIT
"""Links and addresses come and go; three streams show who is concerned and who is not.

    [gen] eth0 10.10.1.2/24 ------- [relay] in0 10.10.1.1/24
    [gen] eth1 10.10.2.2/24 ------- [relay] in1 10.10.2.1/24
    [relay] out0 10.90.1.1/24 ----- [sink] eth0 10.90.1.2/24
    [relay] out1 10.90.2.1/24 ----- [sink] eth1 10.90.2.2/24
    [relay] other ----------------- [elsewhere]               no rule names it

    steady  in0 -> out0   never disturbed: not a datagram is lost
    a       in1 -> out0   its input is disturbed
    b       in0 -> out1   its output is disturbed

An event is two functions: one takes the link away, the other brings it back and returns when the
last command of that was done, on the monotonic clock.
"""

import re
import socket
import time

from mcrlab import fault
from mcrlab.proc import descriptors
from mcrlab.rules import memberships, output, rule, rules_by_id

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
BACK_S = 20  # how long something is waited for; a second is usual
SINK_BUFFER_BYTES = 128 << 20  # so that the sink loses nothing where the relay does not
CONTROL = "--role=control"
DEVICE = {"a": "in1", "b": "out1"}
ADDRESS = {"a": "10.10.2.1/24", "b": "10.90.2.1/24"}
PEER = {"a": ("gen", "eth1", "10.10.2.2/24"), "b": ("sink", "eth1", "10.90.2.2/24")}
STREAM = {"a": ("eth1", "239.1.1.2"), "b": ("eth0", "239.1.1.3")}
SINK = {"a": ("eth0", "239.2.2.2"), "b": ("eth1", "239.2.2.3")}


class Sides:
    """The three streams, and what is asked of them."""

    def __init__(self, t, source_ip=None, size=200, steady_rate=5000):
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
            t.equal((answer["state"], answer["applied"] + len(answer["pending"])), ("active", 2),
                    f"rule {name}")
            self.ids[name] = answer["rule_id"]
        self.steady_sink = t.sink("sink", "eth0", "239.2.2.1", 6000, rcvbuf=SINK_BUFFER_BYTES)
        self.steady_gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=steady_rate, size=size)
        self.sinks = {"a": t.sink("sink", *SINK["a"], 6000)}
        self.gens = {}
        self.flow = 0
        self.listen_b()
        self.back = []
        t.wait_until(lambda: self.steady_sink.received() > 100, BACK_S,
                     "the steady stream flows")

    def listen_b(self):
        self.sinks["b"] = self.t.sink("sink", *SINK["b"], 6000)

    def offer(self, name):
        """A generator sends, whether or not anything arrives, until halt() or whole() ends it."""
        self.halt(name)
        self.flow += 1
        self.gens[name] = self.t.gen_start("gen", *STREAM[name], 5000, rate=1000,
                                           size=self.size, first_flow=self.flow)

    def send(self, name):
        """The stream flows, datagram after datagram, until halt() or whole() ends it."""
        self.offer(name)
        had = self.sinks[name].received()
        self.t.wait_until(lambda: self.sinks[name].received() > had, BACK_S,
                          f"{name} flows")

    def halt(self, name):
        """The stream's generator ends, if it runs."""
        if name in self.gens:
            self.gens.pop(name).stop()

    def state(self, name):
        """The state of a stream's rule, as ListRules says."""
        return rules_by_id(self.relay)[self.ids[name]]["state"]

    def becomes(self, name, state):
        """Its rule reaches the state in time; the other two stay active."""
        self.t.wait_until(lambda: self.state(name) == state, BACK_S, f"{name} is {state}")
        for other in {"steady", "a", "b"} - {name}:
            self.t.equal(self.state(other), "active", f"state of {other}")

    def drops(self, reason):
        """Wait until drops of b are counted under this reason."""
        def counted():
            [b] = [one for one in self.relay.stats()["rules"] if one["name"] == "b"]
            return b["outputs"][0]["send_drops"][reason]
        had = counted()
        self.t.wait_until(lambda: counted() > had, BACK_S, f"drops with the reason {reason}")

    def returns(self, name, since):
        """The cause went away at `since`: in time the stream flows, the rule is active."""
        had = self.sinks[name].received()
        self.t.wait_until(lambda: self.sinks[name].received() > had, BACK_S,
                          f"{name} flows again")
        self.t.wait_until(lambda: self.state(name) == "active", BACK_S, f"{name} is active")
        self.back.append(time.monotonic() - since)

    def in_sync(self):
        self.t.wait_until(lambda: all(one["in_sync"] for one in
                                      self.relay.rpc("ListWorkers")["workers"]),
                          BACK_S, "in sync")

    def whole(self, name):
        """A fresh stream arrives as it is sent, on the right workers, joined once."""
        self.halt(name)
        self.in_sync()
        t = self.t
        sink = t.sink("sink", *SINK[name], 6000)
        self.flow += 1
        t.gen("gen", *STREAM[name], 5000, rate=5000, count=500, size=self.size,
              first_flow=self.flow)
        judge_flow(t, sink, self.flow, 500, f"{name} afterwards")
        t.equal(memberships(t, "relay", "in0"), {"239.1.1.1", "239.1.1.3"}, "joined on in0")
        t.equal(memberships(t, "relay", "in1"), {"239.1.1.2"}, "joined on in1")

    def end(self, what):
        """The steady stream was whole all the time, and nothing is unaccounted for."""
        sent = self.steady_gen.stop()["sent"]
        t = self.t
        t.clean(self.steady_sink.finish(sent), sent, "the steady stream")
        t.conservation(self.relay)
        if "hardly gets the CPU" not in self.relay.log():  # a worker without CPU time may be late
            t.equal([one["drift_detected"] for one in self.relay.rpc("ListWorkers")["workers"]],
                    [0, 0], "drift")
        if self.back:
            ordered = sorted(self.back)
            t.note(f"{what}: back {len(ordered)} times, after median "
                   f"{ordered[len(ordered) // 2] * 1000:.0f} ms, worst {ordered[-1] * 1000:.0f} ms")


def judge_flow(t, sink, flow, count, what):
    """All `count` datagrams of this flow arrive, once and in order.

    Datagrams of the flows before may be under way for as long as the relay has no CPU: each of them
    arrives once at most.
    """
    def arrived():
        return sum(one["unique"] for one in sink.report()["flows"] if one["flow"] == flow)
    t.wait_until(lambda: arrived() >= count, BACK_S, f"{what}: all datagrams")
    report = sink.finish(count)
    own = [one for one in report["flows"] if one["flow"] == flow]
    former = [one for one in report["flows"] if one["flow"] != flow]
    t.equal([one["flow"] for one in former if one["flow"] > flow or one["duplicated"]], [],
            f"{what}: flows that nobody sent yet, or of which datagrams came twice")
    keys = ("received", "unique", "lost", "duplicated", "reordered")
    t.equal(([tuple(one[key] for key in keys) for one in own],
             [report[key] for key in ("corrupt", "short", "sink_drops")]),
            ([(count, count, 0, 0, 0)], [0, 0, 0]),
            f"{what}: {', '.join(keys)} of the flow; corrupt, short, sink_drops")


def quiet(t, sink):
    """Nothing has arrived between two looks 50 ms apart."""
    def still():
        had, until = sink.received(), time.monotonic() + 0.05
        t.wait_until(lambda: time.monotonic() >= until, 1, "50 ms")
        return sink.received() == had
    t.wait_until(still, BACK_S, "the sink is quiet")


# ip(8)

def ip(t, node, *words):
    """One command; returns when it was done."""
    t.run(node, ["ip", *words])
    return time.monotonic()


def batch(t, node, lines):
    """Many commands in one process."""
    t.run(node, ["ip", "-batch", "-"], input="\n".join(lines) + "\n")
    return time.monotonic()


def index_of(t, device):
    """The interface index of a device of the relay."""
    return int(re.match(r"\d+", t.run("relay", ["ip", "-o", "link", "show", device]).stdout)[0])


# Events of the link of a or b

def down(sides, name):
    ip(sides.t, "relay", "link", "set", DEVICE[name], "down")


def up(sides, name):
    return ip(sides.t, "relay", "link", "set", DEVICE[name], "up")


def carrier_off(sides, name):
    node, device, _ = PEER[name]
    ip(sides.t, node, "link", "set", device, "down")


def carrier_on(sides, name):
    node, device, _ = PEER[name]
    return ip(sides.t, node, "link", "set", device, "up")


def unplug(sides, name):
    ip(sides.t, "relay", "link", "del", DEVICE[name])


def plug(sides, name):
    """The same wire anew, with what sends or listens at its other end: only up() is left."""
    device, (node, peer, address) = DEVICE[name], PEER[name]
    ip(sides.t, "relay", "link", "add", device, "type", "veth", "peer", "name", "new-peer")
    sides.t.move("relay", "new-peer", node)
    ip(sides.t, node, "link", "set", "new-peer", "name", peer)
    ip(sides.t, node, "address", "add", address, "dev", peer)
    ip(sides.t, node, "link", "set", peer, "up")
    ip(sides.t, "relay", "address", "add", ADDRESS[name], "dev", device)
    if name == "b":
        sides.listen_b()
    else:
        sides.offer("a")


def rename_away(sides, name):
    batch(sides.t, "relay", [f"link set {DEVICE[name]} down",
                             f"link set {DEVICE[name]} name renamed", "link set renamed up"])


def rename_back(sides, name):
    batch(sides.t, "relay", ["link set renamed down", f"link set renamed name {DEVICE[name]}"])
    return up(sides, name)


def address_off(sides, name):
    ip(sides.t, "relay", "address", "del", ADDRESS[name], "dev", DEVICE[name])


def address_on(sides, name):
    return ip(sides.t, "relay", "address", "add", ADDRESS[name], "dev", DEVICE[name])


def link_events(device, count):
    """Commands that change nothing that any rule could care about."""
    return [f"link set {device} mtu {1300 + n % 2}" for n in range(count)]


def address_events(device, count):
    return [f"address {verb} 10.91.2.{n + 1}/32 dev {device}"
            for n in range(count // 2) for verb in ("add", "del")]


# netlink sockets

def netlink_sockets(t):
    """The relay's node's rows of /proc/net/netlink, as dicts."""
    names, *rows = [line.split() for line in
                    t.run("relay", ["cat", "/proc/net/netlink"]).stdout.splitlines()]
    return [dict(zip(names, row)) for row in rows]


def netlink_descriptor(t, pid):
    """Which descriptor of a process is a netlink socket."""
    inodes = {row["Inode"] for row in netlink_sockets(t)}
    for fd, target in descriptors(pid).items():
        if target[len("socket:["):-1] in inodes:
            return fd
    return t.fail(f"process {pid} has no netlink socket")


def netlink_drops(t):
    """How many events the kernel has dropped for full netlink sockets."""
    return sum(int(row["Drops"]) for row in netlink_sockets(t))


def small_netlink_buffer(sides):
    """Control's buffer overflows while it is stopped for less than what counts as a hang."""
    [control] = sides.relay.children(CONTROL)
    with fault.take_descriptor(control, netlink_descriptor(sides.t, control)) as netlink:
        netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)


def overrun(sides, line):
    """400 events that control does not hear of, and behind them the one of that `line`."""
    t = sides.t
    [control] = sides.relay.children(CONTROL)
    had = netlink_drops(t)
    with fault.stopped(control):
        batch(t, "relay", link_events("other", 400) + [line])
    since = time.monotonic()
    t.true(netlink_drops(t) > had, "the kernel had to drop events")
    return since


def settled(t, relay):
    """Control has read its netlink socket empty."""
    [pid] = relay.children(CONTROL)

    def empty():
        own = descriptors(pid).values()
        return all(int(row["Rmem"]) == 0 for row in netlink_sockets(t)
                   if f"socket:[{row['Inode']}]" in own)
    t.wait_until(empty, BACK_S, "control has read all events")
    relay.rpc("Ping")
    relay.rpc("Ping")
