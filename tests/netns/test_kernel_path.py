#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Rules that the kernel relays: a tc program at the input, the workers for the rest.

    gen ---- eth0  relay  eth1 ---- sink          (chain3)

                                       .-- eth1 ---- sink1
    gen ---- eth0  relay --------------+-- eth2 ---- sink2     (fanout3)
                                       '-- eth3 ---- sink3

Who relayed shows in GetStats: `kernel_path` has what the program took, `workers` what the workers
did.  A frame is in one of them.
"""

import support  # pylint: disable=unused-import
from mcrlab import RpcError, main, scenario

from support_rules import add, nonzero, output, rule, rules_by_id

IN = "239.1.1.1"
OUT = "239.2.2.2"
AUTO = ["--path", "auto"]


def paths(relay):
    """(path, reason) of every output, by rule id."""
    return {name: [(one["path"], one["path_reason"]) for one in found["outputs"]]
            for name, found in rules_by_id(relay).items()}


def by_kernel(t, relay, name):
    """Waits until the kernel has the rule: a source address may have to be asked for first."""
    t.wait_until(lambda: all(path == "kernel" for path, _ in paths(relay)[name]), 5,
                 f"{name} in the kernel")


def took(stats):
    """(datagrams that the kernel path took, that workers took)."""
    return (stats["kernel_path"]["received"],
            sum(one["received"] for one in stats["workers"]))


def refused(relay, one):
    try:
        relay.rpc("AddRule", one)
    except RpcError as error:
        return error.code, error.data["field"], error.data["reason"]
    return None


@scenario("kernel path: one stream", topology="chain3")
def one_stream(t):
    """Every datagram is relayed by the kernel, none by a worker, and the books say so."""
    relay = t.mcrd("relay", args=AUTO)
    add(t, relay, rule(IN, 5000, output(OUT, 6000), id="cam"))
    by_kernel(t, relay, "cam")
    sink = t.sink("sink", "eth0", OUT, 6000)
    other = t.sink("sink", "eth0", IN, 5000)
    t.gen("gen", "eth0", IN, 5000, rate=8000, count=4000, size=300)
    t.clean(sink.finish(4000), 4000)
    t.equal(other.finish(0)["received"], 0, "untranslated")
    stats = t.conservation(relay)
    t.equal(took(stats), (4000, 0), "relayed by kernel, by workers")
    t.equal((stats["totals"]["received"], stats["totals"]["matched"], stats["totals"]["sent"]),
            (4000, 4000, 4000), "received, matched, sent")
    t.equal(nonzero(stats["totals"]["drops"]), {}, "drops")
    one = stats["rules"][0]
    t.equal((one["matched"], one["bytes"]), (4000, 4000 * 300), "rule")
    t.equal([(out["matched"], out["sent"], out["bytes"]) for out in one["outputs"]],
            [(4000, 4000, 4000 * 300)], "output")
    t.check(relay)


@scenario("kernel path: fan-out 1:3", topology="fanout3")
def fanout(t):
    """Three interfaces get the whole stream each, under a group and port of their own."""
    relay = t.mcrd("relay", args=AUTO)
    add(t, relay, rule(IN, 5000, output("239.2.0.1", 6001, "eth1", ttl=3),
                       output("239.2.0.2", 6002, "eth2", dscp=46),
                       output("239.2.0.3", 6003, "eth3"), id="cam"))
    by_kernel(t, relay, "cam")
    sinks = [t.sink(f"sink{n}", "eth0", f"239.2.0.{n}", 6000 + n) for n in (1, 2, 3)]
    t.gen("gen", "eth0", IN, 5000, rate=8000, count=4000)
    for sink in sinks:
        t.clean(sink.finish(4000), 4000, sink.name)
    stats = t.conservation(relay)
    t.equal(took(stats), (4000, 0), "relayed by kernel, by workers")
    t.equal([(one["matched"], one["sent"], one["bytes"]) for one in stats["rules"][0]["outputs"]],
            [(4000, 4000, 4000 * 1400)] * 3, "outputs")
    t.equal(stats["kernel_path"]["send_calls"], 12000, "copies")


@scenario("kernel path: who relays, and why", topology="chain3")
def reasons(t):
    """Each output says its path and, for a worker, why; "kernel" in vain is an error that says it."""
    relay = t.mcrd("relay", args=AUTO)
    add(t, relay, rule(IN, 5000, output(OUT, 6000), id="kernel"))
    add(t, relay, rule(IN, 5001, output(OUT, 6001), id="user", path="user"))
    add(t, relay, rule(IN, 5002, output(OUT, 6002), id="limit", rate_limit={"pps": 1000000}))
    add(t, relay, rule(IN, 5003, output(OUT, 6003), id="priority", priority="high"))
    add(t, relay, rule(IN, 5004, output(OUT, 6004), output("10.90.1.2", 6004), id="mixed"))
    by_kernel(t, relay, "kernel")
    t.equal(paths(relay), {
        "kernel": [("kernel", "")],
        "user": [("user", "")],
        "limit": [("user", "a rate limit needs a worker")],
        "priority": [("user", "a priority needs a worker")],
        "mixed": [("user", "another output of the rule needs a worker"),
                  ("user", "the output is no multicast group")],
    }, "paths")
    for more, reason in (({"rate_limit": {"pps": 1}}, "a rate limit needs a worker"),
                         ({"priority": "low"}, "a priority needs a worker")):
        t.equal(refused(relay, rule(IN, 5009, output(OUT, 6009), path="kernel", **more)),
                (-32602, "params.path", f'"kernel" is not possible: {reason}'), "refusal")
    t.equal(refused(relay, rule(IN, 5009, output("10.90.1.2", 6009), path="kernel")),
            (-32602, "params.path", '"kernel" is not possible: the output is no multicast group'),
            "refusal")
    t.equal(refused(relay, rule(IN, 5009, output(OUT, 6009), path="both"))[1], "params.path",
            "field")
    listed = relay.ctl("list").stdout
    t.equal((listed.count("relayed in the kernel"), listed.count("relayed by a worker: a rate")),
            (1, 1), "mcrctl list")


@scenario("kernel path: not asked for", topology="chain3")
def not_asked(t):
    """A daemon started without --path auto relays as ever, and says so to who asks for the kernel."""
    relay = t.mcrd("relay", args=["--path", "user"])
    add(t, relay, rule(IN, 5000, output(OUT, 6000), id="cam"))
    add(t, relay, rule(IN, 5001, output(OUT, 6001), id="auto", path="auto"))
    reason = "mcrd was started without --path auto"
    t.equal(paths(relay), {"cam": [("user", "")], "auto": [("user", reason)]}, "paths")
    t.equal(refused(relay, rule(IN, 5009, output(OUT, 6009), path="kernel")),
            (-32602, "params.path", f'"kernel" is not possible: {reason}'), "refusal")
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.gen("gen", "eth0", IN, 5000, rate=8000, count=1000)
    t.clean(sink.finish(1000), 1000)
    t.equal(took(t.conservation(relay)), (0, 1000), "relayed by kernel, by workers")


@scenario("kernel path: a rule changes path under traffic", topology="chain3")
def path_changes(t):
    """Twenty changes between kernel and worker lose nothing and double nothing."""
    relay = t.mcrd("relay", args=AUTO)
    add(t, relay, rule(IN, 5000, output(OUT, 6000), id="cam"))
    by_kernel(t, relay, "cam")
    sink = t.sink("sink", "eth0", OUT, 6000)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=8000, count=40000, size=200)
    for turn in range(20):
        path = "user" if turn % 2 == 0 else "auto"
        add(t, relay, rule(IN, 5000, output(OUT, 6000), id="cam", path=path), replace=True)
        if path == "auto":
            by_kernel(t, relay, "cam")
    gen.finish(60)
    report = sink.finish(40000)
    t.equal((report["received"], report["lost"], report["duplicated"], report["corrupt"]),
            (40000, 0, 0, 0), "received, lost, duplicated, corrupt")
    stats = t.conservation(relay)
    t.equal(sum(took(stats)), 40000, "relayed by both")
    t.equal(stats["totals"]["sent"], 40000, "sent")
    for count, name in zip(took(stats), ("kernel", "workers")):
        if not count:
            t.fail(f"nothing was relayed by the {name}")


if __name__ == "__main__":
    main()
