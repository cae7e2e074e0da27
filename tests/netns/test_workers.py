#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Two workers on one input: which packets reach which.

                         .- worker 0 -.
    gen ---- eth0  fan-out             eth1 ---- sink
                         '- worker 1 -'
"""

import json
import os
import re
import signal

import support  # pylint: disable=unused-import
from mcrlab import main, scenario

import support_rules
from support_rules import held, interface_stats, nonzero, output, rules_by_id

STREAMS = 16


def rules():
    return [rule(f"239.1.1.{n}", 5000 + n, output("239.2.2.2", 6000 + n)) for n in range(STREAMS)]


def rule(*words, **more):
    """A rule that workers relay, whichever path is the usual one."""
    return support_rules.rule(*words, path="user", **more)


def need_two_cpus(t):
    if len(os.sched_getaffinity(0)) < 2:
        t.skip("needs two CPUs")


def matched_by_worker(stats):
    return {one["worker"]: one["matched"] for one in stats["workers"]}


def expect_by_worker(t, relay, expected, what):
    """Once as many are matched as were sent, each worker has matched exactly its share."""
    t.wait_until(lambda: relay.stats()["totals"]["matched"] >= sum(expected.values()), 5, what)
    t.equal(matched_by_worker(relay.stats()), expected, f"matched by worker, {what}")


@scenario("steering by rule brings a stream to the worker of its rule", topology="chain3")
def by_rule(t):
    """A stream's datagrams reach the worker that owns its rule and no other; none comes twice."""
    relay = t.mcrd("relay", num_workers=2, config={"rules": rules()})
    owner = {one["input"]["port"]: one["workers"] for one in relay.rpc("ListRules")["rules"]}
    t.equal({len(workers) for workers in owner.values()}, {1}, "workers that own a rule")
    t.equal({workers[0] for workers in owner.values()}, {0, 1}, "workers that own any rule")

    sink = t.sink("sink", "eth0", "239.2.2.2", f"6000-{6000 + STREAMS - 1}")
    expected = {0: 0, 1: 0}
    for n in range(STREAMS):
        count = 50 + n
        t.gen("gen", "eth0", f"239.1.1.{n}", 5000 + n, rate=5000, count=count, size=200,
              first_flow=n)
        expected[owner[5000 + n][0]] += count
        expect_by_worker(t, relay, expected, f"stream {n}")
    total = sum(expected.values())
    t.clean(sink.finish(total), total)
    stats = t.conservation(relay)
    for one in stats["workers"]:
        t.equal((one["received"], one["sent"], nonzero(one["drops"])),
                (expected[one["worker"]], expected[one["worker"]], {}), f"worker {one['worker']}")


@scenario("steering by rule keeps interleaved streams apart", topology="chain3")
def by_rule_interleaved(t):
    """The same with all streams at once, through rules that share one group."""
    shared = [rule("239.1.1.1", 5000 + n, output("239.2.2.2", 6000 + n)) for n in range(STREAMS)]
    relay = t.mcrd("relay", num_workers=2, config={"rules": shared})
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000, flows=STREAMS)
    t.gen("gen", "eth0", "239.1.1.1", 5000, flows=STREAMS, rate=12000, count=STREAMS * 400,
          size=200)
    t.clean(sink.finish(STREAMS * 400), STREAMS * 400)
    stats = t.conservation(relay)
    owned = [len([one for one in relay.rpc("ListRules")["rules"] if one["workers"] == [worker]])
             for worker in (0, 1)]
    t.equal([one["received"] for one in stats["workers"]], [400 * n for n in owned],
            "received by worker")
    t.true(0 not in owned, "both workers own rules")


@scenario("steering by CPU brings a frame to the worker of its CPU", topology="chain3")
def by_cpu(t):
    """One worker serves the frames that arrive on a CPU; every worker holds every rule."""
    need_two_cpus(t)
    relay = t.mcrd("relay", num_workers=2, config={"steering": {"eth0": "cpu"}, "rules": rules()})
    t.equal([one["workers"] for one in relay.rpc("ListRules")["rules"]], [[0, 1]] * STREAMS,
            "workers that hold each rule")
    sink = t.sink("sink", "eth0", "239.2.2.2", f"6000-{6000 + STREAMS - 1}")
    expected = {0: 0, 1: 0}
    # A virtual wire hands a packet over on the CPU of whoever sends it.
    for cpu, stream, count in ((0, 0, 500), (1, 0, 700), (1, 1, 300), (0, 1, 200)):
        t.gen("gen", "eth0", f"239.1.1.{stream}", 5000 + stream, rate=5000, count=count, size=200,
              cpu=cpu, first_flow=10 * cpu + stream)
        expected[cpu] += count
        expect_by_worker(t, relay, expected, f"stream {stream} on CPU {cpu}")
    t.clean(sink.finish(1700), 1700)
    t.conservation(relay)


