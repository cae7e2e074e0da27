#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An output that cannot work says so: its state, its reason, and what is counted.

    [gen] eth0 10.10.1.2 ----- in0 10.10.1.1 [relay] out0 10.90.1.1 ----- eth0 10.90.1.2 [sink]
                                             [relay] out1 no address ---- eth1 10.91.1.2 [sink]

Each rule has two outputs: one that is in trouble, and the group 239.2.2.2 on out0, which must not
notice.  The sink's kernel decides by its ARP answers which host is there.
"""

import contextlib
import json
import os
import socket
import sys

import support  # pylint: disable=unused-import
from mcrlab import main, scenario
from mcrlab.relay import RpcError

from support_refused import refused_start
from support_rules import add, nonzero, output, rule

LAB = {
    "name": "outputs",
    "nodes": {"gen": {}, "relay": {}, "sink": {}},
    "links": [
        {"ends": [{"at": "gen:eth0", "addresses": ["10.10.1.2/24"]},
                  {"at": "relay:in0", "addresses": ["10.10.1.1/24"]}]},
        {"ends": [{"at": "relay:out0", "addresses": ["10.90.1.1/24"]},
                  {"at": "sink:eth0", "addresses": ["10.90.1.2/24"]}]},
        {"ends": [{"at": "relay:out1"},
                  {"at": "sink:eth1", "addresses": ["10.91.1.2/24"]}]}],
}
SEEN_S = 2  # the promise: in `list` within two seconds
GROUP = output("239.2.2.2", 6000, "out0")


def ip(t, node, *words):
    return t.run(node, ["ip", *words]).stdout


def sysctl(t, node, **values):
    for name, value in values.items():
        path = "/proc/sys/" + name.replace("__", "/")
        t.run(node, ["sh", "-c", f"echo {value} >{path}"])


def answers_arp(t, yes):
    """The sink's host is there for its neighbours, or is not."""
    sysctl(t, "sink", net__ipv4__conf__eth0__arp_ignore=0 if yes else 8)


def quick_neighbours(t):
    """The relay's kernel finds out within a second that a neighbour is gone, not within a minute."""
    sysctl(t, "relay", net__ipv4__neigh__out0__base_reachable_time_ms=300,
           net__ipv4__neigh__out0__delay_first_probe_time=0,
           net__ipv4__neigh__out0__retrans_time_ms=100,
           net__ipv4__neigh__out0__ucast_solicit=2)


def kernel_says(t, address):
    """The state of the relay's neighbour entry, "" when there is none."""
    words = ip(t, "relay", "neigh", "show", address, "dev", "out0").split()
    return words[-1] if words else ""


def trouble(relay):
    """(state of the rule, state of its first output, reason of that)."""
    [one] = relay.rpc("ListRules")["rules"]
    return one["state"], one["outputs"][0]["state"], one["outputs"][0]["reason"]


def counters(relay, index=0):
    [one] = relay.stats()["rules"]
    return one["outputs"][index]


def all_counted(t, relay, matched):
    """Every datagram that was sent so far has its place in the first output's counters."""
    t.wait_until(lambda: counters(relay)["matched"] == matched, 5, f"{matched} matched")
    t.conservation(relay)


def sources(capture):
    """The source addresses of what was on the wire."""
    return {socket.inet_ntoa(packet[26:30]) for packet in capture.finish()}


def add_any(relay, *outputs, **more):
    return relay.rpc("AddRule", rule("239.1.1.1", 5000, *outputs, interface="in0", **more))


def stream(t, count=1000):
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=5000, count=count, size=200)


def healthy(t):
    """A sink for the output that works."""
    return t.sink("sink", "eth0", "239.2.2.2", 6000)


def held(t, relay, reason, drop="unreachable", state="unreachable", rule_state="degraded"):
    """1,000 datagrams: the first output counts each under `drop`, the other one sends each."""
    t.equal(trouble(relay), (rule_state, state, reason), "state and reason")
    sink = healthy(t)
    before = counters(relay)
    stream(t)
    t.clean(sink.finish(1000), 1000, "the other output")
    all_counted(t, relay, before["matched"] + 1000)
    after = counters(relay)
    t.equal((after["sent"], after["send_drops"][drop]),
            (before["sent"], before["send_drops"][drop] + 1000), f"sent, {drop}")


