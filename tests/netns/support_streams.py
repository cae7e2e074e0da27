# SPDX-License-Identifier: MIT
"""A rule, and a stream, for each of a relay's two workers: one is hurt, the other must not notice."""

from mcrlab.rules import add, output, rule, rules_by_id

FIRST_PORT, PORTS = 5000, 64
OUT_ABOVE = 1000  # an output's port above its input's
FLOWING = 500  # datagrams received of a stream that flows


def rule_of_each(t, relay, group, out_group):
    """{worker: (input port, output port)}: rules on which the two workers have been steered."""
    found = {}
    for port in range(FIRST_PORT, FIRST_PORT + PORTS):
        out_port = port + OUT_ABOVE
        rule_id = add(t, relay, rule(group, port, output(out_group, out_port)))["rule_id"]
        [worker] = rules_by_id(relay)[rule_id]["workers"]
        if worker in found:
            relay.rpc("RemoveRule", {"rule_id": rule_id})
        found.setdefault(worker, (port, out_port))
        if len(found) == 2:
            return found
    return t.fail(f"one worker has all of {PORTS} ports")


def stream_of_each(t, relay, group, out_group, rate=4000):
    """({worker: sink}, {worker: generator}), flowing; `rate` in datagrams a second each."""
    rules = rule_of_each(t, relay, group, out_group)
    sinks = {n: t.sink("sink", "eth0", out_group, out) for n, (_, out) in rules.items()}
    gens = {n: t.gen_start("gen", "eth0", group, into, rate=rate, size=200)
            for n, (into, _) in rules.items()}
    flow_on(t, sinks)
    return sinks, gens


def flow_on(t, sinks):
    """Returns when each of {worker: sink} has received more than it had."""
    had = {n: sink.received() for n, sink in sinks.items()}
    t.wait_until(lambda: all(sink.received() >= had[n] + FLOWING for n, sink in sinks.items()), 30,
                 "streams flow")
