#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An error strikes the output that caused it, and a forged one strikes none.

    gen ---- eth0  relay  eth1 ---- eth0 sink
                    lo

The kernel reports an ICMP error to the socket that sent, at a later send.  A host that receives a
stream can forge one.
"""

import os
import signal
import sys

import support  # pylint: disable=unused-import
from mcrlab import main, scenario

from support_rules import add, nonzero, output, rule, rules_by_id, snmp

HERE = os.path.dirname(os.path.abspath(__file__))
IN, OUT = "239.1.1.1", "239.2.2.2"
CONTROL, WORKER = "--role=control", "--role=worker"

# Type and code of what becomes an error of a send: all codes of destination unreachable, and
# time exceeded and parameter problem.
KINDS = [f"3:{code}" for code in range(16)] + ["11:0", "12:0"]


def outputs_of(relay):
    """{port: output} of the only rule, as ListRules has it."""
    [one] = rules_by_id(relay).values()
    return {out["port"]: out for out in one["outputs"]}


def egress_ports(t):
    """{(address, port) that a socket of the relay is connected to: its own port}."""
    found = {}
    for line in t.run("relay", ["cat", "/proc/net/udp"]).stdout.splitlines()[1:]:
        own, peer = line.split()[1:3]
        if peer != "00000000:0000":
            found[peer] = own.split(":")[1]
    return found


@scenario("a closed port takes nothing from an open one", topology="chain3")
def closed_port(t):
    """The open one gets everything; the closed one counts each error, and recovers at once."""
    t.run("relay", ["ip", "link", "set", "lo", "up"])
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output("127.0.0.1", 7001, "lo"), output("127.0.0.1", 7000, "lo")))
    sink = t.sink("relay", "lo", "127.0.0.1", 7001)
    t.gen("gen", "eth0", IN, 5000, rate=2000, count=500, size=200)
    t.clean(sink.finish(500), 500, "the open port")
    t.conservation(relay)
    dead, live = outputs_of(relay)[7000], outputs_of(relay)[7001]
    t.equal((live["matched"], live["sent"], live["send_drops"]), (500, 500, {}), "the open port")
    refused = dead["send_drops"].get("port_unreachable", 0)
    t.equal((dead["matched"], dead["sent"], dead["send_drops"]),
            (500, 500 - refused, {"port_unreachable": refused}), "the closed port")
    t.true(refused > 0, "errors were counted")
    late = t.sink("relay", "lo", "127.0.0.1", 7000)
    t.gen("gen", "eth0", IN, 5000, rate=2000, count=100, size=200)
    t.clean(late.finish(100), 100, "the port that was closed")


@scenario("an error is counted for the datagram it is about", topology="chain3")
def counted(t):
    """One datagram at a time to a host without the port: all but the last are known not to arrive."""
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output("10.90.1.2", 7000), output(OUT, 6000), path="user"))
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.run("sink", ["sysctl", "-q", "net.ipv4.icmp_ratelimit=0"])
    before = snmp(t, "relay", "Icmp.InDestUnreachs")
    for number in range(1, 6):
        t.gen("gen", "eth0", IN, 5000, count=1, size=200, first_flow=number)
        t.wait_until(lambda: snmp(t, "relay", "Icmp.InDestUnreachs") == before + number, 5,
                     "the error has arrived")
        t.conservation(relay)
        dead = outputs_of(relay)[7000]
        t.equal((dead["matched"], dead["sent"], nonzero(dead["send_drops"])),
                (number, 1, {"port_unreachable": number - 1} if number > 1 else {}),
                f"after {number} datagrams")
    t.equal(sink.finish(5)["received"], 5, "received by the other output")


def forge(t, group, port, count):
    """Forged errors about an output, of every kind, once it has sent something."""
    forger = t.start("sink", [sys.executable, f"{HERE}/support_icmp.py", group, port, count, *KINDS])
    t.wait_until(lambda: "ready" in forger.stdout(), 5, "the forger listens")
    return forger


@scenario("forged ICMP errors lose no datagram", topology="chain3", deadline_s=90)
def forged(t):
    """No datagram is lost, whatever the code; some to a host may be counted as not delivered."""
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output(OUT, 6000), output("10.90.1.2", 6001), output(OUT, 6002)))
    t.run("relay", ["sysctl", "-q", "net.ipv4.icmp_ratelimit=0"])
    sinks = {port: t.sink("sink", "eth0", group, port)
             for group, port in ((OUT, 6000), ("10.90.1.2", 6001), (OUT, 6002))}
    forgers = [forge(t, OUT, 6000, 3600), forge(t, "10.90.1.2", 6001, 3600)]
    before = snmp(t, "relay", "Icmp.InDestUnreachs")
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=10000, size=200)
    for forger in forgers:
        t.equal(forger.wait(30), 0, "the forger is done")
    t.true(snmp(t, "relay", "Icmp.InDestUnreachs") - before >= 3600, "the errors have arrived")
    sent = gen.stop()["sent"]
    for port, sink in sinks.items():
        report = sink.finish(sent)
        t.equal((report["received"], report["lost"], report["duplicated"], report["corrupt"]),
                (sent, 0, 0, 0), f"port {port}: received, lost, duplicated, corrupt")
    t.conservation(relay)
    outs = outputs_of(relay)
    for port in (6000, 6002):
        t.equal((outs[port]["sent"], outs[port]["send_drops"]), (sent, {}), f"port {port}")
    # The message may be true of one datagram, so one is counted as not delivered, and no more.
    t.equal(set(outs[6001]["send_drops"]) - {"port_unreachable", "unreachable"}, set(),
            "drops of the unicast one")


@scenario("UDP_SEGMENT survives forged errors", topology="gro")
def segments_survive(t):
    """An ICMP message does not change the sizes of sends that a device is known to take."""
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))

    def supers(flow):
        before = relay.stats()["totals"]["send_calls"]
        t.gen("gen", "eth0", IN, 5000, count=400, rate=10000, size=200, segment=40,
              first_flow=flow)
        t.wait_until(lambda: sink.received() == 400 * (flow + 1), 5, "everything has arrived")
        t.conservation(relay)
        return relay.stats()["totals"]["send_calls"] - before

    sink = t.sink("sink", "eth0", OUT, 6000)
    t.between(supers(0), 1, 20, "sends for 10 times 40 datagrams")
    forger = t.start("sink", [sys.executable, f"{HERE}/support_icmp.py", OUT, 6000, 3, "3:5"])
    t.wait_until(lambda: "ready" in forger.stdout(), 5, "the forger listens")
    supers(1)
    t.equal(forger.wait(10), 0, "the forger is done")
    supers(2)
    t.between(supers(3), 1, 20, "sends afterwards")


@scenario("datagrams that leave in fragments are counted", topology="chain3")
def fragmented(t):
    """Payloads above the MTU arrive; each is counted, and the log names the output once."""
    relay = t.mcrd("relay")
    for node, name in (("gen", "eth0"), ("relay", "eth0")):
        t.run(node, ["ip", "link", "set", name, "mtu", "3000"])
    add(t, relay, rule(IN, 5000, output(OUT, 6000), output("239.2.2.3", 6001)))
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.gen("gen", "eth0", IN, 5000, rate=2000, count=200, size=1472)
    t.equal([out["fragmented"] for out in outputs_of(relay).values()], [0, 0], "fragmented")
    t.gen("gen", "eth0", IN, 5000, rate=2000, count=300, size=2000, first_flow=1)
    t.clean(sink.finish(500), 500)
    totals = t.conservation(relay)["totals"]
    t.equal([out["fragmented"] for out in outputs_of(relay).values()], [300, 300], "fragmented")
    t.equal((totals["fragmented"], totals["sent"]), (600, 1000), "fragmented, sent")
    t.wait_until(lambda: relay.log().count("leave as fragments") == 2, 5, "said")
    t.gen("gen", "eth0", IN, 5000, rate=2000, count=300, size=2000, first_flow=2)
    t.conservation(relay)
    t.equal(relay.log().count("leave as fragments"), 2, "said once for each output")


def sockets_in_order(relay):
    [one] = rules_by_id(relay).values()
    return [out["socket"] for out in one["outputs"]]


@scenario("more outputs than sockets share sockets, and lose nothing", topology="chain3")
def budget(t):
    """Beyond the budget outputs to one host share a socket, then those of an interface."""
    relay = t.mcrd("relay", wrapper=["prlimit", "--nofile=260:260"])
    few = [output(f"239.3.{n // 200}.{n % 200 + 1}", 6000) for n in range(100)]
    same = [output("10.90.1.2", 6100 + n) for n in range(100)]
    add(t, relay, rule(IN, 5000, *few, *same))
    kinds = sockets_in_order(relay)
    own = kinds.count("own")
    t.between(own, 30, 50, "outputs with a socket of their own")
    t.equal(kinds[:own], ["own"] * own, "the first ones have their own")
    t.equal(set(kinds[100:]), {"interface"}, "the host met after all others")
    sink = t.sink("sink", "eth0", "10.90.1.2", 6150)
    other = t.sink("sink", "eth0", "239.3.0.90", 6000)
    t.gen("gen", "eth0", IN, 5000, rate=500, count=100, size=200)
    t.clean(sink.finish(100), 100, "an output that shares")
    t.clean(other.finish(100), 100, "another")
    t.conservation(relay)


@scenario("outputs that share a socket lose nothing by each other's errors", topology="chain3")
def shared_by_host(t):
    """An error of one of them may be reported to another to that host, and loses no datagram."""
    relay = t.mcrd("relay", wrapper=["prlimit", "--nofile=200:200"])
    same = [output("10.90.1.2", 6100 + n) for n in range(100)]
    result = add(t, relay, rule(IN, 5000, *same))
    kinds = sockets_in_order(relay)
    own = kinds.count("own")
    t.equal(kinds, ["own"] * own + ["host"] * (100 - own), "sockets")
    t.run("sink", ["sysctl", "-q", "net.ipv4.icmp_ratelimit=0"])
    first, last = t.sink("sink", "eth0", "10.90.1.2", 6100), t.sink("sink", "eth0", "10.90.1.2", 6199)
    t.gen("gen", "eth0", IN, 5000, rate=500, count=100, size=200)
    t.clean(first.finish(100), 100, "one with a socket of its own")
    t.equal(last.finish(100)["received"], 100, "received by one that shares")
    t.conservation(relay)
    # When others go, those that are left get sockets of their own.
    relay.rpc("RemoveRule", {"rule_id": result["rule_id"]})
    add(t, relay, rule(IN, 5000, *same[-10:]))
    t.equal(sockets_in_order(relay), ["own"] * 10, "sockets afterwards")


@scenario("output sockets outlive killed workers and a killed control", topology="chain3")
def outlive(t):
    """Killed workers and a killed control come back to the same sockets; a new address moves them."""
    relay = t.mcrd("relay", num_workers=2)
    add(t, relay, rule(IN, 5000, *[output("10.90.1.2", 6000 + n) for n in range(20)]))
    before = egress_ports(t)
    t.equal(len(before), 20, "connected sockets")
    sink = t.sink("sink", "eth0", "10.90.1.2", 6019)
    for role in (CONTROL, WORKER):
        relay.expect(role.removeprefix("--role="), len(relay.children(role)))
        for pid in relay.children(role):
            os.kill(pid, signal.SIGKILL)
        t.wait_until(lambda: back(relay), 10, f"{role} is back")
        t.equal(egress_ports(t), before, f"sockets after {role} was killed")
    t.gen("gen", "eth0", IN, 5000, rate=1000, count=200, size=200)
    t.clean(sink.finish(200), 200)
    t.run("relay", ["ip", "address", "add", "10.90.1.9/24", "dev", "eth1"])
    t.run("relay", ["ip", "address", "del", "10.90.1.1/24", "dev", "eth1"])
    t.wait_until(lambda: len(egress_ports(t)) == 20 and not set(egress_ports(t).values()) &
                 set(before.values()), 5, "sockets were opened anew")
    t.conservation(relay)


def back(relay):
    try:
        return all(one["in_sync"] for one in relay.rpc("ListWorkers")["workers"])
    except OSError:
        return False


if __name__ == "__main__":
    main()