def works(t, relay, group="10.90.1.2", port=6001, interface="eth0"):
    """1,000 datagrams arrive at the first output's receiver, and count as sent."""
    t.wait_until(lambda: trouble(relay)[:2] == ("active", "active"), SEEN_S, "active")
    settled(t, relay)
    sinks = [healthy(t), t.sink("sink", interface, group, port)]
    before = counters(relay)
    stream(t)
    for sink in sinks:
        t.clean(sink.finish(1000), 1000)
    all_counted(t, relay, before["matched"] + 1000)
    t.equal(counters(relay)["sent"], before["sent"] + 1000, "sent")


def settled(t, relay):
    """The workers have what control knows."""
    relay.rpc("SyncRules")
    t.wait_until(lambda: all(one["in_sync"] for one in relay.rpc("ListWorkers")["workers"]), SEEN_S,
                 "in sync")


@scenario("an output whose address nobody has is unreachable, and nothing is sent", topology=LAB)
def nobody(t):
    """The answer to AddRule says it, all is counted, and no datagram is on the wire."""
    relay = t.mcrd("relay")
    answer = add_any(relay, output("10.90.1.99", 6001, "out0"), GROUP)
    t.equal((answer["state"], answer["reason"], answer["warnings"]),
            ("degraded", "1 of 2 outputs: 10.90.1.99 has not answered on out0 yet",
             ["10.90.1.99 has not answered on out0 yet"]), "answer")
    t.wait_until(lambda: trouble(relay)[2] == "10.90.1.99 does not answer on out0", 10,
                 "the kernel gives it up")
    wire = t.capture("sink", "eth0", expression="udp and dst host 10.90.1.99")
    held(t, relay, "10.90.1.99 does not answer on out0")
    t.equal(len(wire.finish()), 0, "datagrams on the wire")
    ip(t, "sink", "address", "add", "10.90.1.99/24", "dev", "eth0")
    works(t, relay, "10.90.1.99")


@scenario("the first datagrams to a new neighbour all arrive", topology=LAB)
def first(t):
    """The neighbour is asked for before the answer to AddRule, so the kernel need not queue."""
    relay = t.mcrd("relay")
    t.equal(kernel_says(t, "10.90.1.2"), "", "no entry before")
    add(t, relay, rule("239.1.1.1", 5000, output("10.90.1.2", 6001, "out0"), GROUP,
                       interface="in0"))
    t.equal(kernel_says(t, "10.90.1.2"), "REACHABLE", "entry after AddRule")
    works(t, relay)
    t.equal(nonzero(counters(relay)["send_drops"]), {}, "send drops")


@scenario("an output is held while its receiver is away", topology=LAB)
def away(t):
    """Held and seen within two seconds of the kernel's verdict, and released within two of its return."""
    relay = t.mcrd("relay")
    quick_neighbours(t)
    add(t, relay, rule("239.1.1.1", 5000, output("10.90.1.2", 6001, "out0"), GROUP,
                       interface="in0"))
    receiver, group = t.sink("sink", "eth0", "10.90.1.2", 6001), healthy(t)
    gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=2000, size=200)
    for _ in range(2):
        had = receiver.received()
        t.wait_until(lambda: receiver.received() > had + 100, 5, "the receiver gets the stream")
        answers_arp(t, False)
        t.wait_until(lambda: kernel_says(t, "10.90.1.2") in ("FAILED", "INCOMPLETE", ""), 10,
                     "the kernel's verdict")
        t.wait_until(lambda: trouble(relay) == ("degraded", "unreachable",
                                                "10.90.1.2 does not answer on out0"), SEEN_S,
                     "unreachable")
        settled(t, relay)
        before = counters(relay)
        t.wait_until(lambda: counters(relay)["send_drops"]["unreachable"] >
                     before["send_drops"]["unreachable"] + 200, 5, "counted as unreachable")
        t.equal(counters(relay)["sent"], before["sent"], "sent while it is away")
        answers_arp(t, True)
        t.wait_until(lambda: trouble(relay) == ("active", "active", ""), SEEN_S, "active")
        t.wait_until(lambda: counters(relay)["sent"] > before["sent"] + 200, SEEN_S, "sent again")
    sent = gen.stop()["sent"]
    t.clean(group.finish(sent), sent, "the other output")
    all_counted(t, relay, sent)
    wrongly = counters(relay)["sent"] - receiver.finish()["received"]
    t.note(f"{wrongly} datagrams counted as sent that the kernel threw away, in two times")


