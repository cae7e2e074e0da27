#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Outputs of rules that the kernel relays: hosts, links and neighbours that come and go.

                                                              .-- out0 10.90.1.1 -- eth0 10.90.1.2
    [gen] eth0 10.10.1.2 -- in0 10.10.1.1 [relay] ------------+-- out1 10.91.1.1 -- eth1 10.91.1.2 [sink]
                                                              '-- out2 10.92.1.1 -- eth2 10.92.1.2

GetStats shows the path of a datagram: `kernel_path` counts those that the program took, `workers`
those of the workers.
"""

import json

import support  # pylint: disable=unused-import
from mcrlab import main, payload, scenario

from support_frames import SCAPY
from support_kernel import AUTO, IN, KERNEL, by_kernel, paths as all_paths, took
from support_rules import add, nonzero, output, rule, rules_by_id

LAB = {
    "name": "kernel-outputs",
    "nodes": {"gen": {}, "relay": {}, "sink": {}},
    "links": [{"ends": [{"at": "gen:eth0", "addresses": ["10.10.1.2/24"]},
                        {"at": "relay:in0", "addresses": ["10.10.1.1/24"]}]}] +
             [{"ends": [{"at": f"relay:out{n}", "addresses": [f"10.9{n}.1.1/24"]},
                        {"at": f"sink:eth{n}", "addresses": [f"10.9{n}.1.2/24"]}]}
              for n in range(3)],
}
SEEN_S = 2  # the promise: in `list` within two seconds


def ip(t, node, *words):
    return t.run(node, ["ip", *words]).stdout


def sysctl(t, node, name, value):
    t.run(node, ["sh", "-c", f"echo {value} >/proc/sys/net/ipv4/{name}"])


def answers_arp(t, yes, interface="eth0"):
    """The sink's host is there for its neighbours, or is not."""
    sysctl(t, "sink", f"conf/{interface}/arp_ignore", 0 if yes else 8)


def quick_neighbours(t, *interfaces):
    """The relay's kernel finds out within a second that a neighbour is gone, not within a minute."""
    for interface in interfaces:
        for name, value in (("base_reachable_time_ms", 300), ("delay_first_probe_time", 0),
                            ("retrans_time_ms", 100), ("ucast_solicit", 2)):
            sysctl(t, "relay", f"neigh/{interface}/{name}", value)


def outputs_of(relay):
    return rules_by_id(relay)["cam"]["outputs"]


def paths(relay):
    """(path, reason) of every output of the one rule."""
    return all_paths(relay)["cam"]


def kernel_rule(t, *outputs):
    """A relay with one rule, which the kernel relays."""
    relay = t.mcrd("relay", args=AUTO)
    add(t, relay, rule(IN, 5000, *outputs, interface="in0", id="cam"))
    by_kernel(t, relay, "cam")
    return relay


def states(relay):
    return [(one["state"], one["reason"]) for one in outputs_of(relay)]


def books(t, relay):
    """[(matched, sent, send drops)] of the one rule's outputs; both halves of the law hold."""
    [one] = t.conservation(relay)["rules"]
    return [(out["matched"], out["sent"], nonzero(out["send_drops"])) for out in one["outputs"]]


def witness(t, count, interface="eth0", port=6001):
    """scapy at the sink, once it listens."""
    process = t.start("sink", SCAPY + ["sniff", interface, port, count])
    t.wait_until(lambda: process.stdout().startswith("ready"), 20, "witness")
    return process


def seen_by(t, process):
    t.equal(process.wait(10), 0, "status of the witness")
    return [json.loads(line) for line in process.stdout().splitlines()[1:]]


# --- held ---


@scenario("kernel outputs: a host dies and a link goes down, the others of the rule lose nothing",
          topology=LAB, deadline_s=60)
