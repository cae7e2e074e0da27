#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Why a worker relays: each reason of a rule, an input or an output, made and asked for.

    [gen] eth0 10.10.1.2 -- in0 10.10.1.1 [relay] out0 10.90.1.1 -- eth0 10.90.1.2 [sink]
    [gen] eth1 10.11.1.2 -- in1 10.11.1.1 [relay] out1 10.91.1.1 -- eth1 10.91.1.2 [sink]

Reasons of the daemon and the host are in test_kernel_path_refused.py.
"""

import json
import signal

import support  # pylint: disable=unused-import
from mcrlab import RpcError, main, scenario

from support_bpf import Map
from support_kernel import AUTO, IN, OUT, by_kernel, paths, took
from support_rules import add, output, rule, rules_by_id

LAB = {
    "name": "kernel-reasons",
    "nodes": {"gen": {}, "relay": {}, "sink": {}},
    "links": [{"ends": [{"at": f"gen:eth{n}", "addresses": [f"10.1{n}.1.2/24"]},
                        {"at": f"relay:in{n}", "addresses": [f"10.1{n}.1.1/24"]}]}
              for n in range(2)] +
             [{"ends": [{"at": f"relay:out{n}", "addresses": [f"10.9{n}.1.1/24"]},
                        {"at": f"sink:eth{n}", "addresses": [f"10.9{n}.1.2/24"]}]}
              for n in range(2)],
}
FITTING = output(OUT, 6000, "out0")


def ip(t, *words):
    return t.run("relay", ["ip", *words]).stdout


def put(relay, one, **more):
    return relay.rpc("AddRule", {**one, **more, "replace": True})


def refusal(relay, one):
    """The reason for which "path": "kernel" is refused; None: it is not."""
    try:
        put(relay, one, path="kernel")
    except RpcError as error:
        return error.data["reason"].removeprefix('"kernel" is not possible: ')
    return None


def says(t, relay, reason, one, lasting=True, index=0):
    """The rule is relayed by a worker, for that reason; "kernel" is refused if that stays."""
    put(relay, one, id="cam")
    t.wait_until(lambda: paths(relay)["cam"][index] == ("user", reason), 5, reason)
    t.equal(refusal(relay, {**one, "id": "cam"}), reason if lasting else None, "refusal")
    listed = relay.ctl("list").stdout
    t.true(reason in " ".join(listed.split()), f"{reason}: {listed}")
    t.equal([line for line in listed.splitlines() if len(line) >= 80], [], "lines that are too long")
    relay.rpc("RemoveRule", {"rule_id": "cam"})


def cam(*outputs, interface="in0", group=IN, **more):
    return rule(group, 5000, *(outputs or (FITTING,)), interface=interface, **more)


@scenario("kernel reasons: of the rule and its outputs", topology=LAB, deadline_s=60)
def of_rule(t):
    """Each keeps the rule with a worker, is in `list`, and refuses "path": "kernel" by name."""
    relay = t.mcrd("relay", args=AUTO)
    ip(t, "link", "set", "lo", "up")
    ip(t, "link", "set", "out1", "arp", "off")
    says(t, relay, "a rate limit needs a worker", cam(rate_limit={"bps": 10**9}))
    says(t, relay, "a priority needs a worker", cam(priority="low"))
    says(t, relay, "the input is no multicast group", cam(group="10.10.1.1"))
    says(t, relay, "the output is an address of this host", cam(output("10.91.1.1", 6000, "out0")))
    says(t, relay, "frames of the output interface have a MAC header other than Ethernet's",
         cam(output(OUT, 6000, "lo")))
    says(t, relay, "the output interface resolves no neighbours",
         cam(output("10.91.1.2", 6000, "out1")))
    add(t, relay, cam(output(OUT, 6000, "out1"), id="cam"))
    by_kernel(t, relay, "cam")


@scenario("kernel reasons: of the input", topology=LAB, deadline_s=60)
def of_input(t):
    """A loopback device, a port of a bridge, one that was such a port, rx-gro-list, a link down."""
    relay = t.mcrd("relay", args=AUTO)
    ip(t, "link", "set", "lo", "up")
    says(t, relay, "frames of the input interface have a MAC header other than Ethernet's",
         cam(interface="lo"))
    ip(t, "link", "add", "br0", "type", "bridge")
    ip(t, "link", "set", "in1", "master", "br0")
    says(t, relay, "the input interface is a port of a bridge or bond", cam(interface="in1"))
    put(relay, cam(interface="in1", group="239.1.1.2"), id="keeper")
    ip(t, "link", "set", "in1", "nomaster")
    says(t, relay, "the input interface was opened for the user path alone", cam(interface="in1"))
    relay.rpc("RemoveRule", {"rule_id": "keeper"})
    t.run("relay", ["ethtool", "-K", "in1", "rx-gro-list", "on"])
    says(t, relay, "rx-gro-list is on at the input interface", cam(interface="in1"))
    t.run("relay", ["ethtool", "-K", "in1", "rx-gro-list", "off"])
    ip(t, "link", "property", "add", "dev", "in1", "altname", "other")
    add(t, relay, cam(interface="in1", id="first"))
    by_kernel(t, relay, "first")
    says(t, relay, "another rule names the same input by another name", cam(interface="other"),
         lasting=False)
    ip(t, "link", "set", "in0", "down")
    says(t, relay, "it is not active", cam(), lasting=False)


@scenario("kernel reasons: a configuration file that asks for the kernel in vain", topology=LAB)
def in_a_file(t):
    """The daemon starts, one line names the rule and why, `list` too; a request is refused."""
    config = {"rules": [cam(output(OUT, 6000 + n, "out0"), group=f"239.1.1.{n}", id=f"cam{n}",
                            path="kernel", **({"rate_limit": {"pps": 10**6}} if n == 1 else {}))
                        for n in range(1, 4)]}
    relay = t.mcrd("relay", args=AUTO, config=config)
    for name in ("cam2", "cam3"):
        by_kernel(t, relay, name)
    reason = "a rate limit needs a worker"
    line = f'rule cam1: path "kernel" is not possible: {reason}; a worker relays it'
    t.equal(relay.log().count(line), 1, "said once")
    t.equal(paths(relay)["cam1"], [("user", reason)], "list")
    relay.send_signal(signal.SIGHUP)
    t.wait_until(lambda: "0 added, 0 replaced, 3 unchanged, 0 removed" in relay.log(), 5, "reload")
    t.equal(relay.log().count("is not possible"), 1, "said once, over a reload")
    error = t.raises(RpcError, relay.rpc, "LoadConfig", {"text": json.dumps(config)})
    t.equal((error.data["field"], error.data["reason"]),
            ("rules[0].path", f'"kernel" is not possible: {reason}'), "LoadConfig")
    error = t.raises(RpcError, relay.rpc, "CheckConfig", {"text": json.dumps(config)})
    t.equal(error.data["field"], "rules[0].path", "CheckConfig")
    put(relay, cam(output(OUT, 6001, "out0"), group="239.1.1.1", id="cam1", path="kernel"))
    by_kernel(t, relay, "cam1")
    t.equal(rules_by_id(relay)["cam1"]["state"], "active", "state")


@scenario("kernel reasons: the kernel takes no more elements", topology=LAB)
def unwritten(t):
    """A map that somebody has frozen: the rule is a worker's, nothing is lost, a line says why."""
    relay = t.mcrd("relay", args=AUTO)
    add(t, relay, cam(id="cam"))
    by_kernel(t, relay, "cam")
    rules = Map(relay.pid)
    rules.freeze()
    rules.close()
    add(t, relay, cam(output("239.2.2.3", 6000, "out0"), group="239.1.1.2", id="late"))
    t.wait_until(lambda: paths(relay)["late"] == [
        ("user", "the kernel took no map element for it (see the log)")], 5, "the reason")
    t.true("the maps of the kernel path: Operation not permitted" in relay.log(), "log")
    sinks = [t.sink("sink", "eth0", group, 6000) for group in (OUT, "239.2.2.3")]
    for group in (IN, "239.1.1.2"):
        t.gen("gen", "eth0", group, 5000, rate=4000, count=500, size=200)
    for sink in sinks:
        t.clean(sink.finish(500), 500)
    t.equal(took(t.conservation(relay)), (500, 500), "relayed by kernel, by workers")


if __name__ == "__main__":
    main()
