#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""As many rules and outputs as there may be, all relayed by the kernel, and changed all the time.

    gen ---- eth0  relay  eth1 ---- sink          (chain3)
"""

import json
import threading
import time

import support  # pylint: disable=unused-import
from mcrlab import main, scenario

from support_kernel import AUTO
from support_rules import group_at, nonzero, output, rule

RULES_MAX, OUTPUTS = 16384, 4
RULES = 16000
AT_ONCE = 2000
CHANGES, A_SECOND = 600, 200


def numbered(n, **more):
    return rule(group_at("239.1.0.0", n), 5000,
                *[output(group_at("239.128.0.0", n), 6000 + i) for i in range(OUTPUTS)],
                id=f"r{n}", **more)


def load(relay, first, end):
    for start in range(first, end, AT_ONCE):
        rules = [numbered(n) for n in range(start, min(start + AT_ONCE, end))]
        relay.rpc("LoadConfig", {"text": json.dumps({"rules": rules}, separators=(",", ":"))},
                  deadline_s=30)


class InPages:
    """A relay with so many rules that it tells of them in pages."""

    def __init__(self, relay):
        self.relay = relay

    def all_of(self, method):
        whole, params = None, {"limit": AT_ONCE}
        with self.relay.connect(deadline_s=30) as client:
            while True:
                page = client.call(method, params)
                if whole:
                    whole["rules"] += page["rules"]
                whole = whole or page
                if "next" not in page:
                    return whole
                params["cursor"] = page["next"]

    def stats(self):
        return self.all_of("GetStats")

    def in_kernel(self):
        """How many outputs the kernel relays."""
        return sum(one["path"] == "kernel" for found in self.all_of("ListRules")["rules"]
                   for one in found["outputs"])


def change_all_the_time(t, relay):
    """Adds, changes and removes rules beside the others, as many a second as promised.

    Requests do not wait for the answers to those before.  Returns (seconds, refusals).
    """
    requests = []
    for n in range(CHANGES // 3):
        one = numbered(RULES + n % 300)
        other = {**one, "outputs": [{**out, "ttl": 3} for out in one["outputs"]], "replace": True}
        requests += [("AddRule", one), ("AddRule", other), ("RemoveRule", {"rule_id": one["id"]})]
    refused = []
    with relay.connect(deadline_s=60) as client:
        def read():
            for _ in requests:
                answer = client.read()
                if "error" in answer:
                    refused.append(answer["error"])
        reader = threading.Thread(target=read)
        reader.start()
        began = time.monotonic()
        for number, (method, params) in enumerate(requests):
            client.raw(json.dumps({"jsonrpc": "2.0", "id": number, "method": method,
                                   "params": params}) + "\n")
            due = began + (number + 1) / A_SECOND
            t.wait_until(lambda due=due: time.monotonic() >= due, 5, "the next change is due")
        reader.join()
        return time.monotonic() - began, refused


@scenario("kernel path: 200 changes a second beside 16,000 rules of four outputs", topology="chain3",
          deadline_s=120)
def changes(t):
    """Neither a stream of the kernel's nor one of a worker's loses a datagram meanwhile.

    Then there are as many rules and outputs as there may be, and the kernel has all of them.
    """
    relay = t.mcrd("relay", num_workers=1, args=AUTO)
    pages = InPages(relay)
    load(relay, 0, RULES)
    relay.rpc("AddRule", numbered(0, path="user", replace=True))
    t.wait_until(lambda: pages.in_kernel() == (RULES - 1) * OUTPUTS, 20, "the kernel has all but one")
    sinks = {n: t.sink("sink", "eth0", group_at("239.128.0.0", n), 6000) for n in (0, 7)}
    gens = {n: t.gen_start("gen", "eth0", group_at("239.1.0.0", n), 5000, rate=4000, size=200)
            for n in sinks}
    t.wait_until(lambda: all(sink.received() > 100 for sink in sinks.values()), 10, "streams flow")
    seconds, refused = change_all_the_time(t, relay)
    sent = {n: gen.stop()["sent"] for n, gen in gens.items()}
    for n, sink in sinks.items():
        t.clean(sink.finish(sent[n]), sent[n], f"stream {n}")
    t.equal(refused, [], "refused changes")
    stats = t.conservation(pages)
    by_id = {one["rule_id"]: one for one in stats["rules"]}
    for n, count in sent.items():
        t.equal([by_id[f"r{n}"]["matched"], *[one["sent"] for one in by_id[f"r{n}"]["outputs"]]],
                [count] * (1 + OUTPUTS), f"matched, and sent by output, of rule {n}")
    t.equal((stats["kernel_path"]["received"], stats["workers"][0]["received"]),
            (sent[7], sent[0]), "received by kernel, by the worker")
    t.equal(nonzero(stats["totals"]["drops"]), {}, "drops")

    load(relay, RULES, RULES_MAX)
    relay.rpc("AddRule", numbered(0, replace=True))
    t.wait_until(lambda: pages.in_kernel() == RULES_MAX * OUTPUTS, 20, "the kernel has all")
    state = relay.rpc("ListWorkers")["kernel_path"]
    t.equal((state["in_sync"], state["references"]), (True, RULES_MAX), "what the maps hold")
    t.note(f"{CHANGES} changes in {seconds:.1f} s")


if __name__ == "__main__":
    main()
