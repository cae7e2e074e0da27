#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""As many rules and outputs as there may be: every command can save, load, list and show them.

    gen ---- eth0  relay  eth1 ---- sink         mcrctl ---- control.sock
"""

import json
import socket
from pathlib import Path

import support  # pylint: disable=unused-import
from mcrlab import main, scenario
from mcrlab.relay import RpcError
from mcrlab.slow import scaled

from support_rules import add, group_at, output, rule

CONTROL = "--role=control"
RULES_MAX, OUTPUTS = 16384, 4
MIB = 1 << 20
MEMORY_MAX = 400 * MIB  # of control while it parses, holds and shows all of it
TOO_LONG, CHANGED, REFUSED = -32004, -32002, -32602
PATIENT = 120  # seconds for a command over all rules, sanitizers included


def full_rule(n):
    return rule(group_at("239.1.0.0", n), 5000,
                *[output(group_at("239.128.0.0", n), 6000 + k) for k in range(OUTPUTS)],
                id=f"rule-{n}", name=f"the stream with the number {n}")


def full_text():
    """One rule a line, with all that a configuration may have beside rules."""
    lines = ",\n".join(json.dumps(full_rule(n)) for n in range(RULES_MAX))
    return f'{{"workers": 1, // as it runs\n"rules": [\n{lines}\n]}}\n'


def shape(one):
    """A rule without its state and counters."""
    return (one["id"], one["name"], tuple(sorted(one["input"].items())),
            tuple((out["interface"], out["group"], out["port"]) for out in one["outputs"]))


WANTED = [shape(full_rule(n)) for n in range(RULES_MAX)]


def peak(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        [line] = [line for line in file if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def sanitized(pid):
    with open(f"/proc/{pid}/maps", "rb") as file:
        return b"libasan" in file.read()


def loaded(t, relay):
    """The relay with all rules, by one command."""
    source = t.run_dir / "source.json"
    source.write_text(full_text())
    done = relay.ctl("--json", "config", "load", "--file", source, "--replace", deadline_s=PATIENT)
    answer = json.loads(done.stdout)
    t.equal((answer["added"], answer["replaced"], answer["unchanged"], answer["removed"]),
            (RULES_MAX, 0, 0, 0), "loaded")
    return source


def settled(t, relay):
    def in_sync():
        [one] = relay.rpc("ListWorkers", deadline_s=PATIENT)["workers"]
        return one["in_sync"] and one["rules"] == RULES_MAX
    t.wait_until(in_sync, PATIENT, "all rules in force")


def page_through(client, method, limit):
    """All rules of a method that gives them in pages, and how many pages there were."""
    rules, pages, params = [], 0, {"limit": limit}
    while True:
        answer = client.call(method, params)
        rules += answer["rules"]
        pages += 1
        if "next" not in answer:
            return rules, pages
        params = {"limit": limit, "cursor": answer["next"]}


@scenario("all rules and outputs: loaded, listed, counted, saved, started from", topology="chain3",
          deadline_s=400)
def round_trip(t):
    """Another daemon starts from what one has saved, and both show all of it."""
    relay = t.mcrd("relay")
    [control] = relay.children(CONTROL)
    source, saved = loaded(t, relay), t.run_dir / "saved.json"
    t.equal(relay.ctl("config", "check", "--file", source, deadline_s=PATIENT).returncode, 0,
            "check")
    settled(t, relay)

    listed = json.loads(relay.ctl("--json", "list", deadline_s=PATIENT).stdout)
    t.equal([shape(one) for one in listed["rules"]] == WANTED, True, "rules listed")
    t.equal("next" in listed, False, "a cursor is left")
    stats = json.loads(relay.ctl("--json", "stats", deadline_s=PATIENT).stdout)
    t.equal(len(stats["rules"]), RULES_MAX, "rules with statistics")
    t.equal(sum(len(one["outputs"]) for one in stats["rules"]), RULES_MAX * OUTPUTS, "outputs")
    t.equal(len(stats["workers"]), 1, "workers with statistics")
    for command, shown in (("list", ":eth1 "), ("stats", " eth1 ")):
        lines = relay.ctl(command, deadline_s=PATIENT).stdout.splitlines()
        t.equal(sum(shown in line for line in lines), RULES_MAX * OUTPUTS, f"lines of {command}")

    relay.ctl("config", "save", "--file", saved, deadline_s=PATIENT)
    t.equal(relay.ctl("config", "show", deadline_s=PATIENT).stdout == saved.read_text(), True,
            "shown and saved are the same")
    again = json.loads(relay.ctl("--json", "config", "load", "--file", saved, "--replace",
                                 deadline_s=PATIENT).stdout)
    t.equal((again["added"], again["replaced"], again["unchanged"], again["removed"]),
            (0, 0, RULES_MAX, 0), "loaded again")
    t.equal(relay.children(CONTROL), [control], "control")
    if not sanitized(control):
        t.note(f"control: at most {peak(control) / MIB:.0f} MiB; saved: "
               f"{saved.stat().st_size / MIB:.1f} MiB")
        t.between(peak(control), 1, MEMORY_MAX, "memory of control, in bytes")
    relay.stop()

    other = t.mcrd("relay", config=saved.read_text(), num_workers=None, ready_s=PATIENT)
    settled(t, other)
    with other.connect(deadline_s=PATIENT) as client:
        rules, pages = page_through(client, "ListRules", 1000)
    t.equal([shape(one) for one in rules] == WANTED, True, "rules of the other")
    t.true(pages >= RULES_MAX // 1000, f"only {pages} pages")
    sink = t.sink("sink", "eth0", group_at("239.128.0.0", RULES_MAX - 1), 6000 + OUTPUTS - 1)
    t.gen("gen", "eth0", group_at("239.1.0.0", RULES_MAX - 1), 5000, rate=2000, count=200, size=200)
    t.clean(sink.finish(200), 200)


@scenario("a mistake in the last of 16,384 rules is named, and nothing is applied",
          topology="chain3", deadline_s=200)
def mistake(t):
    """The refusal has the line of the file, and nothing of it was applied."""
    relay = t.mcrd("relay")
    kept = add(t, relay, rule("239.77.0.1", 5000, output("239.77.0.2", 6000)))["rule_id"]
    lines = full_text().splitlines()
    lines[-2] = lines[-2].replace('"port": 6003', '"port": 66003')
    source = t.run_dir / "wrong.json"
    source.write_text("\n".join(lines))
    for command in (("load", "--file", source, "--replace"), ("check", "--file", source)):
        done = relay.ctl("config", *command, check=False, deadline_s=PATIENT)
        t.equal(done.returncode, 1, f"status of {command[0]}")
        place = f"{source}:{len(lines) - 1}:"
        t.true(done.stderr.startswith(place), f"{place} in: {done.stderr}")
        t.true(f"rules[{RULES_MAX - 1}].outputs[3].port" in done.stderr, done.stderr)
    t.equal([one["rule_id"] for one in relay.rpc("ListRules")["rules"]], [kept], "rules")


@scenario("an answer comes in pages, a page of another state of the rules is refused",
          topology="chain3", deadline_s=200)
def pages(t):
    """A page of another state of the rules is refused; the whole in one answer too, with advice."""
    relay = t.mcrd("relay")
    loaded(t, relay)
    settled(t, relay)
    with relay.connect(deadline_s=PATIENT) as client:
        for method in ("ListRules", "GetStats", "GetConfig"):
            try:
                client.call(method)
                t.true(method == "GetConfig", f"{method}: all in one answer")
            except RpcError as error:
                t.equal(error.code, TOO_LONG, method)
                t.true('"limit"' in error.message and '"cursor"' in error.message, error.message)
        first = client.call("ListRules", {"limit": 3})
        t.equal([one["id"] for one in first["rules"]], ["rule-0", "rule-1", "rule-2"], "page")
        second = client.call("ListRules", {"limit": 2, "cursor": first["next"]})
        t.equal([one["id"] for one in second["rules"]], ["rule-3", "rule-4"], "next page")
        client.call("RemoveRule", {"rule_id": "rule-9000"})
        for method in ("ListRules", "GetStats", "GetConfig"):
            try:
                client.call(method, {"cursor": first["next"]})
                t.true(False, f"{method}: a page of what was before")
            except RpcError as error:
                t.equal((error.code, error.data["field"]), (CHANGED, "params.cursor"), method)
        for cursor in ("", "1", "1.", "-1.2", " 1.2", "1.2 ", "0.0", "1.99999999999"):
            try:
                client.call("ListRules", {"cursor": cursor})
                t.true(False, f"cursor {cursor!r}")
            except RpcError as error:
                t.equal((error.code, error.data["field"]), (REFUSED, "params.cursor"), cursor)
        rules, _ = page_through(client, "GetStats", RULES_MAX)
        t.equal(len(rules), RULES_MAX - 1, "rules with statistics")


@scenario("slow readers of long answers get all of them", topology="chain3", deadline_s=200)
def slow_reader(t):
    """A client that takes a few bytes at a time gets all its answers; others do not wait."""
    relay = t.mcrd("relay")
    loaded(t, relay)
    settled(t, relay)
    [control] = relay.children(CONTROL)
    asked = 12
    slow = relay.connect(deadline_s=PATIENT)
    slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for n in range(asked):
        method = "GetStats" if n % 2 else "ListRules"
        slow.raw(json.dumps({"jsonrpc": "2.0", "id": n, "method": method,
                             "params": {"limit": 1000}}) + "\n")
    data, other_done = b"", 0
    with relay.connect(deadline_s=PATIENT) as other:
        while data.count(b"\n") < asked:
            data += slow.socket.recv(16384)
            if len(data) // MIB > other_done:
                other.call("Ping")
                other_done += 1
    answers = [json.loads(line) for line in data.splitlines()]
    t.equal([one.get("id") for one in answers], list(range(asked)), "answers")
    t.equal([one["result"]["rules"][0].get("rule_id") for one in answers], ["rule-0"] * asked,
            "first rules")
    slow.close()
    t.equal(relay.children(CONTROL), [control], "control")


@scenario("clients that never read long answers cost bounded memory", topology="chain3", deadline_s=200)
def never_read(t):
    """All places taken by clients that ask for everything and read nothing: bounded memory."""
    relay = t.mcrd("relay")
    loaded(t, relay)
    settled(t, relay)
    [control] = relay.children(CONTROL)
    before = peak(control)
    silent = []
    try:
        for _ in range(60):
            one = relay.connect(deadline_s=PATIENT)
            silent.append(one)
            for n in range(20):
                one.raw(json.dumps({"jsonrpc": "2.0", "id": n, "method": "ListRules",
                                    "params": {"limit": RULES_MAX}}) + "\n")
        t.equal(relay.rpc("Ping", deadline_s=PATIENT)["pong"], True, "another client")
        listed = json.loads(relay.ctl("--json", "list", deadline_s=PATIENT).stdout)
        t.equal(len(listed["rules"]), RULES_MAX, "rules listed meanwhile")
    finally:
        for one in silent:
            one.close()
    t.equal(relay.children(CONTROL), [control], "control")
    if not sanitized(control):
        t.note(f"{(peak(control) - before) / MIB:.0f} MiB more than before")
        t.between(peak(control), 1, MEMORY_MAX, "memory of control, in bytes")


@scenario("a configuration comes in pieces, which must follow one another", topology="chain3")
def upload(t):
    """Pieces must follow one another, belong to their connection, and are used up."""
    relay = t.mcrd("relay")
    text = json.dumps({"rules": [full_rule(0)]})
    half = len(text) // 2

    def refused(client, method, params, code, field):
        try:
            client.call(method, params)
            t.true(False, f"{method} {params}: done")
        except RpcError as error:
            t.equal((error.code, error.data["field"]), (code, field), f"{method} {params}")

    with relay.connect() as client, relay.connect() as other:
        refused(client, "LoadConfig", {"uploaded": True}, REFUSED, "params.uploaded")
        refused(client, "LoadConfig", {"uploaded": True, "text": "{}"}, REFUSED, "params.text")
        t.equal(client.call("UploadConfig", {"text": text[:half], "offset": 0}), {"bytes": half},
                "first piece")
        refused(client, "UploadConfig", {"text": text[half:], "offset": half - 1}, REFUSED,
                "params.offset")
        refused(other, "LoadConfig", {"uploaded": True}, REFUSED, "params.uploaded")
        t.equal(client.call("UploadConfig", {"text": text[half:], "offset": half}),
                {"bytes": len(text)}, "second piece")
        t.equal(client.call("CheckConfig", {"uploaded": True})["rules"], 1, "checked")
        refused(client, "LoadConfig", {"uploaded": True}, REFUSED, "params.uploaded")
        client.call("UploadConfig", {"text": text, "offset": 0})
        t.equal(client.call("LoadConfig", {"uploaded": True})["added"], 1, "added")
    # All clients together have the room of one configuration; it is free when its client goes.
    piece = " " * (MIB - 1024)
    with relay.connect() as first, relay.connect() as second:
        for n in range(32):
            first.call("UploadConfig", {"text": piece, "offset": n * len(piece)})
        refused(first, "UploadConfig", {"text": piece, "offset": 32 * len(piece)}, TOO_LONG,
                "params.text")
        refused(second, "UploadConfig", {"text": piece, "offset": 0}, TOO_LONG, "params.text")
        first.close()

        def has_room():
            try:
                return second.call("UploadConfig", {"text": piece, "offset": 0})
            except RpcError:
                return False
        t.wait_until(has_room, 5, "room")
    status = Path(str(relay.socket_path).replace("control.sock", "status.sock"))
    t.true(status.exists(), f"{status}")


if __name__ == "__main__":
    main()