def sleeps(pid):
    """How often the process has given up its CPU of its own accord."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) for line in status
                    if line.startswith("voluntary_ctxt_switches"))


@scenario("a worker with busy_poll_us stays awake between datagrams", topology="chain3")
def busy_polling(t):
    """With busy_poll_us a worker stays awake between datagrams; without, it sleeps after each."""
    slept = {}
    for poll_us in (0, 100000):
        relay = t.mcrd("relay", config={"busy_poll_us": poll_us, "rules": rules()})
        text = relay.rpc("GetConfig")["text"]
        t.equal("busy_poll_us" in text, poll_us > 0, "busy_poll_us in the configuration")
        worker = relay.rpc("ListWorkers")["workers"][0]["pid"]
        sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
        before = sleeps(worker)
        t.gen("gen", "eth0", "239.1.1.0", 5000, rate=1000, count=1000, size=200)
        slept[poll_us] = sleeps(worker) - before
        t.clean(sink.finish(1000), 1000, f"busy_poll_us {poll_us}")
        t.conservation(relay)
        relay.stop()
    # It sleeps when nothing comes for as long as it polls, which a busy generator may bring about.
    t.true(slept[100000] < slept[0] / 2, f"{slept[100000]} sleeps in spite of it, {slept[0]} without")
    t.note(f"sleeps during 1,000 datagrams: {slept[0]} without, {slept[100000]} with")


@scenario("an interface pinned to a CPU is served by its worker alone", topology="chain3")
def pinned(t):
    """The other worker has no rule of that interface and gets nothing of its traffic."""
    need_two_cpus(t)
    for cpu in (0, 1):
        relay = t.mcrd("relay", num_workers=2,
                       config={"pinning": {"eth0": [cpu]}, "rules": rules()})
        worker = next(one["worker"] for one in relay.rpc("ListWorkers")["workers"]
                      if one["cpu"] == cpu)
        t.equal([one["workers"] for one in relay.rpc("ListRules")["rules"]], [[worker]] * STREAMS,
                "workers that hold each rule")
        sink = t.sink("sink", "eth0", "239.2.2.2", 6003)
        t.gen("gen", "eth0", "239.1.1.3", 5003, rate=5000, count=1000, size=200, cpu=1 - cpu)
        t.clean(sink.finish(1000), 1000)
        t.equal(matched_by_worker(t.conservation(relay)), {worker: 1000, 1 - worker: 0},
                "matched by worker")
        relay.stop()


@scenario("frames that the relay sends are no input", topology="chain3")
def sent_is_no_input(t):
    """An output group that a rule of the same interface wants: the kernel shows own frames, too."""
    relay = t.mcrd("relay", num_workers=2)
    out = rule("239.1.1.1", 5000, output("239.2.2.2", 6000))
    back = rule("239.2.2.2", 6000, output("239.3.3.3", 7000, "eth0"), interface="eth1")
    ids = [relay.rpc("AddRule", one)["rule_id"] for one in (out, back)]
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=5000, count=500, size=200)
    t.clean(sink.finish(500), 500)
    t.conservation(relay)
    found = rules_by_id(relay)
    t.equal([found[one]["matched"] for one in ids], [500, 0], "matched, there and back")
    t.equal(interface_stats(relay, "eth1")["delivered"], 0, "delivered by the output's interface")


@scenario("SIGHUP pins an interface to another worker", topology="chain3")
def pinned_anew(t):
    """From then on the other one gets its traffic, and the first one nothing more."""
    need_two_cpus(t)
    config = {"pinning": {"eth0": [0]}, "rules": rules()}
    relay = t.mcrd("relay", num_workers=2, config=config)
    worker = {one["cpu"]: one["worker"] for one in relay.rpc("ListWorkers")["workers"]}
    expected = {0: 0, 1: 0}
    for flow, cpu in enumerate((0, 1, 0)):
        config["pinning"] = {"eth0": [cpu]}
        relay.config_path.write_text(json.dumps(config))
        relay.send_signal(signal.SIGHUP)
        t.wait_until(lambda cpu=cpu: {tuple(one["workers"]) for one in
                                      relay.rpc("ListRules")["rules"]} == {(worker[cpu],)}, 5,
                     f"every rule is with the worker of CPU {cpu}")
        t.wait_until(lambda: all(one["in_sync"] for one in relay.rpc("ListWorkers")["workers"]), 5,
                     "in sync")
        sink = t.sink("sink", "eth0", "239.2.2.2", 6003)
        t.gen("gen", "eth0", "239.1.1.3", 5003, rate=5000, count=500, size=200, first_flow=flow)
        t.clean(sink.finish(500), 500, f"pinned to CPU {cpu}")
        expected[worker[cpu]] += 500
        expect_by_worker(t, relay, expected, f"pinned to CPU {cpu}")
    t.conservation(relay)


@scenario("losses of a queue are counted at its worker, its interface and its rule",
          topology="chain3", alone=True, deadline_s=60)
def queues(t):
    """A socket belongs to a worker and an interface: its losses stand at both, and at a lone rule."""
    relay = t.mcrd("relay", num_workers=2)
    of_worker = {}
    for n in range(12):
        group = f"239.1.1.{n + 1}"
        relay.rpc("AddRule", rule(group, 5000, output(f"239.2.2.{n + 1}", 6000), id=f"rule-{n}"))
    for one in relay.rpc("ListRules")["rules"]:
        of_worker.setdefault(one["workers"][0], []).append((one["id"], one["input"]["group"]))
    t.true(all(len(rules) >= 2 for rules in of_worker.values()), f"both have rules: {of_worker}")
    (flooded, group), (partner, _) = of_worker[1][:2]
    (quiet, _) = of_worker[0][0]
    for one in [one for rules in of_worker.values() for one, _ in rules]:
        if one not in (flooded, quiet):
            relay.rpc("RemoveRule", {"rule_id": one})
    sink = t.sink("sink", "eth0", f"239.2.2.{group.rpartition('.')[2]}", 6000)
    with held(t, [relay.pid, *relay.children()]):
        sent = t.gen("gen", "eth0", group, 5000, rate=0, count=120000, size=1400)["sent"]
    t.wait_until(lambda: relay.stats()["totals"]["received"] >= sent, 20, "all is counted")
    stats = t.conservation(relay)
    lost = stats["totals"]["drops"]["socket_queue"]
    t.true(lost > 0, "nothing was lost")
    workers = {one["worker"]: one for one in stats["workers"]}
    t.equal([workers[n]["drops"]["socket_queue"] for n in (0, 1)], [0, lost], "workers")
    t.equal([workers[n]["received"] for n in (0, 1)], [0, sent], "received, by worker")
    t.equal({one["name"]: one["socket_queue"] for one in stats["interfaces"]}["eth0"], lost, "eth0")
    t.equal([one["socket_queue"] for one in relay.rpc("ListWorkers")["workers"]], [0, lost],
            "ListWorkers")
    rules = {one["rule_id"]: (one["socket_queue"], one["socket_rules"]) for one in stats["rules"]}
    t.equal(rules, {flooded: (lost, 1), quiet: (0, 1)}, "rules")
    t.wait_until(lambda: re.search(r"socket_queue on eth0: worker 1 lost \d+ frames$",
                                   relay.stderr(), re.M), 10, "the line of the log")
    report = sink.finish(sent - lost)
    t.equal(report["unique"] + report["sink_drops"], sent - lost, "what was not lost arrived")

    relay.rpc("AddRule", rule("239.1.9.9", 5000, output("239.2.9.9", 6000), id="elsewhere",
                              interface="eth1"))
    number = int(partner.rpartition("-")[2]) + 1
    relay.rpc("AddRule", rule(f"239.1.1.{number}", 5000, output(f"239.2.2.{number}", 6000),
                              id=partner))
    rules = {one["rule_id"]: (one["socket_queue"], one["socket_rules"])
             for one in relay.stats()["rules"]}
    t.equal((rules[flooded], rules[partner], rules[quiet], rules["elsewhere"]),
            ((lost, 2), (lost, 2), (0, 1), (0, 1)), "two rules of one socket")
    table = relay.ctl("stats").stdout.splitlines()
    # Numbers end where their heading does.
    [end] = [line.index(" QUEUE") + len(" QUEUE") for line in table if line.startswith("RULE ")]
    t.equal([line[:end].split()[-1] for line in table if line.startswith(flooded + " ")], ["shared"],
            "the table says that they share it")


if __name__ == "__main__":
    main()