@scenario("a neighbour entry that is deleted interrupts nothing", topology=LAB)
def deleted(t):
    """The host is there: its entry is asked for anew before any output is held.

    A machine that is too busy for that within 100 ms holds the output for a moment, and counts it.
    """
    relay = t.mcrd("relay")
    add(t, relay, rule("239.1.1.1", 5000, output("10.90.1.2", 6001, "out0"), GROUP,
                       interface="in0"))
    receiver, group = t.sink("sink", "eth0", "10.90.1.2", 6001), healthy(t)
    gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=2000, size=200)
    generations = []
    for _ in range(5):
        generations.append(relay.rpc("ListRules")["generation"])
        had = receiver.received()
        ip(t, "relay", "neigh", "del", "10.90.1.2", "dev", "out0")
        t.wait_until(lambda: receiver.received() > had + 100, 5, "the stream goes on")
    sent = gen.stop()["sent"]
    t.clean(group.finish(sent), sent, "the other output")
    all_counted(t, relay, sent)
    drops = nonzero(counters(relay)["send_drops"])
    t.equal(receiver.finish(sent - drops.pop("unreachable", 0))["received"],
            counters(relay)["sent"], "received is what counts as sent")
    t.equal(drops, {}, "other drops")
    t.true(len(set(generations)) < 5, f"rules are not published each time: {generations}")


@scenario("an output without a route is unreachable until there is one", topology=LAB)
def no_route(t):
    """A warning at once, the reason in the list; a route that comes is used by itself."""
    relay = t.mcrd("relay")
    answer = add_any(relay, output("10.77.0.9", 6001, "out0"), GROUP)
    t.equal(answer["state"], "degraded", "state")
    t.equal(answer["warnings"], ["no route, and 10.77.0.9 has not answered on out0 yet"],
            "warnings")
    t.wait_until(lambda: trouble(relay)[2] == "no route, and 10.77.0.9 does not answer on out0", 10,
                 "the kernel gives it up")
    held(t, relay, "no route, and 10.77.0.9 does not answer on out0")
    ip(t, "relay", "route", "replace", "10.77.0.0/24", "via", "10.90.1.77", "dev", "out0")
    t.wait_until(lambda: trouble(relay)[2] == "gateway 10.90.1.77 does not answer on out0", 10,
                 "a gateway that is not there")
    held(t, relay, "gateway 10.90.1.77 does not answer on out0")
    ip(t, "sink", "address", "add", "10.77.0.9/32", "dev", "eth0")
    ip(t, "relay", "route", "replace", "10.77.0.0/24", "via", "10.90.1.2", "dev", "out0")
    works(t, relay, "10.77.0.9")


def source_of_one(t):
    """The source address that a datagram leaves with now."""
    wire = t.capture("sink", "eth1", expression="udp port 6001")
    stream(t, count=1)
    return sources(wire)


