# SPDX-License-Identifier: MIT
"""One stream, one event, and what the sink missed of it.

    [gen] eth0 ------- eth0 [relay] eth1 ------- eth0 [sink]

Every trial has a daemon of its own: one that was killed often is restarted later and later.
"""

import contextlib
import json
import os
import signal
import time

from mcrlab import Failure, binary, wait_until
from mcrlab.process import ProcessError
from mcrlab.rules import output, rule

from .links import SINK_BUFFER_BYTES

IN, OUT = "239.1.1.1", "239.2.2.1"
CONTROL, WORKER = "--role=control", "--role=worker"
SETTLE_S = 0.3   # the stream flows, before the event and after it
SPREAD_S = 0.1   # and up to this much longer, so that events are not in step with anything
QUIET_MS = 300
BACK_DEADLINE_S = 10
QUEUE_DEADLINE_S = 60  # a socket queue may hold what takes a worker with many outputs ten seconds
CHURN_PER_S, CHURN_S = 200, 1
KILLS, APART_S = 10, 0.5
OUTPUTS, OVERLOAD_S = 256, 3
NOT_OURS = ("not_matched", "not_ipv4_udp")  # reasons of frames that are not the stream's
STREAM = rule(IN, 5000, output(OUT, 6000), name="stream")
WIDE = rule(IN, 5000, *(output(OUT, 6000 + n) for n in range(OUTPUTS)), name="stream")
BYSTANDER = rule("239.1.1.9", 5000, output("239.2.2.9", 6000), name="bystander")


def pass_time(seconds):
    """The stream flows meanwhile."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= end, seconds + 5, "time passes")


def churn(t, relay, per_s, seconds):
    """A rule is added and removed at this rate; returns (changes, changes a second)."""
    changes, start = 0, time.monotonic()
    one = rule("239.1.2.1", 5000, output("239.2.2.2", 6000), name="changing")
    with relay.connect() as client:
        while changes < per_s * seconds:
            client.call("AddRule", one)
            client.call("RemoveRuleByName", {"name": "changing"})
            changes += 2
            t.wait_until(lambda: time.monotonic() >= start + changes / per_s, 5, "the rate")
    return changes, changes / (time.monotonic() - start)


# Events: each returns when it is over and what it was done to works again, and what it noticed.

def nothing(_t, _relay, _binary):
    return {}


def _owner(relay):
    """The worker that has the stream."""
    [number] = [one["workers"][0] for one in relay.rpc("ListRules")["rules"]
                if one.get("name") == "stream"]
    return relay.rpc("ListWorkers")["workers"][number]


def _replaced(t, relay, old):
    def back():
        one = relay.rpc("ListWorkers")["workers"][old["worker"]]
        return one["pid"] not in (0, old["pid"]) and one["in_sync"]
    t.wait_until(back, BACK_DEADLINE_S, "a new worker has the rules")


def kill_worker(t, relay, _binary):
    old = _owner(relay)
    relay.expect(f"worker {old['worker']} was killed by SIGKILL")
    os.kill(old["pid"], signal.SIGKILL)
    _replaced(t, relay, old)
    return {}


def kill_worker_again(t, relay, _binary):
    """KILLS times, APART_S apart, whatever its successor has come to meanwhile."""
    began = time.monotonic()
    for number in range(KILLS):
        def due(at=began + number * APART_S):
            one = _owner(relay)
            return time.monotonic() >= at and one["pid"] and one
        old = t.wait_until(due, BACK_DEADLINE_S, "a worker to be killed")
        relay.expect(f"worker {old['worker']} was killed by SIGKILL")
        os.kill(old["pid"], signal.SIGKILL)
        t.wait_until(lambda pid=old["pid"]: pid not in relay.children(WORKER), BACK_DEADLINE_S,
                     "its end")
    _replaced(t, relay, old)
    return {}


def overload(t, relay, _binary):
    """Nothing happens but that there is more than can be carried, for so long."""
    # Were a worker taken for dead for it, that is what the row is about: it is counted, not refused.
    relay.expect(r"worker \d+ ", None)
    pass_time(OVERLOAD_S)
    return {}


def stop_worker(t, relay, _binary):
    old = _owner(relay)
    relay.expect(f"worker {old['worker']} had no heartbeat for")
    os.kill(old["pid"], signal.SIGSTOP)
    t.wait_until(lambda: not os.path.exists(f"/proc/{old['pid']}"), BACK_DEADLINE_S,
                 "the end of the hung worker")
    _replaced(t, relay, old)
    return {}


def _another_control(t, relay, old):
    def answers():
        try:
            return (relay.children(CONTROL) not in ([], old) and
                    all(one["in_sync"] for one in relay.rpc("ListWorkers")["workers"]))
        except (OSError, ProcessError):
            return False
    t.wait_until(answers, BACK_DEADLINE_S, "another control answers")


def kill_control(t, relay, _binary):
    old = relay.children(CONTROL)
    relay.expect("control was killed by SIGKILL")
    os.kill(old[0], signal.SIGKILL)
    _another_control(t, relay, old)
    return {}


def upgrade(t, relay, other):
    """To the same program with another version in it."""
    old = relay.children(CONTROL)
    path, content, version = other
    binary.replace(path, content)
    answer = relay.rpc("Upgrade", deadline_s=20)
    t.equal((answer["version"], answer["rolled"]), (version, answer["workers"]), "the upgrade")
    _another_control(t, relay, old)
    return {}


def change_rules(t, relay, _binary):
    changes, rate = churn(t, relay, CHURN_PER_S, CHURN_S)
    return {"changes": changes, "changes_per_s": round(rate, 1)}


def reload(t, relay, _binary):
    """A file in which the stream's rule is as before, and another one is not."""
    other = rule("239.1.1.9", 5000, output("239.2.2.8", 6000), name="bystander")
    relay.config_path.write_text(json.dumps({"rules": [STREAM, other]}))
    relay.send_signal(signal.SIGHUP)
    t.wait_until(lambda: "1 replaced, 1 unchanged" in relay.stderr(), BACK_DEADLINE_S,
                 "the configuration is read again")
    t.wait_until(lambda: all(one["in_sync"] for one in relay.rpc("ListWorkers")["workers"]),
                 BACK_DEADLINE_S, "workers in sync")
    return {}


