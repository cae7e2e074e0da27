#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""More than a worker can send: it drops and counts, and goes on.

    gen ---- eth0  relay  eth1 ---- sink  (up to 256 groups)

The load is a number of datagrams times a number of outputs.  A worker that has too much of it is
never restarted, it takes new rules, and every datagram is in one counter when the load has ended.
"""

import support  # pylint: disable=unused-import
from mcrlab import main, scenario

from support_rules import add, group_at, nonzero, output, rule

IN, FIRST_OUT = "239.1.1.1", "239.2.2.1"
JUMBO_IN = {
    "name": "jumbo-in",
    "nodes": {"gen": {}, "relay": {}, "sink": {}},
    "links": [
        {"ends": [{"at": "gen:eth0", "addresses": ["10.10.1.100/24"], "mtu": 9000},
                  {"at": "relay:eth0", "addresses": ["10.20.0.1/24"], "mtu": 9000}]},
        {"ends": [{"at": "relay:eth1", "addresses": ["10.90.1.1/24"]},
                  {"at": "sink:eth0", "addresses": ["10.90.1.2/24"]}]}]}


def worker(relay):
    return relay.rpc("ListWorkers")["workers"][0]


def accounted(stats, segment):
    """Datagrams that are in a counter; losses of the socket's queue are counted in frames."""
    totals = stats["totals"]
    return totals["received"] + totals["drops"]["socket_queue"] * (segment - 1)


def settled(relay):
    """Statistics in which every output has been given what its rule has matched, or None."""
    stats = relay.stats()
    ends = all(out["matched"] == one["matched"] for one in stats["rules"] for out in one["outputs"])
    return stats if ends else None


def fan(fan_out, gro):
    return {"gro": {"eth0": gro},
            "rules": [rule(IN, 5000, *[output(group_at(FIRST_OUT, n), 6000)
                                       for n in range(fan_out)])]}


def overload(t, fan_out, rules, gro=False, segment=1, deadline_s=60, **traffic):
    """Offers the stream, with rules that come and go meanwhile; then all of it is accounted for."""
    relay = t.mcrd("relay", config=fan(fan_out, gro))
    pid = worker(relay)["pid"]
    sink = t.sink("sink", "eth0", FIRST_OUT, 6000)
    gen = t.gen_start("gen", "eth0", IN, 5000, segment=segment if segment > 1 else None, **traffic)
    for n in range(rules):
        had = sink.received()
        answer = add(t, relay, rule(group_at("239.9.9.1", n), 5000, output("239.9.8.1", 6000 + n)))
        t.true("rule_id" in answer, f"rule {n} is taken")
        t.wait_until(lambda: worker(relay)["in_sync"], 20, f"the worker has rule {n}")
        t.wait_until(lambda: sink.received() > had, 20, "it goes on sending")
    sent = gen.finish(120)["sent"]
    t.wait_until(lambda: accounted(relay.stats(), segment) >= sent, deadline_s,
                 "every datagram in a counter")
    t.wait_until(lambda: settled(relay), deadline_s, "all that is matched is sent or dropped")
    stats = t.conservation(relay)
    totals = stats["totals"]
    t.equal(accounted(stats, segment), sent, "datagrams in a counter")
    t.equal(set(nonzero(totals["drops"])) - {"socket_queue"}, set(),
            "reasons of drops, but for the queue")
    t.equal({tuple(nonzero(one["send_drops"])) for one in stats["rules"][0]["outputs"]}, {()},
            "drops of outputs")
    now = worker(relay)
    t.equal((now["pid"], now["worker_restarts"], now["health_check_failures"],
             now["drift_detected"]), (pid, 0, 0, 0),
            "process, restarts, failed health checks, drift")
    # It is as good as new at once.
    late = t.sink("sink", "eth0", "239.9.8.1", 6000)
    t.gen("gen", "eth0", group_at("239.9.9.1", 0), 5000, rate=500, count=200, size=200)
    t.clean(late.finish(200), 200, "a stream after the load")
    t.note(f"{totals['matched']} of {sent} datagrams carried to {fan_out} outputs, "
           f"{totals['drops']['socket_queue']} lost in the queue")


@scenario("an overload of 256 outputs restarts nobody, and all is counted", topology="chain3", deadline_s=240)
def mixed(t):
    """Each datagram is 256 sends of its own; ten rules are added meanwhile."""
    overload(t, 256, 10, size="100-1400", rate=6000, count=24000)


@scenario("an overload of 100 outputs restarts nobody, and all is counted", topology="chain3", deadline_s=240)
def hundred(t):
    """Five rules are added meanwhile."""
    overload(t, 100, 5, size="100-1400", rate=30000, count=90000)


@scenario("an overload of fragments restarts nobody, and all is counted", topology=JUMBO_IN, deadline_s=240)
def fragments(t):
    """Payloads of 8,900 bytes leave in seven fragments each."""
    overload(t, 32, 5, size=8900, rate=8000, count=24000)


@scenario("an overload of super-datagrams restarts nobody, and all is counted",
          topology="gro", deadline_s=240)
def supers(t):
    """Each frame holds 45 datagrams: one frame is 11,520 datagrams sent."""
    t.run("gen", ["ethtool", "-K", "eth0", "tx-udp-segmentation", "on"])
    overload(t, 256, 5, gro=True, size=1400, segment=45, rate=45000, count=135000)


if __name__ == "__main__":
    main()
