#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Many streams through one relay.

    gen ---- eth0  relay  eth1 ---- sink             gen1 ---- eth0 .
                                                     gen2 ---- eth1  relay  eth3 ---- sink
                                                     gen3 ---- eth2 '
"""

import json

import support  # pylint: disable=unused-import
from mcrlab import main, scenario

from support_rules import add, group_at, memberships, nonzero, output, per_stream, rule, rules_by_id


@scenario("64 interleaved streams leave whole, each in order", topology="chain3")
def interleaved(t):
    """64 streams whose datagrams alternate leave as 64 whole streams, each in order."""
    rules = [rule("239.1.1.1", 5000 + n, output("239.2.2.2", 6000 + n)) for n in range(64)]
    relay = t.mcrd("relay", config={"rules": rules})
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000, flows=64)
    t.gen("gen", "eth0", "239.1.1.1", 5000, flows=64, rate=16000, count=64 * 200, size=200)
    report = sink.finish(64 * 200)
    t.clean(report, 64 * 200)
    t.equal({(one["flow"], one["port"]): one["received"] for one in report["flows"]},
            {(n, 6000 + n): 200 for n in range(64)}, "received by flow and port")
    stats = t.conservation(relay)
    t.equal([one["matched"] for one in stats["rules"]], [200] * 64, "matched by rule")


@scenario("300 groups are joined on one interface", topology="chain3")
def many_groups(t):
    """Memberships are those of the rules, beyond the 20 that one socket may have, at any time."""
    def rules(first, n):
        return [rule(group_at("239.1.0.1", i), 5000, output(group_at("239.2.0.1", i), 6000))
                for i in range(first, first + n)]

    def groups(first, n):
        return {group_at("239.1.0.1", i) for i in range(first, first + n)}

    relay = t.mcrd("relay", config={"rules": rules(0, 300)})
    t.wait_until(lambda: memberships(t, "relay", "eth0") == groups(0, 300), 5, "300 memberships")
    sink = t.sink("sink", "eth0", "239.2.0.1", 6000, flows=300, flow_groups=True)
    t.gen("gen", "eth0", "239.1.0.1", 5000, flows=300, flow_groups=True, rate=6000, count=3000,
          size=200)
    report = sink.finish(3000)
    t.clean(report, 3000)
    t.equal(set(per_stream(report).values()), {10}, "received by group")
    t.conservation(relay)

    for n in (25, 0):
        answer = relay.rpc("LoadConfig", {"replace": True, "text": config_text(rules(100, n))})
        t.equal(answer["removed"], 275 if n else 25, "rules removed")
        t.wait_until(lambda: memberships(t, "relay", "eth0") == groups(100, n), 5,
                     f"{n} memberships after removal")
    t.equal(memberships(t, "relay", "eth1"), set(), "groups joined on the output")


def config_text(rules):
    return json.dumps({"rules": rules})


@scenario("two (S,G) rules and a (*,G) rule on one group each get their sources", topology="chain3")
def sources(t):
    """Each source's rule has its output to itself; the rest of the group goes to the third."""
    for host in (101, 102, 103):
        t.run("gen", ["ip", "address", "add", f"10.10.1.{host}/24", "dev", "eth0"])
    relay = t.mcrd("relay")
    group = "239.1.1.1"
    add(t, relay, rule(group, 5000, output("239.2.2.1", 6000), source="10.10.1.101"))
    add(t, relay, rule(group, 5000, output("239.2.2.3", 6000)))
    add(t, relay, rule(group, 5000, output("239.2.2.2", 6000), source="10.10.1.102"))
    t.equal(memberships(t, "relay", "eth0"), {group}, "groups joined")
    sink = t.sink("sink", "eth0", ["239.2.2.1", "239.2.2.2", "239.2.2.3"], 6000)
    gens = [t.gen_start("gen", f"10.10.1.{host}", group, 5000, rate=2000, count=count, size=300,
                        first_flow=host)
            for host, count in ((100, 400), (101, 100), (102, 200), (103, 300))]
    for gen in gens:
        gen.finish()
    report = sink.finish(1000)
    t.clean(report, 1000)
    t.equal({(one["group"], one["flow"]): one["received"] for one in report["flows"]},
            {("239.2.2.1", 101): 100, ("239.2.2.2", 102): 200, ("239.2.2.3", 100): 400,
             ("239.2.2.3", 103): 300}, "received by group and source")
    t.conservation(relay)


@scenario("a source-specific rule alone takes nothing from other sources", topology="chain3")
def one_source(t):
    """Datagrams of another source to the same group and port are dropped as not_matched."""
    t.run("gen", ["ip", "address", "add", "10.10.1.101/24", "dev", "eth0"])
    relay = t.mcrd("relay")
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000), source="10.10.1.101"))
    sink = t.sink("sink", "eth0", "239.2.2.1", 6000)
    t.gen("gen", "10.10.1.100", "239.1.1.1", 5000, rate=2000, count=200, size=300)
    t.gen("gen", "10.10.1.101", "239.1.1.1", 5000, rate=2000, count=300, size=300, first_flow=1)
    report = sink.finish(300)
    t.clean(report, 300)
    t.equal([one["flow"] for one in report["flows"]], [1], "flows received")
    t.equal(nonzero(t.conservation(relay)["totals"]["drops"]), {"not_matched": 200}, "drops")


@scenario("the same group on three input interfaces is three streams", topology="inputs3")
def inputs(t):
    """The same group and port on three inputs are three streams, told apart by their interface."""
    relay = t.mcrd("relay")
    for n in range(3):
        add(t, relay, rule("239.1.1.1", 5000, output(f"239.2.2.{n}", 6000, "eth3"),
                           interface=f"eth{n}"))
    sink = t.sink("sink", "eth0", [f"239.2.2.{n}" for n in range(3)], 6000)
    gens = [t.gen_start(f"gen{n + 1}", "eth0", "239.1.1.1", 5000, rate=4000, count=1000 * (n + 1),
                        first_flow=n, size=700) for n in range(3)]
    for gen in gens:
        gen.finish()
    report = sink.finish(6000)
    t.clean(report, 6000)
    t.equal({(one["group"], one["flow"]): one["received"] for one in report["flows"]},
            {("239.2.2.0", 0): 1000, ("239.2.2.1", 1): 2000, ("239.2.2.2", 2): 3000},
            "received by group and input")
    stats = t.conservation(relay)
    t.equal({one["input"]["interface"]: one["matched"] for one in rules_by_id(relay).values()},
            {"eth0": 1000, "eth1": 2000, "eth2": 3000}, "matched by input")
    if not stats["kernel_path"]["received"]:  # what it takes is delivered to no socket
        t.equal([one["delivered"] for one in stats["interfaces"] if one["delivered"]],
                [1000, 2000, 3000], "delivered by interface")
    t.equal(len(stats["workers"]), 1, "workers")


if __name__ == "__main__":
    main()