@scenario("an output interface without an IPv4 address sends nothing, and says so", topology=LAB)
def no_address(t):
    """Nothing is sent from 0.0.0.0; with another interface's address it is, and the list says so."""
    relay = t.mcrd("relay")
    for interface in ("in0", "out0"):
        ip(t, "relay", "address", "flush", "dev", interface)
    ip(t, "relay", "link", "set", "out1", "up")
    answer = add_any(relay, output("239.3.3.3", 6001, "out1"))
    t.equal((answer["state"], answer["warnings"]),
            ("unresolved", ["out1 has no IPv4 address to send from"]), "answer")
    wire = t.capture("sink", "eth1", expression="udp port 6001")
    stream(t)
    all_counted(t, relay, 1000)
    t.equal(nonzero(counters(relay)["send_drops"]), {"no_source": 1000}, "send drops")
    t.equal(len(wire.finish()), 0, "datagrams on the wire")

    ip(t, "relay", "address", "add", "10.90.1.1/24", "dev", "out0")
    t.wait_until(lambda: trouble(relay)[:2] == ("active", "active"), SEEN_S, "another's address")
    [one] = relay.rpc("ListRules")["rules"]
    t.equal(one["warnings"], ["out1 has no IPv4 address: what leaves there has 10.90.1.1 of "
                              "another interface, and receivers may discard it"], "warnings")
    settled(t, relay)
    wire = t.capture("sink", "eth1", expression="udp port 6001")
    stream(t)
    t.equal(sources(wire), {"10.90.1.1"}, "source address")
    all_counted(t, relay, 2000)
    t.equal(counters(relay)["sent"], 1000, "sent from another's address")

    ip(t, "relay", "address", "add", "10.91.1.1/24", "dev", "out1")
    t.wait_until(lambda: relay.rpc("ListRules")["rules"][0]["warnings"] == [], SEEN_S, "no warning")
    settled(t, relay)
    # The kernel path has the source in its maps, and asks for it again when addresses change.
    t.wait_until(lambda: source_of_one(t) == {"10.91.1.1"}, SEEN_S, "the new source")
    sink = t.sink("sink", "eth1", "239.3.3.3", 6001)
    wire = t.capture("sink", "eth1", expression="udp port 6001")
    stream(t)
    t.clean(sink.finish(1000), 1000, "with an address of its own")
    t.equal(sources(wire), {"10.91.1.1"}, "source address")


@scenario("a source_ip that is not this host's is unresolved, another interface's is warned of", topology=LAB)
def source_ip(t):
    """The first is unresolved and counts no_source; the second works with a warning that stays."""
    relay = t.mcrd("relay")
    answer = add_any(relay, output("239.3.3.3", 6001, "out0", source_ip="10.99.9.9"), GROUP)
    why = "source_ip 10.99.9.9 is not an address of this host"
    t.equal((answer["state"], answer["warnings"]), ("degraded", [why]), "answer")
    held(t, relay, why, drop="no_source", state="unresolved")
    ip(t, "relay", "address", "add", "10.99.9.9/32", "dev", "in0")
    t.wait_until(lambda: trouble(relay)[:2] == ("active", "active"), SEEN_S, "active")
    [one] = relay.rpc("ListRules")["rules"]
    t.equal(one["warnings"], ["source_ip 10.99.9.9 is not an address of out0 but of another "
                              "interface: receivers may discard what has it"], "warnings")
    ip(t, "sink", "route", "add", "10.99.9.9/32", "via", "10.90.1.1")  # or it would discard it
    works(t, relay, "239.3.3.3")
    ip(t, "relay", "address", "add", "10.99.9.9/32", "dev", "out0")
    t.wait_until(lambda: relay.rpc("ListRules")["rules"][0]["warnings"] == [], SEEN_S, "no warning")
    works(t, relay, "239.3.3.3")


def refusal(t, relay, *outputs, **more):
    """The word that AddRule refuses a rule with, and that LoadConfig refuses it as well."""
    error = t.raises(RpcError, add_any, relay, *outputs, **more)
    text = json.dumps({"rules": [rule("239.1.1.1", 5000, *outputs, interface="in0", **more)]})
    again = t.raises(RpcError, relay.rpc, "LoadConfig", {"text": text, "replace": True})
    t.equal((again.code, again.data["field"], again.data["reason"]),
            (error.code, "rules[0]." + error.data["field"].removeprefix("params."),
             error.data["reason"]), "LoadConfig")
    t.equal(relay.rpc("ListRules")["rules"], [], "nothing was added")
    return error.data["field"], error.data["reason"]


