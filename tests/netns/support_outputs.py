# SPDX-License-Identifier: MIT
"""A rule with two outputs: the first may be in trouble, the group 239.2.2.2 on out0 works.

    [gen] eth0 10.10.1.2 ----- in0 10.10.1.1 [relay] out0 10.90.1.1 ----- eth0 10.90.1.2 [sink]
                                             [relay] out1 no address ---- eth1 10.91.1.2 [sink]
"""

import socket

from support_rules import output, rule

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


def set_arp_answers(t, yes):
    """The sink's host is there for its neighbours, or is not."""
    sysctl(t, "sink", net__ipv4__conf__eth0__arp_ignore=0 if yes else 8)


def first_state(relay):
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
    """The source addresses of the datagrams on the wire."""
    return {socket.inet_ntoa(packet[26:30]) for packet in capture.finish()}


def add_any(relay, *outputs, **more):
    return relay.rpc("AddRule", rule("239.1.1.1", 5000, *outputs, interface="in0", **more))


def stream(t, count=1000):
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=5000, count=count, size=200)


def working_sink(t):
    """A sink for the output that works."""
    return t.sink("sink", "eth0", "239.2.2.2", 6000)


def check_held(t, relay, reason, drop="unreachable", state="unreachable", rule_state="degraded"):
    """1,000 datagrams: the first output counts each under `drop`, the other one sends each."""
    t.equal(first_state(relay), (rule_state, state, reason), "state and reason")
    sink = working_sink(t)
    before = counters(relay)
    stream(t)
    t.clean(sink.finish(1000), 1000, "the other output")
    all_counted(t, relay, before["matched"] + 1000)
    after = counters(relay)
    t.equal((after["sent"], after["send_drops"][drop]),
            (before["sent"], before["send_drops"][drop] + 1000), f"sent, {drop}")


def check_works(t, relay, group="10.90.1.2", port=6001, interface="eth0"):
    """1,000 datagrams arrive at the first output's receiver, and count as sent."""
    t.wait_until(lambda: first_state(relay)[:2] == ("active", "active"), SEEN_S, "active")
    wait_in_sync(t, relay)
    sinks = [working_sink(t), t.sink("sink", interface, group, port)]
    before = counters(relay)
    stream(t)
    for sink in sinks:
        t.clean(sink.finish(1000), 1000)
    all_counted(t, relay, before["matched"] + 1000)
    t.equal(counters(relay)["sent"], before["sent"] + 1000, "sent")


def wait_in_sync(t, relay):
    """The workers have what control knows."""
    relay.rpc("SyncRules")
    t.wait_until(lambda: all(one["in_sync"] for one in relay.rpc("ListWorkers")["workers"]), SEEN_S,
                 "in sync")
