#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""One thing of a rule is changed, and nothing else notices.

    gen ---- eth0  relay  eth1 ---- sink
"""

import json
import os
import signal

import support  # pylint: disable=unused-import
from mcrlab import RpcError, main, scenario

from support_rules import add, drops, memberships, output, path_settled, rule, rules_by_id

NOT_FOUND, CONFLICT, BAD_PARAMS = -32001, -32002, -32602


def counted(relay, rule_id="cam"):
    """(matched, {group: (matched, sent)}) of a rule."""
    one = next(one for one in relay.stats()["rules"] if one["rule_id"] == rule_id)
    return one["matched"], {out["group"]: (out["matched"], out["sent"]) for out in one["outputs"]}


def refused(t, relay, method, params):
    """(code, field, reason) of the refusal of a request."""
    try:
        result = relay.rpc(method, params)
    except RpcError as error:
        return error.code, (error.data or {}).get("field"), (error.data or {}).get("reason")
    raise AssertionError(f"{method} {params} was answered with {result}")


@scenario("an output comes and goes while the others lose nothing and count on", topology="chain3")
def output_comes_and_goes(t):
    """The steady output gets and counts every datagram; the other begins at zero each time."""
    relay = t.mcrd("relay")
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000), id="cam"))
    path_settled(t, relay, "cam")
    steady = t.sink("sink", "eth0", "239.2.2.1", 6000)
    guest = t.sink("sink", "eth0", "239.2.2.2", 6000)
    gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=8000, size=200)
    second = output("239.2.2.2", 6000)
    counts = []
    with relay.connect() as client:
        for cycle in range(12):
            had = guest.received()
            answer = client.call("AddOutput", {"rule": "cam", "output": second})
            t.equal((answer["rule_id"], answer["result"]), ("cam", "replaced"), "AddOutput")
            t.wait_until(lambda: guest.received() >= had + 100, 5, "the added output gets the stream")
            client.call("SetOutput", {"rule": "cam", "output": {**second, "ttl": 5}})
            client.call("RenameRule", {"rule": "cam", "name": f"camera-{cycle}"})
            t.wait_until(lambda: guest.received() >= had + 200, 5, "and goes on after a change")
            counts.append((counted(relay)[1]["239.2.2.2"][0], guest.received()))
            client.call("RemoveOutput", {"rule": f"camera-{cycle}", "output": second})
    sent = gen.stop()["sent"]
    t.clean(steady.finish(sent), sent, "the steady output")
    matched, outputs = counted(relay)
    t.equal((matched, outputs), (sent, {"239.2.2.1": (sent, sent)}), "counters of the rule")
    for before, after in zip([(0, 0)] + counts, counts):
        t.true(200 <= after[0] <= after[1] - before[1] + 8000,
               f"an output that came back counted {after[0]}, after {before} and {after}")
    report = guest.finish()
    t.equal([report[key] for key in ("duplicated", "reordered", "corrupt")], [0] * 3, "the guest")
    t.conservation(relay)


@scenario("a disabled rule takes nothing, and counts on when it is enabled", topology="chain3")
def disabled(t):
    """Its id, its counters and its place in the configuration stay, over a restart of control, too."""
    relay = t.mcrd("relay")
    add(t, relay, rule("239.1.1.9", 5000, output("239.2.2.9", 6000), id="other"))
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000), id="cam", name="camera",
                       description="Straße 5, Kamera über dem Tor"))
    path_settled(t, relay, "cam")
    sink = t.sink("sink", "eth0", "239.2.2.1", 6000)
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=5000, count=500, size=100)
    t.wait_until(lambda: counted(relay)[0] == 500, 5, "the first part")
    t.equal(relay.rpc("DisableRule", {"rule": "camera"})["state"], "disabled", "state")
    t.equal(relay.rpc("DisableRule", {"rule": "cam"})["result"], "unchanged", "disabled twice")
    t.equal(memberships(t, "relay", "eth0"), {"239.1.1.9"}, "memberships")
    one = rules_by_id(relay)["cam"]
    t.equal((one["state"], one["reason"], one["enabled"], one["warnings"]),
            ("disabled", "", False, []), "ListRules")
    before = drops(relay)["not_matched"]
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=5000, count=300, size=100)
    t.wait_until(lambda: drops(relay)["not_matched"] == before + 300, 5, "no rule wants it")
    t.equal(counted(relay)[0], 500, "matched while it is disabled")

    relay.expect("control was killed by SIGKILL")
    os.kill(relay.children("control")[0], signal.SIGKILL)
    t.wait_until(lambda: rules_by_id(relay)["cam"]["state"] == "disabled", 10, "a new control")
    saved = next(one for one in json.loads(relay.rpc("GetConfig")["text"])["rules"]
                 if one["id"] == "cam")
    t.equal((saved["enabled"], saved["description"]),
            (False, "Straße 5, Kamera über dem Tor"), "in the configuration")

    t.equal(relay.rpc("EnableRule", {"rule": "cam"})["state"], "active", "enabled again")
    path_settled(t, relay, "cam")
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=5000, count=200, size=100)
    t.wait_until(lambda: counted(relay) == (700, {"239.2.2.1": (700, 700)}), 5, "it counts on")
    t.equal(sink.finish(700)["received"], 700, "delivered")
    t.conservation(relay)


@scenario("a configuration that differs in one output resets no other counter", topology="chain3")
def loaded(t):
    """Counters of the rule, and of the output that stays, go on."""
    relay = t.mcrd("relay")
    first = rule("239.1.1.1", 5000, output("239.2.2.1", 6000), output("239.2.2.2", 6000), id="cam")
    add(t, relay, first)
    path_settled(t, relay, "cam")
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=5000, count=400, size=100)
    t.wait_until(lambda: counted(relay)[0] == 400, 5, "the stream")
    second = dict(first, name="renamed", outputs=[output("239.2.2.3", 6000),
                                                  output("239.2.2.2", 6000, dscp=34)])
    answer = relay.rpc("LoadConfig", {"text": json.dumps({"rules": [second]}), "replace": True})
    t.equal(answer["replaced"], 1, "replaced")
    t.equal(counted(relay), (400, {"239.2.2.3": (0, 0), "239.2.2.2": (400, 400)}), "counters")
    path_settled(t, relay, "cam")
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=5000, count=100, size=100)
    t.wait_until(lambda: counted(relay) == (500, {"239.2.2.3": (100, 100),
                                                  "239.2.2.2": (500, 500)}), 5, "both count")
    t.conservation(relay)


REFUSED = (
    ("AddOutput", {}, BAD_PARAMS, "params.rule", "is missing"),
    ("AddOutput", {"rule": "", "output": {}}, BAD_PARAMS, "params.rule", "must not be empty"),
    ("AddOutput", {"rule": "cam"}, BAD_PARAMS, "params.output", "is missing"),
    ("AddOutput", {"rule": "cam", "output": 5}, BAD_PARAMS, "params.output", "must be an object"),
    ("AddOutput", {"rule": "cam", "output": {}, "x": 1}, BAD_PARAMS, "params.x", "unknown field"),
    ("AddOutput", {"rule": "none", "output": output("239.2.2.3", 6000)}, NOT_FOUND, "params.rule",
     "no rule has the id or name none"),
    ("AddOutput", {"rule": "cam", "output": output("239.2.2.3", 6000, ttl=256)}, BAD_PARAMS,
     "params.output.ttl", "must be an integer"),
    ("AddOutput", {"rule": "cam", "output": output("127.0.0.1", 6000)}, BAD_PARAMS,
     "params.output.group", "is an address of this host alone"),
    ("AddOutput", {"rule": "cam", "output": output("239.2.2.1", 6000)}, BAD_PARAMS,
     "params.output", "the same as outputs[0]"),
    ("AddOutput", {"rule": "cam", "output": output("239.1.1.1", 5000, "eth0")}, CONFLICT,
     "params.output", "relays in a circle"),
    ("SetOutput", {"rule": "cam", "output": output("239.2.2.3", 6000, ttl=9)}, NOT_FOUND,
     "params.output", "rule cam has no output 239.2.2.3:6000:eth1"),
    ("RemoveOutput", {"rule": "cam", "output": output("239.2.2.3", 6000)}, NOT_FOUND,
     "params.output", "rule cam has no output 239.2.2.3:6000:eth1"),
    ("RemoveOutput", {"rule": "cam", "output": output("239.2.2.1", 6000)}, CONFLICT,
     "params.output", "it is the only output of rule cam"),
    ("RenameRule", {"rule": "cam"}, BAD_PARAMS, "params.name", "is missing"),
    ("RenameRule", {"rule": "cam", "name": "taken"}, CONFLICT, "params.name", "is taken by rule"),
    ("RenameRule", {"rule": "cam", "name": "x" * 64}, BAD_PARAMS, "params.name", "bytes long"),
    ("EnableRule", {"rule": "none"}, NOT_FOUND, "params.rule", "no rule has the id or name none"),
    ("DisableRule", {"rule": "cam", "output": {}}, BAD_PARAMS, "params.output", "unknown field"),
    ("AddRule", rule("239.1.1.5", 1, output("239.2.2.5", 1), enabled="no"), BAD_PARAMS,
     "params.enabled", "must be true or false"),
    ("AddRule", rule("239.1.1.5", 1, output("239.2.2.5", 1), description="a\nb"), BAD_PARAMS,
     "params.description", "control characters"),
    ("AddRule", rule("239.1.1.5", 1, output("239.2.2.5", 1), description="x" * 128), BAD_PARAMS,
     "params.description", "bytes long"),
)


@scenario("a change that cannot be is refused, and changes nothing", topology="chain3")
def refusals(t):
    """Each refusal names the field; the rule is as before."""
    relay = t.mcrd("relay")
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000), id="cam"))
    add(t, relay, rule("239.1.1.2", 5000, output("239.2.2.2", 6000), id="b", name="taken"))
    before = relay.rpc("GetConfig")["text"]
    for method, params, code, field, reason in REFUSED:
        got = refused(t, relay, method, params)
        t.equal(got[:2], (code, field), f"{method} {params}: {got[2]}")
        t.true(reason in got[2], f"{method} {params}: {got[2]}")
    t.equal(relay.rpc("GetConfig")["text"], before, "the rules afterwards")


if __name__ == "__main__":
    main()