@scenario("a broadcast address is refused", topology=LAB)
def broadcast(t):
    """At once where the address says it; one that becomes a broadcast address later has failed."""
    relay = t.mcrd("relay")
    t.equal(refusal(t, relay, output("10.90.1.255", 6001, "out0")),
            ("params.outputs[0].group", "10.90.1.255 is a broadcast address of out0, and outputs "
             "do not broadcast"), "refusal")
    add_any(relay, output("10.92.1.255", 6001, "out0"), GROUP)
    ip(t, "relay", "address", "add", "10.92.1.1/24", "dev", "out0")
    t.wait_until(lambda: trouble(relay)[1] == "failed", SEEN_S, "failed")
    settled(t, relay)
    held(t, relay, "10.92.1.255 is a broadcast address of out0", drop="refused", state="failed")
    ip(t, "relay", "address", "del", "10.92.1.1/24", "dev", "out0")
    ip(t, "relay", "address", "add", "10.92.1.1/16", "dev", "out0")
    ip(t, "sink", "address", "add", "10.92.1.255/16", "dev", "eth0")
    works(t, relay, "10.92.1.255")


@scenario("127.0.0.0/8 is refused but on lo, 240.0.0.0/4 is warned of", topology=LAB)
def odd_addresses(t):
    """127.0.0.0/8 is good on lo alone; 240.0.0.0/4 works where hosts take it, and is warned of."""
    relay = t.mcrd("relay")
    ip(t, "relay", "link", "set", "lo", "up")
    t.equal(refusal(t, relay, output("127.0.0.1", 6001, "out0")),
            ("params.outputs[0].group", "127.0.0.1 is an address of this host alone: it is good on "
             "lo, not on out0"), "refusal")
    t.equal(refusal(t, relay, output("239.3.3.3", 6001, "out0", source_ip="127.0.0.1"))[0],
            "params.outputs[0].source_ip", "refusal of a source")
    ip(t, "relay", "address", "add", "240.1.1.1/24", "dev", "out0")
    ip(t, "sink", "address", "add", "240.1.1.2/24", "dev", "eth0")
    answer = add_any(relay, output("240.1.1.2", 6001, "out0"), GROUP)
    why = ["240.1.1.2 is of the reserved range 240.0.0.0/4 (RFC 1112): many systems discard it"]
    t.equal((answer["state"], answer["warnings"]), ("active", why), "answer")
    works(t, relay, "240.1.1.2")
    t.equal(relay.rpc("ListRules")["rules"][0]["warnings"], why, "the warning stays")
    relay.rpc("RemoveRule", {"rule_id": answer["rule_id"]})
    add(t, relay, rule("239.1.1.1", 5000, output("127.0.0.1", 6001, "lo"), GROUP, interface="in0"))
    sink = t.sink("relay", "lo", "127.0.0.1", 6001)
    stream(t)
    t.clean(sink.finish(1000), 1000, "127.0.0.1 on lo")


@scenario("an input of 232.0.0.0/8 without a source is warned of", topology=LAB)
def source_specific(t):
    """The warning is in the answer and stays in the list; with a source there is none."""
    relay = t.mcrd("relay")
    why = ["232.1.1.1 is of the source-specific range 232.0.0.0/8: routers ignore a join without a "
           "source (RFC 4607)"]
    one = rule("232.1.1.1", 5000, GROUP, interface="in0")
    answer = relay.rpc("AddRule", one)
    t.equal((answer["state"], answer["warnings"]), ("active", why), "answer")
    t.equal(relay.rpc("ListRules")["rules"][0]["warnings"], why, "the warning stays")
    relay.rpc("RemoveRule", {"rule_id": answer["rule_id"]})
    add(t, relay, rule("232.1.1.1", 5000, GROUP, interface="in0", source="10.10.1.2"))
    t.equal(relay.rpc("ListRules")["rules"][0]["warnings"], [], "with a source")


@scenario("pinning to a CPU that does not exist is refused", topology=LAB)
def pinning(t):
    """An error that names the field, from CheckConfig, from LoadConfig, and from the file at start."""
    relay = t.mcrd("relay")
    missing = os.sysconf("SC_NPROCESSORS_CONF")
    for text, field in (({"in0": [missing]}, "pinning.in0[0]"),
                        ({"in0": [0, 1023]}, "pinning.in0[1]")):
        for method in ("CheckConfig", "LoadConfig"):
            error = t.raises(RpcError, relay.rpc, method, {"text": json.dumps({"pinning": text})})
            t.equal(error.data["field"], field, f"{method}: field")
            t.true("this host has no CPU" in error.data["reason"], error.data["reason"])
    relay.rpc("LoadConfig", {"text": json.dumps({"pinning": {"in0": [0]}})})
    path = t.run_dir / "pinned.json"
    path.write_text(json.dumps({"pinning": {"in0": [0, missing]}}))
    status, log = refused_start(t, "--config", path)
    t.equal(status, 1, "status")
    t.true(f"{path}: pinning.in0[1]: this host has no CPU {missing}" in log, log)


