#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""One stream through one relay, or several in a row.

    gen 10.10.1.100 ---- eth0 10.20.0.1  relay  eth1 10.90.1.1 ---- sink 10.90.1.2

The source's address is one that the relay has no route to: the reverse path check of the kernel
drops what it sends, before any socket sees it.
"""

import json
from pathlib import Path

import support  # pylint: disable=unused-import
from mcrlab import main, scenario

from support_rules import (add, drops, dumped, memberships, nonzero, output, per_stream, rule,
                           snmp)

HERE = Path(__file__).resolve().parent
IN, OUT = "239.1.1.1", "239.2.2.2"


@scenario("a source that the kernel cannot route back is relayed", topology="chain3")
def unroutable_source(t):
    """The kernel delivers nothing, neither to a socket of its own nor onwards; the relay, all."""
    behind = t.sink("sink", "eth0", IN, 5000)
    local = t.sink("relay", "eth0", IN, 5000)
    t.equal((memberships(t, "sink", "eth0"), memberships(t, "relay", "eth0")), ({IN}, {IN}),
            "groups joined by the sinks")
    refused = snmp(t, "relay", "TcpExt.IPReversePathFilter", "/proc/net/netstat")
    t.equal(t.gen("gen", "eth0", IN, 5000, rate=2000, count=200)["sent"], 200, "sent")
    t.wait_until(lambda: snmp(t, "relay", "TcpExt.IPReversePathFilter", "/proc/net/netstat") ==
                 refused + 200, 5, "200 datagrams refused by the reverse path check")
    t.equal((local.finish()["received"], behind.finish()["received"]), (0, 0),
            "received through the kernel alone")

    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.equal(t.gen("gen", "eth0", IN, 5000, rate=10000, count=5000)["sent"], 5000, "sent")
    t.clean(sink.finish(5000), 5000)
    totals = t.conservation(relay)["totals"]
    t.equal((totals["received"], totals["matched"], totals["sent"], nonzero(totals["drops"])),
            (5000, 5000, 5000, {}), "received, matched, sent, drops")
    t.equal(totals["bytes"], 5000 * 1400, "payload bytes")


@scenario("group and port are translated", topology="chain3")
def translation(t):
    """Everything arrives under the new group and port, nothing under the old or a mixture."""
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    right = t.sink("sink", "eth0", OUT, 6000)
    others = t.sink("sink", "eth0", [IN, OUT], 5000), t.sink("sink", "eth0", IN, 6000)
    t.gen("gen", "eth0", IN, 5000, rate=5000, count=1000, size=200)
    t.clean(right.finish(1000), 1000)
    t.equal([per_stream(one.finish()) for one in others],
            [{(IN, 5000): 0, (OUT, 5000): 0}, {(IN, 6000): 0}], "received elsewhere")
    t.conservation(relay)


@scenario("multicast is relayed to a unicast host", topology="chain3")
def multicast_to_unicast(t):
    """An output that is a host gets the stream, and needs no membership for it."""
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output("10.90.1.2", 6000)))
    sink = t.sink("sink", "eth0", "10.90.1.2", 6000)
    t.gen("gen", "eth0", IN, 5000, rate=5000, count=1000, size=200)
    t.clean(sink.finish(1000), 1000)
    t.equal(memberships(t, "sink", "eth0"), set(), "groups joined by the sink")
    t.conservation(relay)


SEND_ONE = """
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"knock", ("10.20.0.1", 5000))
"""


@scenario("unicast is relayed to multicast, and its sender hears no ICMP", topology="chain3")
def unicast_to_multicast(t):
    """A unicast input is relayed, and its sender hears nothing; without the rule it hears ICMP."""
    t.run("gen", ["ip", "route", "add", "10.20.0.0/24", "dev", "eth0"])
    t.run("relay", ["ip", "route", "add", "10.10.1.0/24", "dev", "eth0"])
    relay = t.mcrd("relay")
    sink = t.sink("sink", "eth0", OUT, 6000)

    def heard():
        return snmp(t, "gen", "Icmp.InDestUnreachs"), snmp(t, "relay", "Icmp.OutDestUnreachs")

    t.python("gen", SEND_ONE)
    t.wait_until(lambda: heard() == (1, 1), 5, "one ICMP port unreachable without a rule")
    result = add(t, relay, rule("10.20.0.1", 5000, output(OUT, 6000)))
    gen = t.gen("gen", "eth0", "10.20.0.1", 5000, rate=5000, count=1000, size=200)
    t.equal((gen["sent"], gen["send_errors"]), (1000, 0), "sent, errors told to the sender")
    t.clean(sink.finish(1000), 1000)
    t.equal(heard(), (1, 1), "ICMP received by the sender, sent by the relay")
    t.conservation(relay)

    relay.rpc("RemoveRule", {"rule_id": result["rule_id"]})
    t.python("gen", SEND_ONE)
    t.wait_until(lambda: heard() == (2, 2), 5, "ICMP again after the rule is removed")


@scenario("three relays in a row lose nothing", topology="relays3")
def chain_of_three(t):
    """gen - r1 - r2 - r3 - sink, a new group and port at each hop, nothing lost in any."""
    hops = [("239.1.1.1", 5000), ("239.1.1.2", 5001), ("239.1.1.3", 5002), ("239.1.1.4", 5003)]
    relays = [t.mcrd(node) for node in ("r1", "r2", "r3")]
    for relay, here, there in zip(relays, hops, hops[1:]):
        add(t, relay, rule(*here, output(*there)))
    sink = t.sink("sink", "eth0", *hops[3])
    t.gen("gen", "eth0", *hops[0], rate=5000, count=2000)
    t.clean(sink.finish(2000), 2000)
    for relay in relays:
        t.equal(t.conservation(relay)["totals"]["sent"], 2000, f"sent by {relay.name}")


@scenario("payloads of 0 and 1 byte arrive with their size", topology="chain3")
def tiny_payloads(t):
    """The smallest payloads arrive with their size, in their order."""
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    dump = t.run_dir / "dump"
    sink = t.sink("sink", "eth0", OUT, 6000, dump=dump)
    t.gen("gen", "eth0", IN, 5000, rate=2000, count=200, size="0,1,1,0,0")
    t.equal(sink.finish(200)["received"], 200, "received")
    t.equal([len(one) for one in dumped(dump)], [0, 1, 1, 0, 0] * 40, "sizes in order")
    totals = t.conservation(relay)["totals"]
    t.equal((totals["sent"], totals["bytes_sent"]), (200, 80), "sent datagrams and bytes")


@scenario("a payload above the output MTU arrives whole", topology="asym_mtu")
def above_the_mtu(t):
    """8000 bytes come in one frame and leave as 6 fragments each; the sink has them whole."""
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.gen("gen", "eth0", IN, 5000, rate=1000, count=300, size=8000)
    report = sink.finish(300)
    t.clean(report, 300)
    t.equal(report["bytes"], 300 * 8000, "bytes")
    t.equal(snmp(t, "relay", "Ip.FragCreates"), 300 * 6, "fragments made by the relay's kernel")
    t.conservation(relay)


@scenario("jumbo frames are relayed unfragmented", topology="jumbo")
def jumbo(t):
    """Payloads of 8972 bytes, which just fill the MTU, go through unfragmented."""
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.gen("gen", "eth0", IN, 5000, rate=2000, count=1000, size="8972,64,8972,1400")
    t.clean(sink.finish(1000), 1000)
    t.equal(snmp(t, "relay", "Ip.FragCreates"), 0, "fragments")
    t.equal(nonzero(drops(relay)), {}, "drops")
    t.conservation(relay)


def class_in_use(t, gro, size):
    """Which pool of receive buffers a stream draws from, in full-sized frames."""
    # The kernel path has no buffers.
    config = {"rules": [rule(IN, 5000, output(OUT, 6000), path="user")]}
    if gro is not None:
        config["gro"] = {"eth0": gro}
    relay = t.mcrd("relay", config=config)
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.gen("gen", "eth0", IN, 5000, rate=2000, count=500, size=size)
    t.clean(sink.finish(500), 500)
    pools = t.conservation(relay)["workers"][0]["pools"]
    relay.stop()
    return [name for name, pool in pools.items() if pool["low"] < pool["buffers"]]


@scenario("an input of an ordinary MTU uses the small buffers", topology="chain3")
def small_buffers(t):
    """An input that cannot bring more than its MTU is served from the small buffers."""
    t.equal(class_in_use(t, False, 1472), ["small"], "pool with GRO off")
    t.equal(class_in_use(t, None, 1472), ["super"], "pool with GRO as it is, on a virtual wire")


@scenario("an input of MTU 9000 uses the buffers for jumbo frames", topology="jumbo")
def jumbo_buffers(t):
    """The same with an MTU of 9000 and the buffers in between."""
    t.equal(class_in_use(t, False, 8972), ["jumbo"], "pool with GRO off")
    t.equal(class_in_use(t, True, 8972), ["super"], "pool with GRO on")


@scenario("each output has its own TTL, DSCP and source", topology="chain3")
def output_options(t):
    """One rule, four outputs: each datagram carries its output's TTL, DSCP and source address."""
    t.run("relay", ["ip", "address", "add", "10.90.1.77/24", "dev", "eth1"])
    relay = t.mcrd("relay")
    listener = t.start("sink", ["/usr/bin/python3", f"{HERE}/support_listen.py", "eth0",
                                OUT, 6000, OUT, 6001, OUT, 6002, OUT, 6003])
    t.wait_until(lambda: listener.stdout().startswith("ready"), 10, "listener")
    result = relay.rpc("AddRule", rule(
        IN, 5000, output(OUT, 6000), output(OUT, 6001, ttl=8),
        output(OUT, 6002, ttl=255, dscp=34, source_ip="10.90.1.77"),
        output(OUT, 6003, dscp=63, source_ip="10.20.0.1")))
    # The source address of the last is one of this host's, but of another interface, to which
    # the sink has no route: its own reverse path check would drop the datagram.
    t.equal((result["state"], len(result["warnings"])), ("active", 1), "answer to AddRule")
    t.true("source_ip 10.20.0.1 is not an address of eth1" in result["warnings"][0],
           result["warnings"][0])
    t.run("sink", ["ip", "route", "add", "10.20.0.0/24", "dev", "eth0"])
    t.gen("gen", "eth0", IN, 5000, rate=100, count=10, size=100)
    t.wait_until(lambda: listener.stdout().count("\n") == 1 + 40, 5, "40 datagrams")

    expected = {6000: {"ttl": 1, "dscp": 0, "source": "10.90.1.1"},
                6001: {"ttl": 8, "dscp": 0, "source": "10.90.1.1"},
                6002: {"ttl": 255, "dscp": 34, "source": "10.90.1.77"},
                6003: {"ttl": 1, "dscp": 63, "source": "10.20.0.1"}}
    for line in listener.stdout().splitlines()[1:]:
        seen = json.loads(line)
        t.equal(seen, {**expected[seen["port"]], "bytes": 100, "group": OUT, "port": seen["port"]},
                "header of what arrived")
    shown = relay.rpc("ListRules")["rules"][0]
    t.equal(shown["rule_id"], result["rule_id"], "rule listed")
    t.equal([(one["ttl"], one["ttl_default"]) for one in shown["outputs"]],
            [(1, True), (8, False), (255, False), (1, True)], "TTL listed")
    listener.send_signal(2)
    listener.wait(5)
    t.conservation(relay)


@scenario("nothing comes back to the relay's own host", topology="chain3")
def not_looped(t):
    """A program of the relay's host that has joined the output group hears nothing of it."""
    relay = t.mcrd("relay")
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.2", 6000)))
    sink, own = (t.sink("sink", "eth0", "239.2.2.2", 6000), t.sink("relay", "eth1", "239.2.2.2", 6000))
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=5000, count=200, size=200)
    t.clean(sink.finish(200), 200)
    t.equal(own.finish()["received"], 0, "received by a program beside the relay")


if __name__ == "__main__":
    main()
