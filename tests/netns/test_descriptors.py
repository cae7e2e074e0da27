#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""More rules than the limit on open files has descriptors for.

    gen ---- eth0  relay  eth1 ---- sink
"""

import json
import os
import resource
import signal

import support  # pylint: disable=unused-import
from mcrlab import main, scenario

from support_rules import add, output, rule, rules_by_id

IN, OUT = "239.1.1.1", "239.2.2.2"
ADDRESS = "10.20.0.1"
CONTROL, WORKER = "--role=control", "--role=worker"
RULES, GONE = 1200, 500  # each a bound socket
LIMIT, RESERVE = 1024, 33 + 4 * 2


def flows(t, flow):
    """A stream, whole."""
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.gen("gen", "eth0", IN, 5000, rate=5000, count=500, size=200, first_flow=flow)
    t.clean(sink.finish(500), 500, f"stream {flow}")


def bound(t):
    """How many sockets of the relay's node are bound to the address."""
    text = t.run("relay", ["cat", "/proc/net/udp"]).stdout
    return sum(line.split()[1].startswith("0100140A:") for line in text.splitlines()[1:])


def killed(t, relay, role, name):
    """A child dies, and another takes its place."""
    relay.expect(f"{name} was killed by SIGKILL")
    [pid] = relay.children(role)
    os.kill(pid, signal.SIGKILL)

    def back():
        try:
            return relay.children(role) not in ([], [pid]) and \
                relay.rpc("ListWorkers")["workers"][0]["in_sync"]
        except OSError:
            return False
    t.wait_until(back, 20, f"another {name}")


def load_too_many(t, relay):
    """RULES unicast inputs, of which the limit leaves some out; returns how many are bound."""
    relay.rpc("LoadConfig", {"text": json.dumps({"rules": [
        rule(ADDRESS, 10000 + n, output(OUT, 6001)) for n in range(RULES)]})}, deadline_s=30)
    t.wait_until(lambda: "no descriptor is left for more inputs" in relay.log(), 20, "the reason")
    held = bound(t)
    t.between(held, LIMIT // 2, LIMIT - RESERVE, "bound sockets")
    return held


@scenario("rules beyond the descriptors are refused, and it heals when rules go",
          topology="chain3", root="unicast inputs", deadline_s=120)
def too_many(t):
    """The rest is refused with a reason; children are restarted; it heals when rules go."""
    relay = t.mcrd("relay", wrapper=["prlimit", f"--nofile={LIMIT}"])
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    [control] = relay.children(CONTROL)
    held = load_too_many(t, relay)
    t.equal(relay.children(CONTROL), [control], "control lives")
    flows(t, 0)
    killed(t, relay, WORKER, "worker 0")
    flows(t, 1)
    killed(t, relay, CONTROL, "control")
    # A number or two are another descriptor's than before.
    t.wait_until(lambda: abs(bound(t) - held) < 10, 20, "as many sockets as before")
    flows(t, 2)
    t.between(sum("cannot bind" in line for line in relay.log().splitlines()), 1, 10,
              "lines about what could not be bound")
    unicast = [key for key, one in rules_by_id(relay).items() if one["input"]["group"] == ADDRESS]
    with relay.connect() as client:
        for key in unicast[:GONE]:
            client.call("RemoveRule", {"rule_id": key})
    t.wait_until(lambda: bound(t) == RULES - GONE, 20, "every address is bound")
    flows(t, 3)
    t.conservation(relay)


@scenario("rules beyond the descriptors work once the limit is raised",
          topology="chain3", root="unicast inputs", deadline_s=120)
def limit_raised(t):
    """Refused requests are tried again, without another request."""
    relay = t.mcrd("relay", wrapper=["prlimit", f"--nofile={LIMIT}"])
    load_too_many(t, relay)
    try:
        resource.prlimit(relay.pid, resource.RLIMIT_NOFILE, (4 * LIMIT, 4 * LIMIT))
    except PermissionError:
        t.skip("a limit can be raised with CAP_SYS_RESOURCE only")
    t.wait_until(lambda: bound(t) == RULES, 20, "every address is bound")
    t.conservation(relay)


if __name__ == "__main__":
    main()
