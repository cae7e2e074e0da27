#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Addresses of outputs and inputs that are refused, warned of, or held, and how `list` shows it.

    [gen] eth0 10.10.1.2 ----- in0 10.10.1.1 [relay] out0 10.90.1.1 ----- eth0 10.90.1.2 [sink]
                                             [relay] out1 no address ---- eth1 10.91.1.2 [sink]

Each rule has the group 239.2.2.2 on out0 as a second output, which must not notice.
"""

import json
import os

import support  # pylint: disable=unused-import
from mcrlab import main, scenario
from mcrlab.relay import RpcError

from support_outputs import (GROUP, LAB, SEEN_S, add_any, all_counted, check_held, check_works,
                             counters, first_state, ip, sources, stream, wait_in_sync, working_sink)
from support_refused import refused_start
from support_rules import add, nonzero, output, rule


def source_of_next(t):
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
    t.wait_until(lambda: first_state(relay)[:2] == ("active", "active"), SEEN_S, "another's address")
    [one] = relay.rpc("ListRules")["rules"]
    t.equal(one["warnings"], ["out1 has no IPv4 address: what leaves there has 10.90.1.1 of "
                              "another interface, and receivers may discard it"], "warnings")
    wait_in_sync(t, relay)
    wire = t.capture("sink", "eth1", expression="udp port 6001")
    stream(t)
    t.equal(sources(wire), {"10.90.1.1"}, "source address")
    all_counted(t, relay, 2000)
    t.equal(counters(relay)["sent"], 1000, "sent from another's address")

    ip(t, "relay", "address", "add", "10.91.1.1/24", "dev", "out1")
    t.wait_until(lambda: relay.rpc("ListRules")["rules"][0]["warnings"] == [], SEEN_S, "no warning")
    wait_in_sync(t, relay)
    # The kernel path has the source in its maps, and asks for it again when addresses change.
    t.wait_until(lambda: source_of_next(t) == {"10.91.1.1"}, SEEN_S, "the new source")
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
    check_held(t, relay, why, drop="no_source", state="unresolved")
    ip(t, "relay", "address", "add", "10.99.9.9/32", "dev", "in0")
    t.wait_until(lambda: first_state(relay)[:2] == ("active", "active"), SEEN_S, "active")
    [one] = relay.rpc("ListRules")["rules"]
    t.equal(one["warnings"], ["source_ip 10.99.9.9 is not an address of out0 but of another "
                              "interface: receivers may discard what has it"], "warnings")
    ip(t, "sink", "route", "add", "10.99.9.9/32", "via", "10.90.1.1")  # or it would discard it
    check_works(t, relay, "239.3.3.3")
    ip(t, "relay", "address", "add", "10.99.9.9/32", "dev", "out0")
    t.wait_until(lambda: relay.rpc("ListRules")["rules"][0]["warnings"] == [], SEEN_S, "no warning")
    check_works(t, relay, "239.3.3.3")


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
    t.wait_until(lambda: first_state(relay)[1] == "failed", SEEN_S, "failed")
    wait_in_sync(t, relay)
    check_held(t, relay, "10.92.1.255 is a broadcast address of out0", drop="refused", state="failed")
    ip(t, "relay", "address", "del", "10.92.1.1/24", "dev", "out0")
    ip(t, "relay", "address", "add", "10.92.1.1/16", "dev", "out0")
    ip(t, "sink", "address", "add", "10.92.1.255/16", "dev", "eth0")
    check_works(t, relay, "10.92.1.255")


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
    check_works(t, relay, "240.1.1.2")
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
    t.wait_until(lambda: first_state(relay)[2] == "10.90.1.99 does not answer on out0", 10,
                 "the kernel gives it up")
    sink = working_sink(t)
    stream(t)
    t.clean(sink.finish(1000), 1000)
    all_counted(t, relay, 1000)
    text = relay.ctl("list").stdout
    t.equal([line.split() for line in text.splitlines()], [
        ["RULE", "TTL", "STATE", "MATCHED,", "SENT"],
        ["cam", "camera-1", "degraded"],
        ["in", "239.1.1.1:5000", "in0", "1000"],
        ["out", "10.90.1.99:6001:out0", "64", "(default)", "unreachable", "0"],
        "10.90.1.99 does not answer on out0".split(),
        "not sent: unreachable 1000".split(),
        ["out", "239.2.2.2:6000:out0", "1", "(default)", "active", "1000"]], "list")
    ip(t, "relay", "link", "set", "in0", "down")
    t.wait_until(lambda: first_state(relay)[0] == "paused", SEEN_S, "paused")
    t.true("\n       in0 is down\n" in relay.ctl("list").stdout, "the input's reason")
    relay.rpc("AddRule", rule("232.1.1.1", 5000, output("10.90.1.98", 6001, "out0", dscp=34),
                              interface="in0"))
    text = relay.ctl("list").stdout
    t.true("warning: 232.1.1.1 is of the source-specific range" in text, text)
    t.true("10.90.1.98:6001:out0:dscp=34" in text, text)
    t.equal([line for line in text.splitlines() if len(line) >= 80], [], "lines that are too long")


if __name__ == "__main__":
    main()
