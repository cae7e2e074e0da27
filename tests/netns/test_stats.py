#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Statistics with time: rates, first and last datagram, the longest gap.

    gen ---- eth0  relay  eth1 ---- sink
"""

import os
import signal
import time

import support  # pylint: disable=unused-import
from mcrlab import RpcError, main, scenario

from support_rules import add, output, path_settled, rule

NOT_FOUND, BAD_PARAMS = -32001, -32602
SIZE = 200


def now_ms():
    return time.time() * 1000


def one(relay, rule_id="cam"):
    """The statistics of one rule."""
    found = relay.rpc("GetStats", {"rule": rule_id})["rules"]
    assert len(found) == 1 and found[0]["rule_id"] == rule_id, found
    return found[0]


def look(relay):
    """The same of the rule and of its output."""
    stats = one(relay)
    return stats, stats["outputs"][0]


def burst(t, relay, count, total):
    """Sends, and waits until a look has seen all of it; returns the times before and after."""
    begun = now_ms()
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=4000, count=count, size=SIZE)
    sent = now_ms()
    t.wait_until(lambda: one(relay)["matched"] == total, 5, "all of it")
    t.wait_until(lambda: all(part["last_at"] and part["last_at"] >= sent for part in look(relay)), 10,
                 "a look after the last datagram")
    return begun, now_ms()


def close(t, first, second, what):
    """The same moment, but for how it was rounded."""
    t.true(abs(first - second) < 100, f"{what}: {first} and {second}")


@scenario("rates and times of a rule and its output are those of the stream", topology="chain3")
def rates(t):
    """Each is known within a look, which comes once a second; control may die meanwhile."""
    relay = t.mcrd("relay")
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000), id="cam"))
    path_settled(t, relay, "cam")
    for part in look(relay):
        t.equal([part[key] for key in ("pps", "bps", "pps_minute", "first_at", "last_at",
                                       "longest_gap_ms")], [0, 0, 0, None, None, 0], "at first")
    begun, seen = burst(t, relay, 600, 600)
    before = look(relay)
    for part in before:
        t.true(begun <= part["first_at"] <= part["last_at"] <= seen, f"times {part}")
        t.true(600 / 61 <= part["pps_minute"] <= 600, f"datagrams a second {part}")
        t.true(abs(part["bps_minute"] / 8 / SIZE - part["pps_minute"]) < 1, f"bits a second {part}")
    t.equal(before[0]["workers"], [0], "workers")
    t.wait_until(lambda: all(part["pps"] == 0 for part in look(relay)), 10, "it is silent")
    t.wait_until(lambda: now_ms() - before[1]["last_at"] > 3500, 10, "and stays silent")
    t.equal([part["longest_gap_ms"] for part in look(relay)], [0, 0], "a gap has an end")

    burst(t, relay, 100, 700)
    after = look(relay)
    for was, part in zip(before, after):
        close(t, was["first_at"], part["first_at"], "the first datagram")
        t.true(1000 <= part["longest_gap_ms"] <= part["last_at"] - was["last_at"], f"gap {part}")

    relay.expect("control was killed by SIGKILL")
    os.kill(relay.children("control")[0], signal.SIGKILL)
    t.wait_until(lambda: relay.rpc("Ping"), 10, "a new control")
    for was, part in zip(after, look(relay)):
        close(t, was["first_at"], part["first_at"], "the first datagram, told by a new control")
        close(t, was["last_at"], part["last_at"], "the last datagram, told by a new control")
        t.equal(part["longest_gap_ms"], was["longest_gap_ms"], "the gap, told by a new control")
    burst(t, relay, 50, 750)
    t.true(all(part["pps_minute"] <= 50 for part in look(relay)), "what came before is no rate")
    t.conservation(relay)


@scenario("an input interface has its link and what its device dropped", topology="chain3")
def device(t):
    """The counters are the kernel's own; a link that goes down is told."""
    relay = t.mcrd("relay")
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000), id="cam"))

    def counters():
        [found] = relay.stats()["interfaces"]
        return {key: found.get(key) for key in ("rx_dropped", "rx_missed", "rx_errors")}

    def kernel(name):
        return int(t.run("relay", ["cat", f"/sys/class/net/eth0/statistics/{name}"]).stdout)

    t.wait_until(lambda: None not in counters().values(), 10, "the device's counters")
    t.wait_until(lambda: counters() == {"rx_dropped": kernel("rx_dropped"),
                                        "rx_missed": kernel("rx_missed_errors"),
                                        "rx_errors": kernel("rx_errors")}, 10, "as the kernel has them")
    stats = relay.stats()
    t.equal(stats["interfaces"][0]["link"], "up", "link")
    t.true(stats["softnet_dropped"] >= 0 and stats["softnet_squeezed"] >= 0, "softnet")
    t.run("relay", ["ip", "link", "set", "eth0", "down"])
    t.wait_until(lambda: relay.stats()["interfaces"][0]["link"] == "down", 5, "its link is down")


@scenario("the share of a CPU that a worker has is told", topology="chain3")
def cpu(t):
    """It is known after two looks, and never more than one CPU."""
    relay = t.mcrd("relay")
    t.wait_until(lambda: relay.rpc("ListWorkers")["workers"][0]["cpu_percent"] is not None, 10,
                 "two looks")
    share = relay.rpc("ListWorkers")["workers"][0]["cpu_percent"]
    t.true(0 <= share <= 101, f"{share} %")


@scenario("one rule is asked for by its id or name", topology="chain3")
def one_rule(t):
    """Others are left out, and a rule that is not there is an error."""
    relay = t.mcrd("relay")
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000), id="cam", name="camera"))
    add(t, relay, rule("239.1.1.2", 5000, output("239.2.2.2", 6000), id="other"))
    for method in ("GetStats", "ListRules"):
        for name in ("cam", "camera"):
            answer = relay.rpc(method, {"rule": name})
            t.equal(([found["rule_id"] for found in answer["rules"]], "next" in answer),
                    (["cam"], False), f"{method} {name}")
        for params, code, field in (({"rule": "none"}, NOT_FOUND, "params.rule"),
                                    ({"rule": ""}, BAD_PARAMS, "params.rule"),
                                    ({"rule": 5}, BAD_PARAMS, "params.rule"),
                                    ({"rule": "x" * 64}, BAD_PARAMS, "params.rule"),
                                    ({"rule": "cam", "limit": 5}, BAD_PARAMS, "params.rule")):
            try:
                relay.rpc(method, params)
                t.true(False, f"{method} {params} was answered")
            except RpcError as error:
                t.equal((error.code, error.data["field"]), (code, field), f"{method} {params}")
    try:
        relay.rpc("GetConfig", {"rule": "cam"})
        t.true(False, "GetConfig was answered")
    except RpcError as error:
        t.equal(error.data["field"], "params.rule", "GetConfig")


if __name__ == "__main__":
    main()
