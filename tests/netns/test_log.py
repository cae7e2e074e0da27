#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The log: it needs no reader, every line has its form, and clients cannot forge lines.

    gen ---- eth0  relay  eth1 ---- sink         mcrctl ---- control.sock, status.sock
"""

import contextlib
import datetime
import json
import os
import re
import signal
import socket
import subprocess
import threading

import support  # pylint: disable=unused-import
from mcrlab import main, paths, scenario
from mcrlab.proc import children, command_line
from mcrlab.relay import RpcClient
from mcrlab.slow import scaled

from support_rules import add, group_at, output, rule

CONTROL, WORKER = "--role=control", "--role=worker"
CHAIN = 6500  # rules, in a line that is as long as a line may be
MEMBERS = {"time", "severity", "facility", "process", "message"}
LOST = re.compile(r"(\d+) lines of the log were lost")


class Unread:
    """mcrd whose standard error is a pipe or a socket without a reader."""

    def __init__(self, t, to_socket, args=()):
        if to_socket:
            reader, writer = socket.socketpair()
            self.reader, writer = reader.detach(), writer.detach()
        else:
            self.reader, writer = os.pipe()
        self.others = os.dup(writer)
        os.set_blocking(self.reader, False)
        self.path = t.run_dir / "control.sock"
        argv = [paths.program("mcrlab"), "exec", t.lab.name, "relay", "--", paths.program("mcrd"),
                "--control-socket-path", self.path, "--num-workers", "1", *args]
        self.popen = subprocess.Popen([str(one) for one in argv], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=writer,
                                      env=paths.environment())
        os.close(writer)
        t.wait_until(self.answers, 10, "ready")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.popen.kill()
        self.popen.wait()
        os.close(self.reader)
        os.close(self.others)

    def connect(self):
        client = RpcClient(self.path)
        client.call("VersionCheck", {"version": "1"})
        return client

    def answers(self):
        with contextlib.suppress(OSError), self.connect() as client:
            return client.call("Ping")["pong"]
        return False

    def child(self, role):
        found = [pid for pid in children(self.popen.pid)
                 if any(role in arg for arg in command_line(pid))]
        return found[0] if found else None

    def read(self):
        """All that waits to be read."""
        data = b""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self.reader, 65536):
                data += piece
        return data.decode()


def change_often(client, n):
    """Lines in the log, as many as one cause may write."""
    for number in range(n):
        client.call("AddRule", rule("239.1.1.1", 5000, output("239.2.2.2", 6000),
                                    id=f"a-rule-with-a-long-name-{number:030d}"))
        client.call("RemoveRule", {"rule_id": f"a-rule-with-a-long-name-{number:030d}"})


def fill(unread):
    """Leaves no room in the pipe: by a writer that shares it, and that does not wait itself."""
    os.set_blocking(unread.others, False)
    for size in (4096, 64, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(unread.others, b"#" * (size - 1) + b"\n")
    os.set_blocking(unread.others, True)


@scenario("a log that nobody reads stops no process, and lost lines are counted",
          topology="chain3", deadline_s=120)
def nobody_reads(t):
    """Pipe or socket: no process waits for it, and lost lines are counted when it is read again."""
    for to_socket in (False, True):
        what = "socket" if to_socket else "pipe"
        with Unread(t, to_socket) as unread:
            before = unread.read()
            t.true("Supervisor" in before, f"{what}: lines before: {before}")
            t.true(os.get_blocking(unread.others), f"{what}: a description of others was changed")
            fill(unread)
            with unread.connect() as client:
                change_often(client, 20)
            old = unread.child(WORKER)
            for role in (WORKER, CONTROL):
                pid = unread.child(role)
                os.kill(pid, signal.SIGKILL)
                t.wait_until(lambda: unread.child(role) not in (None, pid) and unread.answers(), 10,
                             f"{what}: another {role}")
            with unread.connect() as client:
                t.wait_until(lambda: client.call("ListWorkers")["workers"][0]["pid"]
                             not in (0, old), 10, f"{what}: the worker")
            seen = [unread.read()]
            t.equal("a-rule" in seen[0], False, f"{what}: lines that found room: {seen[0][-500:]}")

            def told():
                seen.append(unread.read())
                return "supervisor]: " in "".join(seen) and LOST.search("".join(seen))
            t.wait_until(told, 5, f"{what}: how many lines were lost")
            fill(unread)
            unread.popen.send_signal(signal.SIGTERM)
            t.equal(unread.popen.wait(scaled(10)), 0, f"{what}: exit status")
            t.note(f"{what}: " + "; ".join(LOST.findall("".join(seen))) + " lines lost")


def ask_status(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(str(path))


def most_at_once(lines):
    """The most lines within the ten seconds that begin with the first line after the last ten."""
    began, counts = None, [0]
    for line in lines:
        when = datetime.datetime.fromisoformat(line.split()[0].rstrip("Z"))
        if began is None or when - began >= datetime.timedelta(seconds=9.99):
            began = when
            counts.append(0)
        counts[-1] += 1
    return max(counts)


@scenario("clients cannot fill the log", topology="chain3")
def silent_clients(t):
    """Thousands of connections, refusals and wrong versions leave a handful of lines."""
    relay = t.mcrd("relay", env={"MCR_STATS_INTERVAL_MS": "0"})
    status = relay.dir / "status.sock"
    before = relay.stderr()
    for _ in range(2000):
        ask_status(status)
    for _ in range(300):
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(str(status))
            one.sendall(b'{"jsonrpc":"2.0","id":1,"method":"Ping"}\n')
            t.true(b"-32000" in one.recv(4096), "VersionCheck was not first")
    with RpcClient(status) as client:
        client.call("VersionCheck", {"version": "1"})
        for _ in range(300):
            client.raw('{"jsonrpc":"2.0","id":1,"method":"SyncRules"}\n')
            t.equal(client.read()["error"]["code"], -32003, "read-only")
    crowd = []
    try:
        for _ in range(200):
            one = socket.socket(socket.AF_UNIX)
            crowd.append(one)
            one.connect(str(status))
    finally:
        for one in crowd:
            one.close()
    with relay.connect() as client:
        change_often(client, 150)
    lines = relay.stderr()[len(before):].splitlines()
    rules = [line for line in lines if "rule a-rule" in line]
    t.true(len(rules) >= 100, f"{len(rules)} lines about rules")
    t.equal(most_at_once(rules) <= 100, True, "at most 100 lines about rules in ten seconds")
    others = [line for line in lines if line not in rules and "Network[control]: interface" not in line]
    t.true(len(others) <= 3, f"other lines: {others[:10]}")
    interfaces = [line for line in lines if "Network[control]: interface" in line]
    t.equal(most_at_once(interfaces) <= 100, True, "lines about interfaces in ten seconds")


@scenario("a busy client gets its share of a turn", topology="chain3", deadline_s=200)
def long_checks(t):
    """Clients of the status socket, each with a long chain of rules to check: no harm to others.

    A turn of control ends with the line that takes it beyond its time, so its heartbeat goes on
    however many clients there are.
    """
    relay = t.mcrd("relay")
    [control] = relay.children(CONTROL)
    # The end of the chain first: each rule's outputs are followed to the end.
    rules = [rule(group_at("239.1.0.0", n), 1, output(group_at("239.1.0.0", n + 1), 1,
                                                      interface="a"), interface="a")
             for n in range(CHAIN - 1, -1, -1)]
    text = json.dumps({"rules": rules}, separators=(",", ":"))
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "CheckConfig",
                          "params": {"text": text}}) + "\n"
    t.between(len(request), 800000, 1 << 20, "length of the line")
    busy = []
    try:
        for _ in range(12):
            one = RpcClient(relay.dir / "status.sock", deadline_s=120)
            one.call("VersionCheck", {"version": "1"})
            busy.append(one)
        senders = [threading.Thread(target=one.raw, args=(request,)) for one in busy]
        for sender in senders:
            sender.start()
        t.equal(relay.rpc("Ping", deadline_s=60)["pong"], True, "another client")
        for one in busy:
            t.equal(one.read()["result"]["rules"], CHAIN, "rules checked")
        for sender in senders:
            sender.join()
    finally:
        for one in busy:
            one.close()
    t.equal(relay.children(CONTROL), [control], "control")


def objects(t, log):
    """The lines as objects; each must be one."""
    found = []
    for line in log.splitlines():
        one = json.loads(line)
        t.equal(set(one), MEMBERS, line)
        found.append(one)
    return found


@scenario("every line is a JSON object", topology="chain3")
def json_lines(t):
    """Statistics, interfaces that come and go, and the end included."""
    relay = t.mcrd("relay", num_workers=2, args=["--log-format", "json"],
                   env={"MCR_STATS_INTERVAL_MS": "100"})
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.2", 6000), name="camera"))
    t.wait_until(lambda: relay.stderr().count("[STATS] ") >= 3, 10, "three lines of statistics")
    _, log = relay.stop()
    lines = objects(t, log)
    t.true({"supervisor", "control"} <= {one["process"] for one in lines}, "processes that log")
    finals = [one for one in lines if one["message"].startswith("[STATS:")]
    t.equal([(one["facility"], one["process"]) for one in finals], [("Stats", "control")] * 2,
            "final statistics")


def lines_with(relay, words):
    """The lines that the expression is found in, without what stands before the message."""
    return [line.partition("]: ")[2] for line in relay.stderr().splitlines()
            if re.search(words, line)]


@scenario("losses are logged when they begin", topology="chain3")
def losses(t):
    """Each kind once, with rule and interface, however long it goes on; no line where none is."""
    relay = t.mcrd("relay", env={"MCR_STATS_INTERVAL_MS": "0"})
    relay.rpc("AddRule", rule("239.1.1.1", 5000, output("239.2.2.2", 6000), id="limited",
                              rate_limit={"pps": 10}))
    relay.rpc("AddRule", rule("239.1.1.2", 5000, output("239.2.2.3", 6000),
                              output("239.2.2.4", 6000), id="refused"))
    relay.rpc("AddRule", rule("239.1.1.3", 5000, output("239.2.2.5", 6000), id="whole"))
    t.run("relay", ["nft", "add table ip t; add chain ip t o { type filter hook output priority 0; }; "
                    "add rule ip t o ip daddr 239.2.2.4 drop"])
    gens = [t.gen_start("gen", "eth0", f"239.1.1.{n}", 5000, rate=500, size=100, first_flow=n)
            for n in (1, 2, 3)]
    begun = [r"rate_limited on eth0: rule limited lost \d+ datagrams$",
             r"refused on eth1: rule refused to 239\.2\.2\.4:6000 lost \d+ datagrams$"]
    for words in begun:
        t.wait_until(lambda: lines_with(relay, words), 10, words)

    def lost():
        return relay.stats()["totals"]
    before = lost()
    t.wait_until(lambda: lost()["drops"]["rate_limited"] >= before["drops"]["rate_limited"] + 1200 and
                 lost()["send_drops"]["refused"] >= before["send_drops"]["refused"] + 1200, 20,
                 "the losses go on")
    for gen in gens:
        gen.stop()
    for words in begun:
        t.equal(len(lines_with(relay, words)), 1, words)
    t.equal(len(lines_with(relay, r" lost \d+ ")), 2, "lines about losses")


@scenario("changes of state are logged with their reason", topology="chain3")
def state_changes(t):
    """One line for a cause, not one for a rule; and one when all is well again."""
    relay = t.mcrd("relay", env={"MCR_STATS_INTERVAL_MS": "0"})
    for n in range(20):
        add(t, relay, rule(f"239.1.1.{n + 1}", 5000, output(f"239.2.2.{n + 1}", 6000), id=f"rule-{n}"))
    relay.rpc("AddRule", rule("239.1.9.9", 5000, output("239.2.9.9", 6000, interface="nosuch0"),
                              id="nowhere"))
    unresolved = r"rule nowhere: unresolved: .*nosuch0 does not exist$"
    t.wait_until(lambda: lines_with(relay, unresolved), 10, "a rule that is not active from the start")
    for round_ in (1, 2):
        for change, words in (("down", r"rule rule-0 and 19 others: paused: .*eth1 is down$"),
                              ("up", r"rule rule-0 and 19 others: active$")):
            t.run("relay", ["ip", "link", "set", "eth1", change])
            t.wait_until(lambda: len(lines_with(relay, words)) == round_, 10, f"{change}: {words}")
    t.equal(lines_with(relay, r"rule rule-\d+: "), [], "lines about one of these rules alone")
    t.equal(len(lines_with(relay, unresolved)), 1, "lines about the other")
    # A restarted control does not repeat the lines of its predecessor.
    end = len(relay.stderr())
    [control] = relay.children(CONTROL)
    relay.expect("control was killed by SIGKILL")
    os.kill(control, signal.SIGKILL)
    t.wait_until(lambda: relay.children(CONTROL) not in ([], [control]), 10, "another control")
    t.run("relay", ["ip", "link", "set", "eth1", "down"])
    t.wait_until(lambda: re.search(r"rule rule-0 and 19 others: paused", relay.stderr()[end:]), 10,
                 "what is new")
    t.equal("nowhere" in relay.stderr()[end:], False, "what is not new")


STARTS = [
    ("an unknown option", ["--log-format=json", "--colour"], 2, "--colour"),
    ("an option without its value", ["--log-format", "json", "--config"], 2, "--config"),
    ("a wrong value before the format", ["--num-workers", "0", "--log-format", "json"], 2,
     "--num-workers"),
    ("a stray word", ["--log-format", "json", "start"], 2, "start"),
    ("a configuration that is not there", ["--log-format", "json", "--config", "/no/such/file"], 1,
     "/no/such/file"),
    ("a wrong configuration", ["--log-format", "json", "--config", "WRONG"], 1, "workers"),
]


@scenario("a start that fails writes JSON lines when asked to", topology="chain3")
def json_refusals(t):
    """Every line is an object whatever is wrong, and one of them says what."""
    wrong = t.run_dir / "wrong.json"
    wrong.write_text('{"workers": "two"}')
    for name, args, status, word in STARTS:
        args = [str(wrong) if arg == "WRONG" else arg for arg in args]
        done = t.run("relay", [paths.program("mcrd"), "--control-socket-path",
                               t.run_dir / "refused.sock", *args], check=False)
        t.equal(done.returncode, status, name)
        lines = objects(t, done.stderr)
        t.true([one for one in lines if one["severity"] == "critical" and word in one["message"]],
               f"{name}: {done.stderr}")


@scenario("MCR_STATS_INTERVAL_MS=0 switches the [STATS] lines off", topology="chain3")
def no_statistics(t):
    """MCR_STATS_INTERVAL_MS=0: none while it runs, none at the end; another daemon writes them."""
    quiet = t.mcrd("relay", env={"MCR_STATS_INTERVAL_MS": "0"})
    add(t, quiet, rule("239.1.1.1", 5000, output("239.2.2.2", 6000)))
    _, log = quiet.stop()
    t.equal([line for line in log.splitlines() if "[STATS" in line], [], "lines of statistics")
    usual = t.mcrd("relay", env={"MCR_STATS_INTERVAL_MS": "50"})
    t.wait_until(lambda: "[STATS] " in usual.stderr(), 5, "a line of statistics")


@scenario("mcrd -h is --help", topology="chain3")
def short_help(t):
    """The same as --help, on standard output."""
    short, long = (t.run("relay", [paths.program("mcrd"), option]) for option in ("-h", "--help"))
    t.equal((short.stdout, short.stderr), (long.stdout, ""), "what is printed")
    t.true("--config" in short.stdout, short.stdout)


if __name__ == "__main__":
    main()
