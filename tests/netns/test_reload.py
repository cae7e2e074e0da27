#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""SIGHUP reads the configuration again; SIGTERM ends in order.

    gen ---- eth0  relay  eth1 ---- sink
"""

import contextlib
import json
import os
import re
import signal

import support  # pylint: disable=unused-import
from mcrlab import main, scenario

from support_rules import END_S, add, memberships, output, rule, rules_by_id

KEEP = rule("239.1.1.1", 5000, output("239.2.2.1", 6000), name="keep")
CHANGE = rule("239.1.1.2", 5000, output("239.2.2.2", 6000), name="change")
GO = rule("239.1.1.3", 5000, output("239.2.2.3", 6000), name="go")
COME = rule("239.1.1.4", 5000, output("239.2.2.4", 6000), name="come")


def lines(relay, *words):
    return [line for line in relay.log().splitlines() if all(word in line for word in words)]


def hang_up(t, relay, what):
    """SIGHUP, until the log says what became of it."""
    had = len(lines(relay, what))
    relay.send_signal(signal.SIGHUP)
    t.wait_until(lambda: len(lines(relay, what)) > had, 5, f"the log says: {what}")


def names(relay):
    return {one["name"] for one in relay.rpc("ListRules")["rules"]}


def descriptors(t, relay):
    """The supervisor's packet sockets and pages; an output has a socket that goes with its rule."""
    rows = t.run("relay", ["cat", "/proc/net/packet"]).stdout.splitlines()[1:]
    inputs = {f"socket:[{row.split()[8]}]" for row in rows}
    found = set()
    for fd in os.listdir(f"/proc/{relay.pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.add(os.readlink(f"/proc/{relay.pid}/fd/{fd}"))
    return {name for name in found if name in inputs or name.startswith("/memfd:mcr-worker")}


@scenario("SIGHUP keeps what has not changed", topology="chain3")
def unchanged(t):
    """Stream, counters, memberships of an unchanged rule go on; the rest follows the file."""
    relay = t.mcrd("relay", num_workers=2, config={"rules": [KEEP, CHANGE, GO]})
    sinks = {group: t.sink("sink", "eth0", group, 6000)
             for group in ("239.2.2.1", "239.2.2.2", "239.2.2.4", "239.2.2.9")}
    gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=20000, size=200)
    t.wait_until(lambda: sinks["239.2.2.1"].received() >= 1000, 5, "the stream flows")
    before = {one["name"]: one for one in relay.rpc("ListRules")["rules"]}
    held = descriptors(t, relay)
    changed = rule("239.1.1.2", 5000, output("239.2.2.9", 6000), name="change")
    relay.config_path.write_text(json.dumps({"rules": [KEEP, changed, COME]}))
    hang_up(t, relay, "1 added, 1 replaced, 1 unchanged, 1 removed")
    t.wait_until(lambda: all(one["in_sync"] for one in relay.rpc("ListWorkers")["workers"]), 5,
                 "in sync")
    t.equal(names(relay), {"keep", "change", "come"}, "rules")
    t.equal(memberships(t, "relay", "eth0"), {"239.1.1.1", "239.1.1.2", "239.1.1.4"}, "memberships")
    after = {one["name"]: one for one in relay.rpc("ListRules")["rules"]}
    t.equal(after["keep"]["rule_id"], before["keep"]["rule_id"], "id")
    t.true(after["keep"]["matched"] >= before["keep"]["matched"] >= 1000, "its counter goes on")
    t.equal(descriptors(t, relay), held, "packet sockets and pages of the supervisor")
    # The same file again: not even a publication.
    generation = relay.rpc("ListRules")["generation"]
    hang_up(t, relay, "0 added, 0 replaced, 3 unchanged, 0 removed")
    t.equal(relay.rpc("ListRules")["generation"], generation, "generation")
    for group, where, count in (("239.1.1.2", "239.2.2.9", 300), ("239.1.1.4", "239.2.2.4", 200)):
        t.gen("gen", "eth0", group, 5000, rate=5000, count=count, size=200)
        t.clean(sinks[where].finish(count), count, f"{group} goes to {where}")
    sent = gen.stop()["sent"]
    report = sinks["239.2.2.1"].finish(sent)
    t.clean(report, sent, "the unchanged rule's stream")
    t.clean(sinks["239.2.2.2"].finish(), 0, "the output that was replaced")
    t.equal(rules_by_id(relay)[before["keep"]["rule_id"]]["matched"], sent, "matched throughout")
    t.conservation(relay)
    t.note(f"longest gap {report['longest_gap_ms']:.1f} ms")


@scenario("SIGHUP changes how an interface is steered", topology="chain3")
def steering(t):
    """Its sockets are made anew: some datagrams are lost meanwhile, none arrives twice."""
    rules = {"rules": [KEEP]}
    relay = t.mcrd("relay", num_workers=2, config=rules)
    sink = t.sink("sink", "eth0", "239.2.2.1", 6000)
    gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=10000, size=200)
    for number, how in enumerate(("cpu", "rule") * 3, 1):
        had = sink.received()
        t.wait_until(lambda: sink.received() > had + 500, 5, "the stream flows")
        relay.config_path.write_text(json.dumps(rules | {"steering": {"eth0": how}}))
        had = len(lines(relay, "1 unchanged"))
        relay.send_signal(signal.SIGHUP)
        t.wait_until(lambda: len(lines(relay, "1 unchanged")) > had, 5, "reloaded")
        t.wait_until(lambda: all(one["in_sync"] for one in
                                 relay.rpc("ListWorkers")["workers"]), 2, "in sync")
    had = sink.received()
    t.wait_until(lambda: sink.received() > had + 500, 5, "the stream flows on")
    sent = gen.stop()["sent"]
    report = sink.finish(sent, deadline_s=1)
    t.equal((report["duplicated"], report["corrupt"], report["short"]), (0, 0, 0),
            "duplicated, corrupt, short")
    t.conservation(relay)
    t.note(f"{sent - report['unique']} datagrams lost in {number} changes of steering")