@scenario("mcrctl list shows state and reason, in 80 columns", topology=LAB)
def listed(t):
    """Each output in a line of its own, and below it why it does not work."""
    relay = t.mcrd("relay")
    # "user": with --path auto the list says of each output why a worker relays.
    add_any(relay, output("10.90.1.99", 6001, "out0"), GROUP, id="cam", name="camera-1",
            path="user")
    t.wait_until(lambda: trouble(relay)[2] == "10.90.1.99 does not answer on out0", 10,
                 "the kernel gives it up")
    sink = healthy(t)
    stream(t)
    t.clean(sink.finish(1000), 1000)
    all_counted(t, relay, 1000)
    text = relay.ctl("list").stdout
    t.equal([line.split() for line in text.splitlines()], [
        ["RULE", "TTL", "STATE", "MATCHED,", "SENT"],
        ["cam", "camera-1", "degraded"],
        ["in", "239.1.1.1:5000", "in0", "1000"],
        ["out", "10.90.1.99:6001", "out0", "64", "(default)", "unreachable", "0"],
        "10.90.1.99 does not answer on out0".split(),
        "not sent: unreachable 1000".split(),
        ["out", "239.2.2.2:6000", "out0", "1", "(default)", "active", "1000"]], "list")
    ip(t, "relay", "link", "set", "in0", "down")
    t.wait_until(lambda: trouble(relay)[0] == "paused", SEEN_S, "paused")
    t.true("\n       in0 is down\n" in relay.ctl("list").stdout, "the input's reason")
    relay.rpc("AddRule", rule("232.1.1.1", 5000, output("10.90.1.98", 6001, "out0", dscp=34),
                              interface="in0"))
    text = relay.ctl("list").stdout
    t.true("warning: 232.1.1.1 is of the source-specific range" in text, text)
    t.true("dscp 34" in text, text)
    t.equal([line for line in text.splitlines() if len(line) >= 80], [], "lines that are too long")


@scenario("an output to a closed port is unreachable until datagrams are taken again", topology=LAB,
          deadline_s=60)
def closed_port(t):
    """The host is there and nobody listens: what its ICMP messages say is counted and shown."""
    relay = t.mcrd("relay")
    add(t, relay, rule("239.1.1.1", 5000, output("10.90.1.2", 6009, "out0"), GROUP,
                       interface="in0"))
    sink = healthy(t)
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=20, count=20, size=200)
    t.clean(sink.finish(20), 20, "the other output")
    all_counted(t, relay, 20)
    refused = counters(relay)["send_drops"]["port_unreachable"]
    t.true(refused > 0, "port_unreachable")
    closed = "port 6009 is closed at 10.90.1.2"
    t.wait_until(lambda: trouble(relay) == ("degraded", "unreachable", closed), SEEN_S, "state")
    listed = relay.ctl("list").stdout
    t.true(f"not sent: port_unreachable {refused}\n" in listed and closed in listed, listed)
    late = t.sink("sink", "eth0", "10.90.1.2", 6009)
    stream = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=50, count=1500, size=200)
    t.wait_until(lambda: trouble(relay) == ("active", "active", ""), 30, "active again")
    t.equal(relay.log().count(closed), 1, "lines about the closed port")
    stream.stop()