def held(t):
    """Each datagram to the dead ones counts under its reason, by the kernel; they come back."""
    quick_neighbours(t, "out0", "out2")
    relay = kernel_rule(t, output("239.2.2.2", 6000, "out0"), output("10.90.1.2", 6001, "out0"),
                        output("239.2.2.3", 6000, "out1"), output("10.92.1.2", 6001, "out2"))
    sinks = [t.sink("sink", "eth0", "239.2.2.2", 6000), t.sink("sink", "eth0", "10.90.1.2", 6001),
             t.sink("sink", "eth1", "239.2.2.3", 6000), t.sink("sink", "eth2", "10.92.1.2", 6001)]
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=4000, size=200)

    def flow(*numbers):
        had = [sink.received() for sink in sinks]
        t.wait_until(lambda: all(sinks[n].received() > had[n] + 400 for n in numbers), 10,
                     f"outputs {numbers} get the stream")

    def counted(number, reason):
        before = books(t, relay)[number][2].get(reason, 0)
        t.wait_until(lambda: nonzero(outputs_of(relay)[number]["send_drops"]).get(reason, 0) >
                     before + 400, 5, f"output {number}: {reason}")

    flow(0, 1, 2, 3)
    answers_arp(t, False)
    t.wait_until(lambda: states(relay)[1] == ("unreachable", "10.90.1.2 does not answer on out0"),
                 10, "the host is seen to be away")
    ip(t, "sink", "link", "set", "eth1", "down")
    t.wait_until(lambda: states(relay)[2] == ("paused", "out1 is down"), SEEN_S, "the link is down")
    counted(1, "unreachable")
    counted(2, "no_interface")
    t.equal(paths(relay), [("kernel", "")] * 4, "paths while two are dead")
    flow(0, 3)
    ip(t, "sink", "link", "set", "eth1", "up")
    answers_arp(t, True)
    t.wait_until(lambda: states(relay) == [("active", "")] * 4, 5, "all are back")
    flow(0, 1, 2, 3)
    sent = gen.stop()["sent"]
    for sink in (sinks[0], sinks[3]):
        t.clean(sink.finish(sent), sent, sink.name)
    counts = books(t, relay)
    t.equal([one[0] for one in counts], [sent] * 4, "matched")
    t.equal([counts[0], counts[3]], [(sent, sent, {})] * 2, "the outputs that lived")
    # The last frames before control knows of the link count as their device says: its queue.
    t.equal([set(one[2]) - {"queue_full"} for one in counts[1:3]],
            [{"unreachable"}, {"no_interface"}], "reasons")
    t.equal(took(relay.stats()), (sent, 0), "relayed by kernel, by workers")


@scenario("kernel outputs: outputs that never were, and one whose source address is not ours",
          topology=LAB)
def never_there(t):
    """A missing interface, a silent host and a foreign source: held from the start, each by name."""
    answers_arp(t, False, "eth1")
    relay = t.mcrd("relay", args=AUTO)
    relay.rpc("AddRule", rule(IN, 5000, output("239.2.2.2", 6000, "out0"),
                              output("239.2.2.2", 6000, "out9"), output("10.91.1.2", 6001, "out1"),
                              output("239.2.2.4", 6000, "out2", source_ip="10.99.0.1"),
                              output("239.2.2.5", 6000, "out9", ttl="decrement"),
                              interface="in0", id="cam"))
    by_kernel(t, relay, "cam")
    t.equal([state for state, _ in states(relay)],
            ["active", "unresolved", "unreachable", "unresolved", "unresolved"], "states")
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
    t.gen("gen", "eth0", IN, 5000, rate=4000, count=1000, size=200, ttl=1)
    t.clean(sink.finish(1000), 1000)
    t.equal(books(t, relay), [(1000, 1000, {}), (1000, 0, {"no_interface": 1000}),
                              (1000, 0, {"unreachable": 1000}), (1000, 0, {"no_source": 1000}),
                              (1000, 0, {"ttl_expired": 1000})], "matched, sent, send drops")
    t.equal(took(relay.stats()), (1000, 0), "relayed by kernel, by workers")


# --- hosts ---