BAD = (
    ("a syntax error", '{ "rules": [\n  { "name": "keep" ]\n}\n', ":2:20: "),
    ("a wrong value", '{ "rules": [\n  { "input": { "interface": "eth0", "group": "239.1.1.1",\n'
                      '    "port": 70000 }, "outputs": [] } ] }\n', ":3:5: rules[0].input.port: must be"),
    ("an unknown field", '{\n  "colour": "blue"\n}\n', ":2:3: colour"),
    ("nothing", "", ":1:1: "),
)


@scenario("a bad configuration file at SIGHUP changes nothing", topology="chain3")
def bad_file(t):
    """The log says file, line and column; rules, stream and generation are as before."""
    relay = t.mcrd("relay", config={"rules": [KEEP, CHANGE]})
    sink = t.sink("sink", "eth0", "239.2.2.1", 6000)
    gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=10000, size=200)
    t.wait_until(lambda: sink.received() >= 500, 5, "the stream flows")
    generation, there = relay.rpc("ListRules")["generation"], names(relay)
    for what, text, where in BAD:
        relay.config_path.write_text(text)
        hang_up(t, relay, "was not loaded; nothing has changed")
        t.true(lines(relay, f"{relay.config_path}{where}"), f"{what}: the log says {where!r}, in "
               f"{lines(relay, 'mcr.json:')}")
    # One good rule and one that closes a circle: none of it.
    relay.config_path.write_text(json.dumps({"rules": [
        COME, rule("239.5.5.5", 5000, output("239.5.5.5", 5000, "eth0"))]}))
    hang_up(t, relay, "was not loaded; nothing has changed")
    relay.config_path.unlink()
    hang_up(t, relay, "No such file or directory")
    t.equal((relay.rpc("ListRules")["generation"], names(relay)), (generation, there),
            "generation, rules")
    relay.config_path.write_text(json.dumps({"rules": [KEEP]}))
    hang_up(t, relay, "0 added, 0 replaced, 1 unchanged, 1 removed")
    t.equal(names(relay), {"keep"}, "rules after a good file")
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent)


@scenario("SIGHUP without a configuration file is logged, and changes nothing", topology="chain3")
def no_config(t):
    """It is said, and nothing happens."""
    relay = t.mcrd("relay")
    add(t, relay, KEEP)
    hang_up(t, relay, "there is no --config to read again")
    t.equal(names(relay), {"keep"}, "rules")


@scenario("SIGHUP while control is away is carried out by the next control", topology="chain3")
def control_away(t):
    """The file is read by the control that comes next."""
    relay = t.mcrd("relay", config={"rules": [KEEP, GO]})
    relay.config_path.write_text(json.dumps({"rules": [KEEP, COME]}))
    [control] = relay.children("--role=control")
    os.kill(control, signal.SIGSTOP)
    relay.send_signal(signal.SIGHUP)
    t.wait_until(lambda: lines(relay, "SIGHUP: reading"), 5, "the supervisor has read it")
    relay.expect("control was killed by SIGKILL")
    os.kill(control, signal.SIGKILL)

    def there():
        try:
            return names(relay)
        except Exception:  # it is away
            return None
    t.wait_until(lambda: there() == {"keep", "come"}, 5, "the rules of the new file")


@scenario("SIGTERM under traffic, and a second one, end the daemon in order", topology="chain3")
def terminate(t):
    """It ends with status 0, in time, and leaves nothing behind."""
    for signals in (1, 2):
        relay = t.mcrd("relay", num_workers=2, config={"rules": [KEEP, CHANGE]})
        sink = t.sink("sink", "eth0", "239.2.2.1", 6000)
        gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=10000, size=200)
        t.wait_until(lambda s=sink: s.received() >= 500, 5, "the stream flows")
        children = relay.children()
        for _ in range(signals):
            relay.send_signal(signal.SIGTERM)
        status, log = relay.stop(deadline_s=END_S)
        t.equal(status, 0, "status")
        t.equal([pid for pid in children if os.path.exists(f"/proc/{pid}")], [], "processes")
        t.equal(list(relay.dir.glob("*.sock")), [], "sockets in the file system")
        t.equal(memberships(t, "relay", "eth0"), set(), "memberships")
        final = re.search(r"\[STATS:Egress FINAL\] total: sent=(\d+)", log)
        gen.stop()
        # A second signal ends all at once: control may not have come to its last lines.
        sent = int(final[1]) if final or signals == 1 else 0
        report = sink.finish(sent)
        if signals == 1:
            t.clean(report, sent, "everything that it says it sent")
        else:
            # The second signal ends a worker where it stands: its last sends are not counted.
            t.true(report["received"] >= sent, f"{report['received']} arrived, said to be {sent}")
            t.clean(report, report["received"], "all that arrived")


if __name__ == "__main__":
    main()