EVENTS = {
    "none": (nothing, "nothing happens: what the machine itself loses"),
    "worker-kill": (kill_worker, "SIGKILL of the stream's worker"),
    "worker-kill-10": (kill_worker_again,
                       f"SIGKILL of the stream's worker, {KILLS} times in {KILLS * APART_S:g} s"),
    "overload-256": (overload, f"{OUTPUTS} outputs, more than can be sent, for {OVERLOAD_S} s"),
    "worker-stop": (stop_worker, "SIGSTOP of the stream's worker"),
    "control-kill": (kill_control, "SIGKILL of control"),
    "upgrade": (upgrade, "upgrade to another binary"),
    "rule-churn": (change_rules, f"{CHURN_PER_S} rule changes a second"),
    "reload": (reload, "SIGHUP, another rule has changed"),
}


def account(sent, report, stats):
    """Where every datagram of the rule "stream" went, and of its first output.

    `lost` is what neither generator nor sink answers for, `counted` what of it the relay has
    counted, under whatever reason.
    """
    missing = sent["sent"] - report["unique"]
    sink = min(report["sink_drops"], missing)
    totals = stats["totals"]
    outputs = [one["outputs"][0]["send_drops"] for one in stats.get("rules", ())
               if one.get("name") == "stream"]
    counted = sum(count for name, count in totals["drops"].items() if name not in NOT_OURS) + \
        sum(sum(one.values()) for one in outputs)
    dropped = {name: count for name, count in (*totals["drops"].items(),
                                               *totals["send_drops"].items()) if count}
    return {"sent": sent["sent"], "received": report["received"], "lost": missing - sink,
            "sink_dropped": sink, "repeated": report["duplicated"],
            "reordered": report["reordered"], "corrupt": report["corrupt"],
            "longest_gap_ms": round(report["longest_gap_ms"], 2),
            "counted": counted, "relay_received": totals["received"], "relay_sent": totals["sent"],
            "relay_drops": dropped, "by_kernel": stats["kernel_path"]["received"], "pps": round(sent["pps"])}


def _daemon(t, event):
    config = {"rules": [WIDE if event is overload else STREAM, BYSTANDER]}
    if event is not upgrade:
        return t.mcrd("relay", num_workers=2, config=config), None
    relay, path = binary.own_mcrd(t, "relay", num_workers=2, config=config)
    return relay, (path, *binary.other_version(path))


def _in_kernel(relay):
    """Does the kernel relay all outputs of the stream?"""
    return all(out["path"] == "kernel" for one in relay.rpc("ListRules")["rules"]
               if one.get("name") == "stream" for out in one["outputs"])


def _all_seen(relay, sent):
    """A relay that is behind gets through its queue; what it never accounts for shows in the row."""
    with contextlib.suppress(Failure):
        wait_until(lambda: relay.stats()["totals"]["received"] >= sent, QUEUE_DEADLINE_S, "all seen")


def trial(t, event, rate, size, random):
    """One event under one stream, in a lab of its own; what was counted."""
    relay, other = _daemon(t, event)
    if os.environ.get("MCR_PATH"):
        t.wait_until(lambda: _in_kernel(relay), BACK_DEADLINE_S, "the kernel has the stream")
    sink = t.sink("sink", "eth0", OUT, 6000, rcvbuf=SINK_BUFFER_BYTES)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=rate, size=size)
    t.wait_until(lambda: sink.received() > 0, 5, "the stream flows")
    pass_time(SETTLE_S + random.uniform(0, SPREAD_S))
    began = time.monotonic()
    noticed = event(t, relay, other)
    over_ms = (time.monotonic() - began) * 1000
    had = sink.received()
    t.wait_until(lambda: sink.received() > had, 5, "the stream flows after it")
    pass_time(SETTLE_S)
    sent = gen.stop()
    _all_seen(relay, sent["sent"])
    report = sink.finish(0, quiet_ms=QUIET_MS)
    stats = t.conservation(relay)
    restarts = sum(one["worker_restarts"] for one in relay.rpc("ListWorkers")["workers"])
    return {**account(sent, report, stats), "over_ms": round(over_ms, 1), "restarts": restarts,
            **noticed}