@scenario("kernel outputs: what a host gets, byte for byte", topology=LAB)
def host_witnessed(t):
    """On the link and behind a gateway: MAC of the next hop, source of the route, good checksums."""
    t.run("gen", ["ethtool", "-K", "eth0", "tx", "off"])
    ip(t, "sink", "address", "add", "192.0.2.7/32", "dev", "lo")
    ip(t, "relay", "address", "add", "10.91.1.9/24", "dev", "out1")
    ip(t, "relay", "route", "add", "192.0.2.0/24", "via", "10.91.1.2", "dev", "out1", "src",
       "10.91.1.9")
    relay = kernel_rule(t, output("10.90.1.2", 6001, "out0", ttl=8, dscp=34),
                        output("192.0.2.7", 6001, "out1"))
    count = 20
    witnesses = [witness(t, count, f"eth{n}") for n in (0, 1)]
    t.gen("gen", "eth0", IN, 5000, rate=200, count=count, size="1,32,301,1400", ttl=3, dscp=12)
    for n, expected in ((0, ("10.90.1.1", "10.90.1.2", 8, 34)),
                        (1, ("10.91.1.9", "192.0.2.7", 64, 0))):
        [link] = json.loads(ip(t, "sink", "-j", "link", "show", f"eth{n}"))
        seen = seen_by(t, witnesses[n])
        for one in seen:
            t.equal((one["source"], one["group"], one["ttl"], one["dscp"]), expected, f"{one}")
            t.equal((one["destination"], one["ecn"], one["ip_checksum_good"],
                     one["udp_checksum_good"]), (link["address"], 0, True, True), f"rest of {one}")
        bodies = [bytes.fromhex(one["payload"]) for one in seen]
        t.equal([len(body) for body in bodies], [1, 32, 301, 1400] * (count // 4), "sizes")
        t.equal(bodies[2][32:], payload(2, size=301)[32:], "body of the third datagram")
    t.equal(took(t.conservation(relay)), (count, 0), "relayed by kernel, by workers")


@scenario("kernel outputs: a host gets another MAC address under traffic", topology=LAB)
def mac_changes(t):
    """From the update of the neighbour entry on every frame has the new address, and none is lost."""
    relay = kernel_rule(t, output("10.90.1.2", 6001, "out0"))
    sink = t.sink("sink", "eth0", "10.90.1.2", 6001)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=4000, size=200)
    t.wait_until(lambda: sink.received() > 1000, 10, "the stream flows")
    sysctl(t, "sink", "conf/eth0/arp_notify", 1)
    ip(t, "sink", "link", "set", "eth0", "address", "02:00:00:00:77:01")
    t.wait_until(lambda: "02:00:00:00:77:01" in ip(t, "relay", "neigh", "show", "10.90.1.2"), 5,
                 "the relay's kernel knows the address")
    arrived = sink.received()
    t.wait_until(lambda: sink.received() > arrived + 500, 10, "the stream flows to it")
    before = sink.report()
    t.equal({one["destination"] for one in seen_by(t, witness(t, 200))}, {"02:00:00:00:77:01"},
            "addresses on the wire")
    arrived = sink.received()
    t.wait_until(lambda: sink.received() > arrived + 2000, 10, "the stream flows on")
    sent = gen.stop()["sent"]
    report = sink.finish(sent - before["lost"])
    t.equal((report["received"], report["lost"], report["duplicated"]),
            (sent - before["lost"], before["lost"], 0), "received, lost, duplicated")
    t.note(f"{before['lost']} frames had the old address after the host had taken the new one")
    t.equal(books(t, relay), [(sent, sent, {})], "matched, sent, send drops")
    t.equal(took(relay.stats()), (sent, 0), "relayed by kernel, by workers")


@scenario("kernel outputs: neighbours are kept fresh while an output needs them", topology=LAB)
def upkeep(t):
    """Managed by the kernel from the first rule to the last, and not after the daemon's end."""
    if KERNEL < (5, 16):
        t.skip("before Linux 5.16 the kernel manages no entries")

    def managed():
        return {line.split()[0] for line in ip(t, "relay", "neigh").splitlines()
                if "managed" in line.split()}

    ip(t, "relay", "neigh", "add", "10.91.1.7", "lladdr", "02:00:00:00:00:07", "dev", "out1")
    relay = kernel_rule(t, output("10.90.1.2", 6001, "out0"), output("10.91.1.7", 6001, "out1"))
    t.wait_until(lambda: managed() == {"10.90.1.2"}, 5, "the entry of the host is managed")
    t.true("PERMANENT" in ip(t, "relay", "neigh", "show", "10.91.1.7"), "a fixed entry stays fixed")
    add(t, relay, rule(IN, 5001, output("10.90.1.2", 6002, "out0"),
                       output("10.92.1.2", 6002, "out2"), interface="in0", id="two"))
    t.wait_until(lambda: managed() == {"10.90.1.2", "10.92.1.2"}, 5, "that of another rule, too")
    relay.rpc("RemoveRule", {"rule_id": "two"})
    t.wait_until(lambda: managed() == {"10.90.1.2"}, 5, "that of the rule that is gone is not")
    ip(t, "relay", "neigh", "flush", "dev", "out0")
    t.wait_until(lambda: managed() == {"10.90.1.2"}, 5, "managed again")
    t.equal(states(relay), [("active", "")] * 2, "states")
    relay.stop()
    t.equal(managed(), set(), "after the end")


# --- source ports ---


@scenario("kernel outputs: a source port of an output's own, on both paths", topology=LAB)
def source_port(t):
    """Outputs share a port; one of another program is told, holds its output, and comes back."""
    for node, interface in (("gen", "eth0"), ("relay", "out0")):
        t.run(node, ["ethtool", "-K", interface, "tx", "off"])
    relay = t.mcrd("relay", args=AUTO, num_workers=2)
    outputs = (output("239.2.2.2", 6001, "out0", source_port=7000),
               output("10.90.1.2", 6001, "out0", source_port=7000),
               output("239.2.2.3", 6001, "out0", source_port=7001, source_ip="10.90.1.1"))
    count = 30
    for path in ("auto", "user"):
        add(t, relay, rule(IN, 5000, *outputs, interface="in0", id="cam", path=path), replace=True)
        if path == "auto":
            by_kernel(t, relay, "cam")
        process = witness(t, 3 * count)
        before = took(relay.stats())
        t.gen("gen", "eth0", IN, 5000, rate=200, count=count, size="40,301")
        seen = seen_by(t, process)
        t.equal({(one["group"], one["source"], one["source_port"]) for one in seen},
                {("239.2.2.2", "10.90.1.1", 7000), ("10.90.1.2", "10.90.1.1", 7000),
                 ("239.2.2.3", "10.90.1.1", 7001)}, f"{path}: where from")
        t.true(all(one["udp_checksum_good"] for one in seen), "checksums")
        after = took(t.conservation(relay))
        t.equal([b - a for a, b in zip(before, after)],
                [count, 0] if path == "auto" else [0, count], f"{path}: kernel, workers")

    other = t.start("relay", ["/usr/bin/python3", "-c", PORT_HOLDER, "7002"])
    t.wait_until(lambda: other.stdout().startswith("bound"), 10, "another program has the port")
    for path in ("auto", "user"):
        relay.rpc("AddRule", {**rule(IN, 5000, output("239.2.2.2", 6001, "out0"),
                                     output("239.2.2.3", 6001, "out0", source_port=7002),
                                     interface="in0", id="cam", path=path), "replace": True})
        t.wait_until(lambda: states(relay) == [("active", ""), (
            "failed", "source_port 7002 is in use by another socket of this host")], SEEN_S, "state")
        if path == "auto":
            by_kernel(t, relay, "cam")
        sink = t.sink("sink", "eth0", "239.2.2.2", 6001)
        before = books(t, relay)
        t.gen("gen", "eth0", IN, 5000, rate=2000, count=500, size=200)
        t.clean(sink.finish(500), 500, path)
        after = books(t, relay)
        t.equal((after[0][1] - before[0][1], after[1][1] - before[1][1],
                 after[1][2].get("no_source", 0) - before[1][2].get("no_source", 0)),
                (500, 0, 500), f"{path}: sent, sent, no_source")
    other.stop()
    t.wait_until(lambda: states(relay) == [("active", "")] * 2, 5, "the port is free")
    sink = t.sink("sink", "eth0", "239.2.2.3", 6001)
    t.gen("gen", "eth0", IN, 5000, rate=2000, count=500, size=200)
    t.clean(sink.finish(500), 500, "the output that was held")


PORT_HOLDER = """
import signal, socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("0.0.0.0", int(sys.argv[1])))
print("bound", flush=True)
signal.pause()
"""

# --- without a MAC header, and consumed ---

TUNS = {
    "name": "kernel-tuns",
    "nodes": {"gen": {}, "relay": {}, "sink": {}},
    "links": [{"ends": [{"at": "gen:eth0", "addresses": ["10.10.1.2/24"]},
                        {"at": "relay:in0", "addresses": ["10.10.1.1/24"]}]},
              {"kind": "tun", "ends": [{"at": "gen:tun0", "addresses": ["10.11.1.2/24"]},
                                       {"at": "relay:tun0", "addresses": ["10.11.1.1/24"]}]},
              {"ends": [{"at": "relay:out0", "addresses": ["10.90.1.1/24"]},
                        {"at": "sink:eth0", "addresses": ["10.90.1.2/24"]}]},
              {"kind": "tun", "ends": [{"at": "relay:tun1", "addresses": ["10.91.1.1/24"]},
                                       {"at": "sink:tun0", "addresses": ["10.91.1.2/24"]}]}],
}
# Destinations on both kinds of link: (sink's interface, output).
BOTH = [("eth0", output("239.2.2.2", 6000, "out0")), ("eth0", output("10.90.1.2", 6001, "out0")),
        ("tun0", output("239.2.2.3", 6000, "tun1")), ("tun0", output("10.91.1.2", 6001, "tun1"))]
PLAIN = [one for one in BOTH if one[0] == "tun0"]


def relayed(t, relay, source, outputs, expected, local=None, count=1000):
    """A burst arrives at every output; `expected` are the numbers that (kernel, workers) relay."""
    before = took(relay.stats())
    sinks = [t.sink("sink", interface, one["group"], one["port"]) for interface, one in outputs]
    here = t.sink("relay", "tun0" if source == "tun0" else "in0", IN, 5000)
    t.gen("gen", source, IN, 5000, rate=2000, count=count, size="40,301,1400", ttl=3)
    for sink in sinks:
        t.clean(sink.finish(count), count, sink.name)
    if local is not None:
        t.equal(here.finish(local)["received"], local, "received by a member on the relay")
    after = took(t.conservation(relay))
    t.equal(tuple(b - a for a, b in zip(before, after)), expected, "relayed by kernel, by workers")


def listen_here(t):
    """The relay's own programs get datagrams that come from elsewhere."""
    for name in ("all", "in0", "tun0"):
        sysctl(t, "relay", f"conf/{name}/rp_filter", 0)


@scenario("kernel outputs: from Ethernet to devices without MAC header", topology=TUNS)
def to_tun(t):
    """Groups and hosts on both kinds of device, and the frame is as it came behind the copies."""
    listen_here(t)
    relay = kernel_rule(t, *(one for _, one in BOTH))
    relayed(t, relay, "eth0", BOTH, (1000, 0), local=1000)


@scenario("kernel outputs: from a device without MAC header", topology=TUNS)
def from_tun(t):
    """It relays to such devices; to Ethernet only for rules that consume, because the header
    would stay."""
    listen_here(t)
    relay = t.mcrd("relay", args=AUTO)

    def put(outputs, **more):
        add(t, relay, rule(IN, 5000, *(one for _, one in outputs), interface="tun0", id="cam"),
            replace=True, **more)

    put(PLAIN)
    by_kernel(t, relay, "cam")
    relayed(t, relay, "tun0", PLAIN, (1000, 0), local=1000)
    put(BOTH, consume=True)
    by_kernel(t, relay, "cam")
    relayed(t, relay, "tun0", BOTH, (1000, 0), local=0)
    put(BOTH)
    reason = "from an interface without MAC header to Ethernet the rule must consume"
    t.wait_until(lambda: paths(relay)[:2] == [("user", reason)] * 2, 5, "the reason")
    t.equal(paths(relay)[2:], [("user", "another output of the rule needs a worker")] * 2,
            "there is no division without a MAC")
    relayed(t, relay, "tun0", BOTH, (0, 1000), local=1000)


@scenario("kernel outputs: what a rule consumes does not reach the IP stack", topology=TUNS)
def consumes(t):
    """On both paths; without the program at the input it has no effect, and `list` says so."""
    listen_here(t)
    relay = t.mcrd("relay", args=AUTO)
    for path, expected in (("auto", (1000, 0)), ("user", (0, 1000))):
        add(t, relay, rule(IN, 5000, BOTH[0][1], interface="in0", id="cam", path=path, consume=True),
            replace=True)
        if path == "auto":
            by_kernel(t, relay, "cam")
        t.equal(rules_by_id(relay)["cam"]["consume_reason"], "", "why it has no effect")
        relayed(t, relay, "eth0", BOTH[:1], expected, local=0)
        t.true("programs on this host do not receive it" in relay.ctl("list").stdout, "list")
    add(t, relay, rule(IN, 5000, BOTH[0][1], interface="in0", id="cam"), replace=True)
    by_kernel(t, relay, "cam")
    relayed(t, relay, "eth0", BOTH[:1], (1000, 0), local=1000)
    relay.stop()
    relay = t.mcrd("relay", args=["--path", "user"])
    add(t, relay, rule(IN, 5000, BOTH[0][1], interface="in0", id="cam", consume=True))
    relayed(t, relay, "eth0", BOTH[:1], (0, 1000), local=1000)
    t.true("not consumed: mcrd was started without --path auto" in relay.ctl("list").stdout, "list")


if __name__ == "__main__":
    main()
