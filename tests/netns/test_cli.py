#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""mcrctl and the log lines as people and scripts use them: commands, tables, exit statuses.

    gen ---- eth0  relay  eth1 ---- sink         mcrctl ---- control.sock
"""

import json
import re
import socket
import sys
import threading

import support  # pylint: disable=unused-import
from mcrlab import RpcError, main, paths, scenario

from support_rules import add, output, rule

OK, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3
CONFLICT = -32002
N = r"(\d+)"
STATS = re.compile(rf"^\[STATS\] t_ms={N} rx={N} tx={N} matched={N} not_matched={N} rx_err={N} "
                   rf"tx_err={N} buf_exhaust={N}$", re.M)
FINAL_INGRESS = re.compile(rf"^\[STATS:Ingress FINAL\] total: recv={N} matched={N} egr_sent={N} "
                           rf"filtered={N} no_match={N} buf_exhaust={N}$", re.M)
FINAL_EGRESS = re.compile(rf"^\[STATS:Egress FINAL\] total: sent={N} submitted={N} ch_recv={N} "
                          rf"errors={N} bytes={N}$", re.M)


def table(text):
    """The rows of a table, without the heading and who relays, as lists of words."""
    return [line.split() for line in text.splitlines()[1:]
            if line.strip() and "relayed in the kernel" not in line]


@scenario("add, list and remove from the command line", topology="chain3")
def add_list_remove(t):
    """The command lines that scripts for existing deployments use, to the letter."""
    relay = t.mcrd("relay")
    relay.ctl("add", "--input-interface", "eth0", "--input-group", "239.1.1.1", "--input-port",
              "5000", "--outputs", "239.2.2.2:6000:eth1")
    relay.ctl("add", "--input-interface", "eth0", "--input-group", "239.1.1.2", "--input-port",
              "5000", "--outputs", "239.2.2.2:6001:eth1,10.90.1.2:6002:eth1", "--input-source",
              "10.10.1.100", "--rule-id", "rule-2", "--name", "camera")
    sinks = [t.sink("sink", "eth0", "239.2.2.2", 6000), t.sink("sink", "eth0", "239.2.2.2", 6001),
             t.sink("sink", "eth0", "10.90.1.2", 6002)]
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=2000, count=100, size=100)
    t.gen("gen", "eth0", "239.1.1.2", 5000, rate=2000, count=200, size=100, first_flow=1)
    for sink, count in zip(sinks, (100, 200, 200)):
        t.clean(sink.finish(count), count, sink.name)

    listed = relay.ctl("list").stdout
    t.equal(relay.ctl("list-rules").stdout, listed, "list-rules and list")
    rows = table(listed)
    t.equal(rows[0][1:], ["active"], "first rule")
    t.equal(rows[1:], [
        ["in", "239.1.1.1:5000", "eth0", "100"],
        ["out", "239.2.2.2:6000:eth1", "1", "(default)", "active", "100"],
        ["rule-2", "camera", "active"],
        ["in", "239.1.1.2:5000", "eth0", "200"],
        ["from", "source", "10.10.1.100"],
        ["out", "239.2.2.2:6001:eth1", "1", "(default)", "active", "200"],
        ["out", "10.90.1.2:6002:eth1", "64", "(default)", "active", "200"],
        ["2", "rules,", "3", "outputs:", "matched", "300,", "sent", "500,", "not", "sent", "0"]], "the rest")
    t.true(all(len(line) < 80 for line in listed.splitlines()), f"80 columns: {listed}")

    relay.ctl("add", "--input-interface", "eth0", "--input-group", "239.1.1.2", "--input-port",
              "5000", "--outputs", "239.2.2.9:6009:eth1", "--input-source", "10.10.1.100",
              "--rule-id", "rule-2", "--name", "camera", "--replace")
    t.true("239.2.2.9:6009" in relay.ctl("list").stdout, "replaced")
    relay.ctl("remove", "--name", "camera")
    relay.ctl("remove", "--rule-id", rows[0][0])
    t.equal(relay.rpc("ListRules")["rules"], [], "rules after both were removed")
    t.equal(relay.ctl("list").stdout, "no rules\n", "the empty list")


@scenario("a rule that differs is refused with the way to replace it", topology="chain3")
def refused_without_replace(t):
    """The error names replace and --replace where that would do, and only there."""
    relay = t.mcrd("relay")
    camera = rule("239.1.1.1", 5000, output("239.2.2.2", 6000), id="cam", name="camera")
    add(t, relay, camera)
    where = ("--input-interface", "eth0", "--input-group", "239.1.1.1", "--input-port", "5000",
             "--outputs", "239.2.2.9:6009:eth1")
    way = '; "replace" (mcrctl: --replace) puts the new rule in its place'
    done = relay.ctl("add", *where, check=False)
    t.equal((done.returncode, done.stdout, done.stderr),
            (REFUSED, "", "mcrctl: input: is taken by rule cam, which has other outputs or "
             f"settings{way}\n"), "other outputs")
    for what, one, field, replaceable in (
            ("another id", dict(camera, id="other"), "input", True),
            ("another input", rule("239.1.1.2", 5000, output("239.2.2.2", 6000), id="cam"), "id",
             True),
            ("another name", dict(camera, name="mine"), "name", True),
            ("a name that is taken", rule("239.1.1.2", 5000, output("239.2.2.2", 6000),
                                          name="camera"), "name", False)):
        error = t.raises(RpcError, relay.rpc, "AddRule", one)
        t.equal((error.code, error.data["field"], error.data["reason"].endswith(way)),
                (CONFLICT, f"params.{field}", replaceable), f"{what}: {error}")
    error = t.raises(RpcError, relay.rpc, "LoadConfig",
                     {"text": json.dumps({"rules": [dict(camera, name="mine")]})})
    t.equal((error.data["field"], error.data["reason"].split("; ")[1:]),
            ("rules[0].name", ['"replace" (mcrctl: --replace) makes the rules exactly those of the '
                               'configuration']), "a configuration with a rule that differs")
    relay.ctl("add", *where, "--replace")
    t.true("239.2.2.9:6009" in relay.ctl("list").stdout, "replaced")


@scenario("--json prints the result as it came over the socket", topology="chain3")
def as_json(t):
    """--json prints one line, the result as it came over the socket."""
    relay = t.mcrd("relay", num_workers=2)
    added = json.loads(relay.ctl("--json", "add", "--input-interface", "eth0", "--input-group",
                                 "239.1.1.1", "--input-port", "5000", "--outputs",
                                 "239.2.2.2:6000:eth1", "--name", "camera").stdout)
    t.equal((added["result"], added["state"], added["workers"], added["applied"]),
            ("added", "active", 2, 2), "add")
    for command, method in (("list", "ListRules"), ("list-rules", "ListRules")):
        done = relay.ctl("--json", command)
        t.equal(done.stdout.count("\n"), 1, f"{command}: lines")
        t.equal(json.loads(done.stdout), relay.rpc(method), command)
    t.equal(set(json.loads(relay.ctl("stats", "--json").stdout)), set(relay.rpc("GetStats")),
            "stats, with --json behind the command")
    workers = json.loads(relay.ctl("--json", "list-workers").stdout)["workers"]
    t.equal([(one["worker"], one["pid"], one["state"], one["in_sync"]) for one in workers],
            [(n, pid, "running", True) for n, pid in enumerate(relay.children("--role=worker"))],
            "list-workers")
    t.equal(json.loads(relay.ctl("--json", "ping").stdout)["pong"], True, "ping")
    t.equal(json.loads(relay.ctl("--json", "version").stdout)["protocol"], "1", "version")
    removed = json.loads(relay.ctl("--json", "remove", "--name", "camera").stdout)
    t.equal(removed["rule_id"], added["rule_id"], "remove")


@scenario("tables show the numbers of the JSON answers", topology="chain3")
def tables(t):
    """The tables have the numbers of the JSON answers."""
    relay = t.mcrd("relay", num_workers=2)
    rule_id = add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.2", 6000)))["rule_id"]
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=2000, count=123, size=100)
    t.gen("gen", "eth0", "239.9.9.9", 5000, rate=2000, count=45, size=100)
    t.clean(sink.finish(123), 123)
    t.conservation(relay)
    lines = relay.ctl("stats").stdout.splitlines()
    words = [line.split() for line in lines]
    t.true(["received", "168"] in words, "received 168 in: " + "\n".join(lines))
    t.true(["matched", "123"] in words, "matched 123")
    t.true(["not_matched", "45"] in [one[:2] for one in words], "not_matched 45")
    t.true(any(one[:2] == [rule_id, "123"] for one in words), "the rule's row")
    rows = table(relay.ctl("list-workers").stdout)
    t.equal([row[:1] + row[1:2] for row in rows],
            [[str(n), str(pid)] for n, pid in enumerate(relay.children("--role=worker"))],
            "worker and pid")
    t.true(relay.ctl("ping").stdout.startswith("mcrd answers"), "ping")
    t.true(relay.ctl("version").stdout.startswith("mcrctl "), "version")


def after(lines, *words):
    """The words of the one line that has these next to each other, from behind them on."""
    rows = [line.split() for line in lines]
    found = [row[at + len(words):] for row in rows for at in range(len(row))
             if row[at:at + len(words)] == list(words)]
    [one] = found
    return one


@scenario("every number stands in its own column", topology="chain3")
def columns(t):
    """Two outputs that work and one that is down: no two numbers of a row are equal."""
    relay = t.mcrd("relay")
    t.run("relay", ["ip", "link", "add", "down0", "type", "veth", "peer", "name", "down1"])
    relay.rpc("AddRule", rule("239.1.1.1", 5000, output("239.2.2.2", 6000), output("239.2.2.3", 6000),
                              output("239.2.2.4", 6000, interface="down0"), name="camera"))
    sink = t.sink("sink", "eth0", ["239.2.2.2", "239.2.2.3"], 6000)
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=2000, count=123, size=100)
    t.clean(sink.finish(246), 246)
    t.conservation(relay)
    lines = relay.ctl("stats").stdout.splitlines()
    t.equal(after(lines, "239.2.2.4:6000", "down0")[:3], ["123", "0", "0"], "copies, sent, bytes")
    t.equal(after(lines, "239.2.2.3:6000", "eth1")[:3], ["123", "123", "12300"],
            "copies, sent, bytes")
    totals = [line.split() for line in lines if line.startswith("  bytes")]
    t.equal(totals, [["bytes", "12300"], ["bytes", "24600"]], "bytes received and sent")
    t.equal(after(lines, "copies", "to", "send"), ["369"], "copies to send")
    t.true(["sent", "246"] in [line.split() for line in lines], "sent")
    rows = table(relay.ctl("list").stdout)
    at = [row[:2] for row in rows].index(["out", "239.2.2.4:6000:down0"])
    t.equal(rows[at:at + 3],
            [["out", "239.2.2.4:6000:down0", "1", "(default)", "paused", "0"],
             ["down0", "is", "down"], ["not", "sent:", "no_interface", "123"]],
            "state, sent, reason and send drops")


@scenario("one thing of a rule is changed from the command line", topology="chain3")
def one_change(t):
    """Outputs are listed as they are added, so what was listed can be removed or changed."""
    relay = t.mcrd("relay")
    where = ("--input-interface", "eth0", "--input-group", "239.1.1.1", "--input-port", "5000")
    relay.ctl("add", *where, "--outputs", "239.2.2.2:6000:eth1", "--rule-id", "cam", "--name",
              "camera 1", "--limit-bps", "10M", "--limit-pps", "20k", "--description", "for a test")
    [one] = relay.rpc("ListRules")["rules"]
    t.equal((one["rate_limit"], one["description"]),
            ({"pps": 20000, "bps": 10000000}, "for a test"), "the rule")
    text = "10.90.1.2:6000:eth1:ttl=8:source=10.90.1.1:sport=4000:dscp=34"
    done = relay.ctl("output", "add", "cam", text)
    t.true(done.stdout.startswith("rule cam changed, active\ngeneration "), done.stdout)
    t.true(f"  out  {text}\n" in relay.ctl("list").stdout, "listed as it was added")
    relay.ctl("output", "set", "camera 1", "10.90.1.2:6000:eth1:ttl=decrement")
    t.true("  out  10.90.1.2:6000:eth1:ttl=decrement\n" in relay.ctl("list").stdout, "set")
    relay.ctl("output", "remove", "cam", "10.90.1.2:6000:eth1")
    t.equal(len(relay.rpc("ListRules")["rules"][0]["outputs"]), 1, "outputs")
    t.equal(relay.ctl("disable", "cam").stdout.splitlines()[0], "rule cam changed, disabled", "disable")
    t.equal(relay.ctl("enable", "cam").stdout.splitlines()[0], "rule cam changed, active", "enable")
    relay.ctl("rename", "cam", "camera 2")
    done = relay.ctl("output", "remove", "cam", "239.2.2.9:1:eth1", check=False)
    t.equal((done.returncode, done.stderr),
            (REFUSED, "mcrctl: output: rule cam has no output 239.2.2.9:1:eth1\n"), "no such output")
    t.equal(relay.ctl("remove", "camera 2").stdout.splitlines()[0], "rule cam removed", "remove")
    done = relay.ctl("remove", "camera 2", check=False)
    t.equal((done.returncode, done.stderr),
            (REFUSED, 'mcrctl: name: there is no rule named "camera 2"\n'), "twice")


@scenario("rules are selected and sorted", topology="chain3")
def selected(t):
    """By state, interface and group, in the list and the statistics, also with --json."""
    relay = t.mcrd("relay")
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000), id="a", name="zebra"))
    add(t, relay, rule("239.1.1.2", 5000, output("239.2.2.2", 6000), id="b", name="ape"))
    relay.rpc("AddRule", rule("239.1.1.3", 5000, output("239.2.2.3", 6000, "nosuch0"), id="c"))
    relay.rpc("DisableRule", {"rule": "a"})
    t.gen("gen", "eth0", "239.1.1.2", 5000, rate=2000, count=100, size=100)
    t.wait_until(lambda: relay.stats()["totals"]["sent"] == 100, 5, "sent")
    t.wait_until(lambda: relay.stats()["rules"][1]["last_at"], 10, "a look at it")
    for options, ids in (((), "abc"), (("--state", "disabled"), "a"), (("--state", "active"), "ab"),
                         (("--state", "unresolved"), "c"), (("--interface", "nosuch0"), "c"),
                         (("--interface", "eth0"), "abc"), (("--group", "239.1.1.2"), "b"),
                         (("--group", "239.2.2.1"), "a"), (("--rule", "ape"), "b"),
                         (("--interface", "eth1", "--group", "239.2.2.3"), ""),
                         (("--sort", "name"), "cba"), (("--sort", "matched"), "bac"),
                         (("--sort", "state"), "bac")):
        listed = json.loads(relay.ctl("--json", "list", *options).stdout)
        t.equal("".join(one["rule_id"] for one in listed["rules"]), ids, f"list {options}")
        rows = [line for line in relay.ctl("list", *options).stdout.splitlines()[1:]
                if re.match("[abc]( |$)", line)]
        t.equal("".join(row[0] for row in rows), ids, f"the table of list {options}")
    for options, ids in ((("--sort", "last"), "acb"), (("--rule", "ape"), "b"),
                         (("--group", "239.2.2.2"), "b")):
        stats = json.loads(relay.ctl("--json", "stats", *options).stdout)
        t.equal("".join(one["rule_id"] for one in stats["rules"]), ids, f"stats {options}")
    text = relay.ctl("stats", "--rule", "b").stdout
    t.true(text.startswith("RULE ") and len(text.splitlines()) == 2, f"one rule: {text}")
    for command, word in ((("list", "--sort", "nmae"), "did you mean 'name'?"),
                          (("list", "--stat", "up"), "did you mean '--state'?"),
                          (("sats",), "did you mean 'stats'?"),
                          (("stats", "--sort", "colour"), "is none of id, name")):
        done = relay.ctl(*command, check=False)
        t.equal((done.returncode, word in done.stderr), (USAGE, True), f"{command}: {done.stderr}")


@scenario("tables fit the terminal, or say what they leave out", topology="chain3")
def widths(t):
    """COLUMNS is the width; without it and without a terminal nothing is left out."""
    relay = t.mcrd("relay", num_workers=2)
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000), id="cam", name="camera-1"))
    for command in ("stats", "list-workers", "list"):
        for columns in ("80", "1"):
            argv = [paths.program("mcrctl"), "--socket-path", str(relay.socket_path), command]
            text = t.run(None, ["env", f"COLUMNS={columns}", *argv]).stdout
            long = [line for line in text.splitlines()
                    if len(line) >= 80 and not line.endswith(": --wide shows them")]
            t.equal(long, [], f"lines of {command} with COLUMNS={columns}")
            wide = t.run(None, ["env", f"COLUMNS={columns}", *argv, "--wide"], check=False)
            if command != "list":
                t.equal(wide.stdout.count("shows them"), 0, f"{command} --wide")
                t.true("no room for " in text, f"{command}: what is left out")
    t.true("DROPS" in relay.ctl("stats").stdout, "into a pipe")


def completed(t, *words):
    """What bash offers behind these words, as a list."""
    script = ('source <("$0" completion bash); COMP_WORDS=(mcrctl "$@"); '
              'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _mcrctl; echo "${COMPREPLY[@]}"')
    return t.run(None, ["bash", "-c", script, str(paths.program("mcrctl")), *words]).stdout.split()


@scenario("bash completes every command and option", topology="chain3")
def completion(t):
    """Completion offers the words of the help, and none behind an option with a value."""
    mcrctl = str(paths.program("mcrctl"))
    text = t.run(None, [mcrctl, "help"]).stdout
    commands = [re.match(r"  (\S+(?: \S+)?)  ", line)[1] for line in text.splitlines()
                if re.match(r"  [a-z]", line) and "help COMMAND" not in line]
    t.true(len(commands) > 15, f"commands: {commands}")
    first = {words.split()[0] for words in commands}
    t.equal({word for word in completed(t, "") if not word.startswith("-")}, first | {"help"}, "first")
    for words in commands:
        head, _, second = words.partition(" ")
        if second:
            t.true(second in completed(t, head, ""), f"{second} behind {head}")
        options = set(re.findall(r"^  (--[a-z-]+)", t.run(None, [mcrctl, "help", *words.split()]).stdout,
                                 re.M))
        t.equal(set(completed(t, *words.split(), "--")), options | {"--json", "--socket-path", "--help"},
                f"options of {words}")
    t.equal(completed(t, "--json", "config", "load", "--re"), ["--replace"], "behind --json")
    t.equal(completed(t, "config", "load", "--file", ""), [], "a value")
    t.run(None, ["bash", "-n", "-c", t.run(None, [mcrctl, "completion", "zsh"]).stdout.replace(
        "#compdef mcrctl", "")])
    t.equal(t.run(None, [mcrctl, "completion", "fish"], check=False).returncode, USAGE, "another shell")


@scenario("errors are JSON with --json", topology="chain3")
def json_errors(t):
    """One line on standard error, whatever is wrong; the exit status is the same."""
    relay = t.mcrd("relay")
    done = relay.ctl("--json", "remove", "--rule-id", "nobody", check=False)
    t.equal((done.returncode, done.stdout, json.loads(done.stderr)),
            (REFUSED, "", {"error": {"code": -32001, "field": "rule_id",
                                     "reason": "there is no rule nobody"}}), "refused")
    for args, status in ((("list", "--json", "--colour"), USAGE), (("--json", "lsit"), USAGE),
                         (("--json", "--socket-path", t.run_dir / "none", "ping"), UNREACHABLE)):
        done = relay.ctl(*args, check=False)
        t.equal((done.returncode, done.stdout, done.stderr.count("\n")), (status, "", 1), f"{args}")
        t.true(json.loads(done.stderr)["error"]["message"], f"{args}: {done.stderr}")


@scenario("warnings of mcrd are printed", topology="chain3")
def warnings(t):
    """On standard error, one line each; the change is made, and --json has them in the result."""
    relay = t.mcrd("relay")
    command = ("add", "--input-interface", "eth0", "--input-group", "239.1.1.1", "--input-port",
               "5000", "--outputs", "239.2.2.2:6000:eth1,239.2.2.3:6000:nosuch0", "--name", "one")
    done = relay.ctl(*command)
    t.equal(done.stderr, "mcrctl: warning: output interface nosuch0 does not exist\n", "add")
    relay.ctl("remove", "--name", "one")
    answer = json.loads(relay.ctl("--json", *command).stdout)
    t.equal(answer["warnings"], ["output interface nosuch0 does not exist"], "in the result")
    saved = t.run_dir / "saved.json"
    relay.ctl("config", "save", "--file", saved)
    t.equal(relay.ctl("config", "load", "--file", saved, "--replace").stderr,
            f"mcrctl: warning: rule {answer['rule_id']} (one): output interface nosuch0 does not "
            "exist\n", "config load")


@scenario("--outputs given twice is one list of outputs", topology="chain3")
def repeated_outputs(t):
    """--outputs A --outputs B is --outputs A,B; any other option given twice is an error."""
    relay = t.mcrd("relay")
    where = ("--input-interface", "eth0", "--input-group", "239.1.1.1", "--input-port", "5000")
    relay.ctl("add", *where, "--outputs", "239.2.2.2:6000:eth1", "--outputs=239.2.2.3:6000:eth1",
              "--outputs", "239.2.2.4:6000:eth1,239.2.2.5:6000:eth1")
    [one] = relay.rpc("ListRules")["rules"]
    t.equal([out["group"] for out in one["outputs"]],
            ["239.2.2.2", "239.2.2.3", "239.2.2.4", "239.2.2.5"], "outputs")
    done = relay.ctl("add", *where, "--outputs", "239.2.2.2:6000:eth1", "--outputs", "239.2.2.3",
                     check=False)
    t.equal(done.returncode, USAGE, "a slip in the second one")
    t.true('"239.2.2.3"' in done.stderr, done.stderr)
    done = relay.ctl("add", *where, "--outputs", "239.2.2.2:6000:eth1", "--input-port", "5001",
                     check=False)
    t.equal((done.returncode, "--input-port: is given twice" in done.stderr), (USAGE, True),
            f"another option: {done.stderr}")


@scenario("--file - reads a configuration from standard input", topology="chain3")
def standard_input(t):
    """`--file -` checks and loads it; a mistake names standard input and its line."""
    relay = t.mcrd("relay")
    text = json.dumps({"rules": [rule("239.1.1.1", 5000, output("239.2.2.2", 6000))]}, indent=1)
    done = relay.ctl("config", "check", "--file", "-", input=text)
    t.equal(done.stdout, "standard input: valid, 1 rule\n", "check")
    done = relay.ctl("config", "load", "--file", "-", input=text)
    t.true(done.stdout.startswith("standard input loaded: 1 rules added"), done.stdout)
    t.equal(len(relay.rpc("ListRules")["rules"]), 1, "rules")
    wrong = text.replace("6000", "66000")
    number = [at for at, line in enumerate(wrong.splitlines(), 1) if "66000" in line][0]
    for command in ("check", "load"):
        done = relay.ctl("config", command, "--file", "-", input=wrong, check=False)
        t.equal(done.returncode, REFUSED, f"{command}: status")
        t.true(done.stderr.startswith(f"standard input:{number}:"), f"{command}: {done.stderr}")


class Impostor:
    """Listens on a path and answers each connection with `answer`, or not at all."""

    def __init__(self, path, answer):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.answer = answer
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        one, _ = self.listener.accept()
        with one:
            one.recv(65536)
            one.sendall(self.answer)

    def close(self):
        self.thread.join()
        self.listener.close()


@scenario("an answer that is not mcrd's ends with status 3", topology="chain3")
def impostors(t):
    """No answer, half of one, or something else is status 3, not a refusal."""
    for n, (name, answer) in enumerate((
            ("nothing", b""), ("half an answer", b'{"jsonrpc":"2.0"'), ("no JSON", b"hello\n"),
            ("another id", b'{"jsonrpc":"2.0","id":77,"result":{"version":"1"}}\n'),
            ("another version", b'{"jsonrpc":"2.0","id":0,"result":{"version":"9"}}\n'),
            ("no object", b'[]\n'))):
        path = t.run_dir / f"impostor-{n}.sock"
        impostor = Impostor(path, answer)
        done = t.run(None, [paths.program("mcrctl"), "--socket-path", path, "ping"], check=False)
        impostor.close()
        t.equal((done.returncode, done.stdout), (UNREACHABLE, ""), name)
        t.true(done.stderr.startswith(f"mcrctl: mcrd at {path} "), f"{name}: {done.stderr}")


@scenario("exit statuses tell done, refused, wrong usage and unreachable apart", topology="chain3")
def exit_statuses(t):
    """0 done, 1 refused, 2 bad arguments, 3 unreachable; each with one clear line on stderr."""
    relay = t.mcrd("relay")

    def ctl(*args, **options):
        return relay.ctl(*args, check=False, **options)

    done = ctl("remove", "--rule-id", "nobody")
    t.equal((done.returncode, done.stdout, done.stderr),
            (REFUSED, "", "mcrctl: rule_id: there is no rule nobody\n"), "unknown rule")
    done = ctl("add", "--input-interface", "eth0", "--input-group", "239.1.1.1", "--input-port",
               "5000", "--outputs", "239.1.1.1:5000:eth0")
    t.equal((done.returncode, done.stdout), (REFUSED, ""), "a loop")
    t.true(re.match(r"mcrctl: \S*outputs\[0\]: .+\n$", done.stderr), f"a loop: {done.stderr!r}")
    for args in ([], ["make-coffee"], ["config"], ["config", "shw"], ["add"], ["remove"],
                 ["list", "--colour"], ["list", "all"], ["--colour", "list"], ["add", "--replace=1"],
                 ["remove", "--rule-id", "a", "--name", "b"], ["remove", "--rule-id"],
                 ["add", "--input-interface", "eth0", "--input-group", "239.1.1.1", "--input-port",
                  "5000", "--outputs", "239.2.2.2:6000"],
                 ["add", "--input-interface", "eth0", "--input-group", "239.1.1.1", "--input-port",
                  "many", "--outputs", "239.2.2.2:6000:eth1"]):
        done = ctl(*args)
        t.equal((done.returncode, done.stdout), (USAGE, ""), f"status of {args}")
        t.true(re.fullmatch(r"mcrctl: .+ \(see 'mcrctl help.*'\)\n", done.stderr),
               f"{args}: one line that says where to look: {done.stderr!r}")
    t.true("show, check, diff, load, save" in ctl("config").stderr, "the commands of config")
    t.true("show, check, diff, load, save" in ctl("config", "shw").stderr, "a slip after config")
    add_one = ["--input-interface", "eth0", "--input-group", "239.1.1.1", "--input-port", "5000",
               "--outputs", "239.2.2.2:6000:eth1"]
    status = relay.socket_path.parent / "status.sock"
    done = t.run(None, [paths.program("mcrctl"), "--socket-path", str(status), "add", *add_one],
                 check=False)
    t.equal((done.returncode, done.stderr),
            (REFUSED, "mcrctl: AddRule changes something: the control socket serves it, the status "
             "socket does not\n"), "a change on the status socket")
    t.equal(ctl("help").returncode, OK, "help")
    path = str(t.run_dir / "nothing.sock")
    done = t.run(None, [paths.program("mcrctl"), "--socket-path", path, "ping"], check=False)
    t.equal((done.returncode, done.stdout), (UNREACHABLE, ""), "no daemon")
    t.true(path in done.stderr and done.stderr.startswith("mcrctl: "), done.stderr)
    relay.stop()
    t.equal(ctl("list").returncode, UNREACHABLE, "status after the daemon has ended")


# Log lines


# Frames of an Ethernet type for experiments (IEEE 802).
SEND_FOREIGN = """
import socket
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sock.bind(("eth0", 0))
for _ in range(int(sys.argv[1])):
    sock.send(bytes.fromhex("ffffffffffff 020000000001 88b5") + bytes(46))
