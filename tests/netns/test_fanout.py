#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""One input, many outputs.

                                       .-- eth1 ---- sink1
    gen ---- eth0  relay --------------+-- eth2 ---- sink2
                                       '-- eth3 ---- sink3

    gen ---- eth0  relay  eth1 ---- sink  (50 groups)
"""

import support  # pylint: disable=unused-import
from mcrlab import main, scenario

from support_rules import add, group_at, output, per_stream, rule

IN = "239.1.1.1"


@scenario("fan-out 1:3 gives each interface the whole stream", topology="fanout3")
def three(t):
    """Three interfaces get the whole stream each, under a group and port of their own."""
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output("239.2.0.1", 6001, "eth1"),
                       output("239.2.0.2", 6002, "eth2"), output("239.2.0.3", 6003, "eth3")))
    sinks = [t.sink(f"sink{n}", "eth0", f"239.2.0.{n}", 6000 + n) for n in (1, 2, 3)]
    t.gen("gen", "eth0", IN, 5000, rate=8000, count=4000)
    for sink in sinks:
        t.clean(sink.finish(4000), 4000, sink.name)
    stats = t.conservation(relay)
    t.equal((stats["totals"]["received"], stats["totals"]["matched"], stats["totals"]["sent"]),
            (4000, 4000, 12000), "received, matched, sent")
    t.equal([(one["matched"], one["sent"], one["bytes"]) for one in stats["rules"][0]["outputs"]],
            [(4000, 4000, 4000 * 1400)] * 3, "outputs")


@scenario("fan-out 1:50 gives each group the whole stream", topology="fanout50")
def fifty(t):
    """Fifty groups on one interface get the whole stream each."""
    relay = t.mcrd("relay")
    groups = [group_at("239.50.1.1", n) for n in range(50)]
    add(t, relay, rule(IN, 5000, *[output(group, 6000) for group in groups]))
    sink = t.sink("sink", "eth0", groups, 6000)
    t.gen("gen", "eth0", IN, 5000, rate=500, count=400)
    report = sink.finish(20000)
    t.clean(report, 20000)
    t.equal(per_stream(report), {(group, 6000): 400 for group in groups}, "received by group")
    stats = t.conservation(relay)
    t.equal([one["sent"] for one in stats["rules"][0]["outputs"]], [400] * 50, "sent by output")


if __name__ == "__main__":
    main()
