#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""From generator to sink: the harness judges MCR; here the harness is judged itself, without MCR.

    [gen] eth0 10.90.1.1/24 ------- [sink] eth0 10.90.1.2/24

The datagrams sent are known exactly, each fault on the way is caused on purpose, and the sink must say
exactly that.
"""

import support  # pylint: disable=unused-import
from mcrlab import main, scenario

GROUP = "239.1.1.1"

@scenario("every datagram sent is received, once, in order and whole", topology="direct2")
def exact_counts(t):
    sink = t.sink("sink", "eth0", GROUP, 5000)
    gen = t.gen("gen", "eth0", GROUP, 5000, count=20000, rate=20000, size=1400)
    report = sink.finish(expect=20000)
    t.equal(gen["sent"], 20000, "sent")
    t.equal(gen["send_errors"], 0, "send errors")
    t.clean(report, 20000)
    t.equal(report["bytes"], 20000 * 1400, "bytes")
    t.equal(len(report["flows"]), 1, "flows")
    t.equal(report["flows"][0]["first_seq"], 0, "first sequence")
    t.equal(report["flows"][0]["last_seq"], 19999, "last sequence")
    t.true(report["latency_us"]["p50"] > 0, f"latency {report['latency_us']}")


@scenario("an interface may be given by address, and the destination may be a host",
          topology="direct2")
def unicast(t):
    sink = t.sink("sink", "10.90.1.2", "10.90.1.2", 5000)
    t.gen("gen", "10.90.1.1", "10.90.1.2", 5000, count=500, rate=5000)
    t.clean(sink.finish(expect=500), 500)


@scenario("flows by port and by group are told apart", topology="direct2")
def flows(t):
    ports = t.sink("sink", "eth0", GROUP, 5000, flows=30)
    groups = t.sink("sink", "eth0", "239.2.0.0", 7000, flows=50, flow_groups=True)
    t.gen("gen", "eth0", GROUP, 5000, count=3000, rate=10000, size=64, flows=30)
    t.gen("gen", "eth0", "239.2.0.0", 7000, count=5000, rate=10000, size=64, flows=50,
          flow_groups=True)
    for sink, number in ((ports, 30), (groups, 50)):
        report = sink.finish(expect=100 * number)
        t.clean(report, 100 * number)
        t.equal(sorted(flow["flow"] for flow in report["flows"]), list(range(number)), "flows")
        t.equal({flow["received"] for flow in report["flows"]}, {100}, "received in each flow")
        t.equal(len({(flow["group"], flow["port"]) for flow in report["flows"]}), number,
                "destinations")


@scenario("what the network drops the sink reports as lost, exactly", topology="direct2")
def loss(t):
    rules = "add table ip lossy; add chain ip lossy in { type filter hook prerouting priority 0; }; " \
            "add rule ip lossy in udp dport 5000 numgen inc mod 10 4 counter drop"
    done = t.run("sink", ["nft", rules], check=False)
    if done.returncode:
        t.skip(f"nft: {done.stderr.strip().splitlines()[0]}")
    sink = t.sink("sink", "eth0", GROUP, 5000)
    gen = t.gen("gen", "eth0", GROUP, 5000, count=1000, rate=10000)
    report = sink.finish(expect=900)
    t.equal(gen["sent"], 1000, "sent")
    t.equal(report["received"], 900, "received")
    t.equal(report["lost"], 100, "lost")
    t.equal(report["sink_drops"], 0, "the sink's own drops")


if __name__ == "__main__":
    main()