"""


@scenario("[STATS] and FINAL lines have the right totals", topology="chain3", alone=True)
def statistics_lines(t):
    """[STATS] once per interval and the FINAL lines, to the letter, with the right totals."""
    relay = t.mcrd("relay", num_workers=2, env={"MCR_STATS_INTERVAL_MS": 200})
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.2", 6000), output("239.2.2.3", 6000)))
    sink = t.sink("sink", "eth0", ["239.2.2.2", "239.2.2.3"], 6000)
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=2000, count=500, size=300)
    t.gen("gen", "eth0", "239.1.1.1", 5001, rate=2000, count=70, size=300)
    foreign = 30
    t.python("gen", SEND_FOREIGN, str(foreign))
    t.clean(sink.finish(1000), 1000)
    end = len(relay.stderr())
    t.wait_until(lambda: len(STATS.findall(relay.stderr()[end:])) >= 3, 5, "three lines more")
    lines = [[int(one) for one in line] for line in STATS.findall(relay.stderr())]
    t.equal(lines[-1][1:], [570 + foreign, 1000, 500, 70 + foreign, 0, 0, 0],
            "rx, tx, matched, not_matched, rx_err, tx_err, buf_exhaust")
    gaps = [later[0] - earlier[0] for earlier, later in zip(lines, lines[1:])]
    t.equal([gap for gap in gaps if gap < 150], [], f"lines that come too early, of {gaps}")
    t.true(len([line for line in relay.stderr().splitlines() if line.startswith("[STATS")]) ==
           len(STATS.findall(relay.stderr())), "lines that begin with [STATS")
    _, log = relay.stop()
    t.equal([[int(one) for one in line] for line in FINAL_INGRESS.findall(log)],
            [[570 + foreign, 500, 1000, foreign, 70, 0]],
            "recv, matched, egr_sent, filtered, no_match, buf_exhaust")
    t.equal([[int(one) for one in line] for line in FINAL_EGRESS.findall(log)],
            [[1000, 1000, 1000, 0, 1000 * 300]], "sent, submitted, ch_recv, errors, bytes")


@scenario("with --log-format json a log line is an object", topology="chain3")
def json_log(t):
    """Every line is an object with time, severity, facility and message."""
    relay = t.mcrd("relay", num_workers=2, args=["--log-format", "json"])
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.2", 6000), name="camera"))
    _, log = relay.stop()
    lines = log.splitlines()
    t.true(len(lines) >= 4, f"lines: {lines}")
    processes = set()
    for line in lines:
        one = json.loads(line)
        t.equal(set(one), {"time", "severity", "facility", "process", "message"}, line)
        t.true(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["time"]), line)
        processes.add(one["process"])
    t.true({"supervisor", "control"} <= processes, f"processes that log: {processes}")


if __name__ == "__main__":
    main()