@scenario("an output that is held stays held when control is killed", topology=LAB)
def control_killed(t):
    """The next control finds the same: what works goes on, what is held stays held."""
    relay = t.mcrd("relay")
    add_any(relay, output("10.90.1.99", 6001, "out0"), GROUP, output("10.90.1.2", 6002, "out0"))
    t.wait_until(lambda: trouble(relay)[2] == "10.90.1.99 does not answer on out0", 10,
                 "the kernel gives it up")
    receiver, group = t.sink("sink", "eth0", "10.90.1.2", 6002), healthy(t)
    gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=2000, size=200)
    t.wait_until(lambda: receiver.received() > 100, 5, "the receiver gets the stream")
    [control] = relay.children("--role=control")
    relay.expect("control was killed by SIGKILL")
    os.kill(control, 9)
    t.wait_until(lambda: relay.children("--role=control") not in ([], [control]), 5, "another one")
    t.wait_until(lambda: trouble(relay)[1] == "unreachable", 5, "it knows")
    had = receiver.received()
    t.wait_until(lambda: receiver.received() > had + 200, 5, "the stream goes on")
    sent = gen.stop()["sent"]
    for sink, what in ((receiver, "the receiver"), (group, "the group")):
        t.clean(sink.finish(sent), sent, what)
    all_counted(t, relay, sent)
    t.equal((counters(relay)["sent"], counters(relay)["send_drops"]["unreachable"]), (0, sent),
            "the output that is held")


@scenario("without CAP_NET_ADMIN neighbours are probed by an echo request", topology=LAB)
def without_net_admin(t):
    """The same states; where a packet filter forbids the probe, what is not known holds nothing."""
    relay = t.mcrd("relay", wrapper=["setpriv", "--bounding-set=-net_admin", "--"])
    add(t, relay, rule("239.1.1.1", 5000, output("10.90.1.2", 6001, "out0"), GROUP,
                       interface="in0"))
    works(t, relay)
    relay.rpc("RemoveRule", {"rule_id": relay.rpc("ListRules")["rules"][0]["rule_id"]})
    add_any(relay, output("10.90.1.99", 6001, "out0"), GROUP)
    t.wait_until(lambda: trouble(relay)[2] == "10.90.1.99 does not answer on out0", 10,
                 "the kernel gives it up")
    held(t, relay, "10.90.1.99 does not answer on out0")
    t.run("relay", ["nft", "-f", "-"], input="table ip f { chain o { type filter hook output "
          "priority 0; ip protocol icmp drop; }; }")
    t.wait_until(lambda: trouble(relay)[:2] == ("active", "active"), 2 * SEEN_S, "not known")
    t.wait_until(lambda: "10.90.1.99 cannot be probed" in relay.stderr(), 5, "the log says so")
    t.run("relay", ["nft", "flush", "ruleset"])
    t.wait_until(lambda: trouble(relay)[1] == "unreachable", 10, "known again")


FLOOD = """
import subprocess
lines = []
for n in range(int(sys.argv[1])):
    host = f"10.90.1.{n % 100 + 100}"
    lines += [f"neigh replace {host} lladdr 02:00:00:00:00:01 dev out0 nud stale",
              f"route replace 10.99.{n % 250}.0/24 via 10.90.1.2 dev out0"]
subprocess.run(["ip", "-batch", "-"], input="\\n".join(lines) + "\\n", text=True, check=True)
"""


@scenario("20,000 events of neighbours and routes at once publish nothing", topology=LAB)
def flood(t):
    """No rule is published for them, nothing is lost, and what follows is seen as fast as ever."""
    relay = t.mcrd("relay")
    add(t, relay, rule("239.1.1.1", 5000, output("10.90.1.2", 6001, "out0"), GROUP,
                       interface="in0"))
    receiver, group = t.sink("sink", "eth0", "10.90.1.2", 6001), healthy(t)
    generation = relay.rpc("ListRules")["generation"]
    gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=2000, size=200)
    t.python("relay", FLOOD, "10000", deadline_s=60)
    relay.rpc("Ping")
    sent = gen.stop()["sent"]
    for sink in (receiver, group):
        t.clean(sink.finish(sent), sent)
    t.equal(relay.rpc("ListRules")["generation"], generation, "generation")
    answers_arp(t, False)
    ip(t, "relay", "neigh", "flush", "dev", "out0")
    t.wait_until(lambda: trouble(relay)[1] == "unreachable", SEEN_S, "unreachable")


if __name__ == "__main__":
    main()
