#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""mcrctl and mcrd as people and scripts use them: commands, tables, log lines, exit statuses.

    gen ---- eth0  relay  eth1 ---- sink         mcrctl ---- control.sock
"""

import errno
import json
import os
import re
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "harness/python"))
from mcrlab import main, paths, scenario

from support_rules import add, nonzero, output, rule

HERE = Path(__file__).resolve().parent
OK, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3
IO_URING_SETUP = 425
N = r"(\d+)"
STATS = re.compile(rf"^\[STATS\] t_ms={N} rx={N} tx={N} matched={N} not_matched={N} rx_err={N} "
                   rf"tx_err={N} buf_exhaust={N}$", re.M)
FINAL_INGRESS = re.compile(rf"^\[STATS:Ingress FINAL\] total: recv={N} matched={N} egr_sent={N} "
                           rf"filtered={N} no_match={N} buf_exhaust={N}$", re.M)
FINAL_EGRESS = re.compile(rf"^\[STATS:Egress FINAL\] total: sent={N} submitted={N} ch_recv={N} "
                          rf"errors={N} bytes={N}$", re.M)


def table(text):
    """The rows of a table, without the heading, as lists of words."""
    return [line.split() for line in text.splitlines()[1:] if line.strip()]


# mcrctl


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
    t.equal(len(rows), 3, "rows: one for each output")
    t.equal(rows[0][1:], ["active", "239.1.1.1:5000", "eth0", "239.2.2.2:6000", "eth1", "1",
                          "(default)", "100", "100", "-"], "first rule")
    t.equal(rows[1], ["rule-2", "camera", "active", "239.1.1.2:5000", "eth0", "from",
                      "10.10.1.100", "239.2.2.2:6001", "eth1", "1", "(default)", "200", "200", "-"],
            "second rule")
    t.equal(rows[2][:3], ["10.90.1.2:6002", "eth1", "64"], "second output of the second rule")

    relay.ctl("add", "--input-interface", "eth0", "--input-group", "239.1.1.2", "--input-port",
              "5000", "--outputs", "239.2.2.9:6009:eth1", "--input-source", "10.10.1.100",
              "--rule-id", "rule-2", "--name", "camera", "--replace")
    t.true("239.2.2.9:6009" in relay.ctl("list").stdout, "replaced")
    relay.ctl("remove", "--name", "camera")
    relay.ctl("remove", "--rule-id", rows[0][0])
    t.equal(relay.rpc("ListRules")["rules"], [], "rules after both were removed")
    t.equal(relay.ctl("list").stdout, "no rules\n", "the empty list")


@scenario("results as JSON", topology="chain3")
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


@scenario("tables of statistics and workers", topology="chain3")
def tables(t):
    """What people read has the numbers that programs get."""
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
    t.true(any(one[:1] == ["not_matched"] or "not_matched 45" in " ".join(one) for one in words),
           "not_matched 45")
    t.true(any(one[:2] == [rule_id, "123"] for one in words), "the rule's row")
    rows = table(relay.ctl("list-workers").stdout)
    t.equal([row[:1] + row[1:2] for row in rows],
            [[str(n), str(pid)] for n, pid in enumerate(relay.children("--role=worker"))],
            "worker and pid")
    t.true(relay.ctl("ping").stdout.startswith("mcrd answers"), "ping")
    t.true(relay.ctl("version").stdout.startswith("mcrctl "), "version")


@scenario("exit statuses of mcrctl", topology="chain3")
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
    for args in ([], ["make-coffee"], ["add"], ["remove"], ["list", "--colour"],
                 ["remove", "--rule-id", "a", "--name", "b"], ["remove", "--rule-id"],
                 ["add", "--input-interface", "eth0", "--input-group", "239.1.1.1", "--input-port",
                  "5000", "--outputs", "239.2.2.2:6000"],
                 ["add", "--input-interface", "eth0", "--input-group", "239.1.1.1", "--input-port",
                  "many", "--outputs", "239.2.2.2:6000:eth1"]):
        done = ctl(*args)
        t.equal((done.returncode, done.stdout), (USAGE, ""), f"status of {args}")
        t.true(done.stderr.startswith("mcrctl: "), f"{args}: {done.stderr!r}")
    t.equal(ctl("help").returncode, OK, "help")
    path = str(t.run_dir / "nothing.sock")
    done = t.run(None, [paths.program("mcrctl"), "--socket-path", path, "ping"], check=False)
    t.equal((done.returncode, done.stdout), (UNREACHABLE, ""), "no daemon")
    t.true(path in done.stderr and done.stderr.startswith("mcrctl: "), done.stderr)
    relay.stop()
    t.equal(ctl("list").returncode, UNREACHABLE, "status after the daemon has ended")


# Configuration


CONFIG = """{
    // what the studio sends
    "workers": 1,
    "steering": {"eth0": "rule"},
    "rules": [
        {"name": "camera-1", /* of two */
         "input": {"interface": "eth0", "group": "239.1.1.1", "port": 5000,
                   "source": "10.10.1.100"},
         "outputs": [{"interface": "eth1", "group": "239.2.2.2", "port": 6000, "ttl": 8,
                      "source_ip": "10.90.1.1", "dscp": 34}],
         "rate_limit": {"pps": 0, "bps": 0}, "priority": "normal"},
        {"name": "camera-2", "id": "two",
         "input": {"interface": "eth0", "group": "239.1.1.2", "port": 5000},
         "outputs": [{"interface": "eth1", "group": "239.2.2.3", "port": 6000},],
         "rate_limit": {"pps": 5000}, "priority": "low"},
    ],
}
"""


def shapes(relay):
    """The rules without their counters, in the order of their names."""
    keep = ("rule_id", "name", "input", "rate_limit", "priority")
    return sorted(([one.get(key) for key in keep] +
                   [{key: value for key, value in out.items()
                     if key in ("interface", "group", "port", "ttl", "ttl_default", "source_ip",
                                "dscp")} for out in one["outputs"]]
                   for one in relay.rpc("ListRules")["rules"]), key=lambda shape: shape[1])


@scenario("configuration: load, show, save, check", topology="chain3")
def config_round_trip(t):
    """What is saved from a running daemon makes another one the same."""
    relay = t.mcrd("relay")
    source, saved = t.run_dir / "source.json", t.run_dir / "saved.json"
    source.write_text(CONFIG)
    t.equal(relay.ctl("config", "check", "--file", source).returncode, OK, "check")
    t.equal(relay.rpc("ListRules")["rules"], [], "rules after check")
    relay.ctl("config", "load", "--file", source)
    first = shapes(relay)
    t.equal([one[1] for one in first], ["camera-1", "camera-2"], "rules loaded")
    t.equal(first[0][5], {"interface": "eth1", "group": "239.2.2.2", "port": 6000, "ttl": 8,
                          "source_ip": "10.90.1.1", "dscp": 34, "ttl_default": False}, "output")
    relay.ctl("config", "save", "--file", saved)
    t.equal(relay.ctl("config", "show").stdout, saved.read_text(), "shown and saved")
    t.equal([name for name in os.listdir(t.run_dir) if name.startswith("saved")], ["saved.json"],
            "files left by saving")

    add(t, relay, rule("239.1.1.9", 5000, output("239.2.2.9", 6000)))
    again = json.loads(relay.ctl("--json", "config", "load", "--file", saved).stdout)
    t.equal((again["added"], again["unchanged"], again["removed"]), (0, 2, 0), "loaded again")
    again = json.loads(relay.ctl("--json", "config", "load", "--file", saved, "--replace").stdout)
    t.equal((again["added"], again["unchanged"], again["removed"]), (0, 2, 1), "with --replace")
    t.equal(shapes(relay), first, "rules")
    relay.stop()

    other = t.mcrd("relay", config=saved.read_text(), num_workers=None)
    t.equal(shapes(other), first, "rules of a daemon started from what was saved")
    t.equal(len(other.rpc("ListWorkers")["workers"]), 1, "workers, from the configuration")
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=2000, count=200, size=100)
    t.clean(sink.finish(200), 200)


@scenario("SIGHUP reads the configuration again", topology="chain3")
def reload(t):
    """Rules of the new text are there, and a broken text changes nothing."""
    one = rule("239.1.1.1", 5000, output("239.2.2.2", 6000), name="one")
    two = rule("239.1.1.2", 5000, output("239.2.2.3", 6000), name="two")
    relay = t.mcrd("relay", config={"rules": [one]})

    def names():
        return [shape[1] for shape in shapes(relay)]

    t.equal(names(), ["one"], "rules at the start")
    relay.config_path.write_text(json.dumps({"rules": [one, two]}))
    relay.send_signal(signal.SIGHUP)
    t.wait_until(lambda: names() == ["one", "two"], 5, "both rules")
    relay.config_path.write_text('{"rules": [}')
    relay.send_signal(signal.SIGHUP)
    t.wait_until(lambda: f"{relay.config_path}:1:12" in relay.stderr(), 5,
                 "the place of the error in the log")
    t.equal(names(), ["one", "two"], "rules after a broken text")


BAD_CONFIGS = [
    ("not JSON", '{\n  "rules": [\n    oops\n  ]\n}', 3, 5, ""),
    ("an unknown field", '{\n  "rules": [],\n  "wrokers": 2\n}', 3, None, "wrokers"),
    ("a wrong type", '{\n  "workers": "two"\n}', 2, None, "workers"),
    ("a bad port", CONFIG.replace('"port": 6000, "ttl"', '"port": 66000, "ttl"'), 9, None,
     "rules[0].outputs[0].port"),
    ("a missing field", CONFIG.replace('"group": "239.1.1.2", ', ""), 13, None,
     "rules[1].input.group"),
    ("the same input twice", CONFIG.replace('"239.1.1.2"', '"239.1.1.1"').replace(
        '"port": 5000,\n                   "source": "10.10.1.100"}', '"port": 5000}'), None, None,
     "rules[1]"),
]


@scenario("a bad configuration file", topology="chain3")
def bad_config(t):
    """File, line, column and field on one line, nothing applied, non-zero status, everywhere."""
    relay = t.mcrd("relay")
    path = t.run_dir / "bad.json"
    for what, text, line, column, field in BAD_CONFIGS:
        path.write_text(text)
        place = rf"{re.escape(str(path))}:{line or N}:{column or N}: " + \
            (rf"{re.escape(field)}[^:]*: " if field else "") + ".+"
        for command in ("check", "load"):
            done = relay.ctl("config", command, "--file", path, check=False)
            t.equal((done.returncode, done.stdout), (REFUSED, ""), f"{what}: config {command}")
            t.true(re.fullmatch(place + "\n", done.stderr),
                   f"{what}: config {command} says {done.stderr!r}, not {place}")
        t.equal(relay.rpc("ListRules")["rules"], [], f"{what}: rules")
        status, log = refused_start(t, "--config", path)
        t.equal(status, 1, f"{what}: status of mcrd")
        t.true(any(re.search(place + "$", one) for one in critical(log)),
               f"{what}: mcrd says {log!r}")
    done = relay.ctl("config", "load", "--file", t.run_dir / "none.json", check=False)
    t.equal(done.returncode, REFUSED, "a file that is not there")
    t.true(str(t.run_dir / "none.json") in done.stderr, done.stderr)


# mcrd


def refused_start(t, *args, wrapper=(), program=None, path=None, node="relay"):
    """mcrd that does not start: its status and log.  Nothing may be left of it."""
    path = path or t.run_dir / "refused.sock"
    done = t.run(node, list(wrapper) + [program or paths.program("mcrd"), "--control-socket-path",
                                        path, "--num-workers", 1] + list(args),
                 check=False, deadline_s=20)
    t.equal([name for name in os.listdir(t.run_dir) if name.startswith("refused")], [],
            "sockets left behind")
    return done.returncode, done.stderr


def critical(log):
    return [line for line in log.splitlines() if " critical " in line]


def one_line(t, log, *words):
    """Exactly one line says what is wrong, with these words in it."""
    lines = critical(log)
    t.equal(len(lines), 1, f"critical lines in {log!r}")
    for word in words:
        t.true(word in lines[0], f"{word!r} in {lines[0]!r}")


@scenario("missing privilege", topology="chain3")
def missing_privilege(t):
    """As an ordinary user: one line that says what to grant."""
    nobody = t.run_dir / "nobody"
    nobody.mkdir()
    nobody.chmod(0o777)
    program = nobody / "mcrd"
    shutil.copy(paths.program("mcrd"), program)
    program.chmod(0o755)
    status, log = refused_start(t, wrapper=["setpriv", "--reuid=65534", "--regid=65534",
                                            "--clear-groups", "--inh-caps=-all"],
                                program=program, path=nobody / "control.sock")
    t.equal(status, 1, "status")
    one_line(t, log, "CAP_NET_RAW", "run as root")


@scenario("another daemon on the same control socket", topology="chain3")
def second_instance(t):
    """The second says so and ends; the first does not notice."""
    relay = t.mcrd("relay")
    status, log = refused_start(t, path=relay.socket_path)
    t.equal(status, 1, "status")
    one_line(t, log, "another mcrd", str(relay.socket_path), "--control-socket-path")
    t.true(relay.rpc("Ping")["pong"], "the first one")


@scenario("a control socket path that is something else", topology="chain3")
def not_a_socket(t):
    """A file is not overwritten; a directory that is not there is named."""
    path = t.run_dir / "file"
    path.write_text("precious")
    status, log = refused_start(t, path=path)
    t.equal((status, path.read_text()), (1, "precious"), "status, file")
    one_line(t, log, str(path), "not a socket")
    status, log = refused_start(t, path=t.run_dir / "missing" / "control.sock")
    t.equal(status, 1, "status")
    one_line(t, log, str(t.run_dir / "missing"))


@scenario("a kernel that is too old", topology="chain3")
def old_kernel(t):
    """It is named, and what is needed."""
    status, log = refused_start(t, wrapper=["setarch", "--uname-2.6"])
    t.equal(status, 1, "status")
    one_line(t, log, "Linux 2.6", "6.1")


@scenario("a kernel without io_uring, and one that forbids it", topology="chain3")
def no_io_uring(t):
    """One line each, and not the same one."""
    for number, words in ((errno.ENOSYS, "without io_uring"), (errno.EPERM, "seccomp")):
        status, log = refused_start(t, wrapper=[sys.executable, f"{HERE}/support_deny.py",
                                                IO_URING_SETUP, number])
        t.equal(status, 1, "status")
        one_line(t, log, "io_uring", words)


@scenario("options of mcrd", topology="chain3")
def options(t):
    """Wrong ones end with status 2 and a hint; --help and --version with 0."""
    mcrd = paths.program("mcrd")
    for args in (["--colour"], ["--num-workers", "0"], ["--num-workers", "many"],
                 ["--log-format", "xml"], ["--interface", "a-name-that-is-too-long"], ["extra"]):
        done = t.run("relay", [mcrd] + args, check=False)
        t.equal((done.returncode, done.stdout), (USAGE, ""), f"status of {args}")
        t.true("mcrd --help" in done.stderr, f"{args}: {done.stderr!r}")
    t.true("--control-socket-path" in t.run("relay", [mcrd, "--help"]).stdout, "--help")
    t.true(t.run("relay", [mcrd, "--version"]).stdout.startswith("mcrd "), "--version")


@scenario("input interfaces given on the command line", topology="chain3")
def given_interfaces(t):
    """Opened at the start: what arrives is counted although no rule names the interface."""
    relay = t.mcrd("relay", args=["--interface", "eth0"])
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=2000, count=100, size=100)
    t.wait_until(lambda: relay.stats()["totals"]["received"] >= 100, 5, "100 received")
    totals = t.conservation(relay)["totals"]
    t.equal((totals["received"], nonzero(totals["drops"])), (100, {"not_matched": 100}),
            "received, drops")
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.2", 6000)))
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=2000, count=100, size=100)
    t.clean(sink.finish(100), 100)


@scenario("the word supervisor before the options", topology="chain3")
def supervisor_word(t):
    """`mcrd supervisor --interface ...` is what older unit files start."""
    path = t.run_dir / "old.sock"
    process = t.start("relay", [paths.program("mcrd"), "supervisor", "--interface", "eth0",
                                "--num-workers", 1, "--control-socket-path", path])
    mcrctl = [paths.program("mcrctl"), "--socket-path", path, "ping"]
    t.wait_until(lambda: t.run(None, mcrctl, check=False).returncode == OK, 5, "it answers")
    t.equal(process.stop(), 0, "status")


@scenario("readiness and the end are notified", topology="chain3")
def notification(t):
    """READY=1 comes once, when the control socket answers; STOPPING=1 at the end."""
    path, control = t.run_dir / "notify", t.run_dir / "notified.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(10)
        start = time.monotonic()
        process = t.start("relay", [paths.program("mcrd"), "--num-workers", 2,
                                    "--control-socket-path", control],
                          env=paths.environment(NOTIFY_SOCKET=path))
        t.equal(listener.recv(4096), b"READY=1", "first message")
        spent_ms = (time.monotonic() - start) * 1000
        t.equal(t.run(None, [paths.program("mcrctl"), "--socket-path", control,
                             "ping"]).returncode, OK, "ping at once")
        t.equal(process.stop(), 0, "status")
        listener.settimeout(0)
        rest = []
        while True:
            try:
                rest.append(listener.recv(4096))
            except BlockingIOError:
                break
        t.equal(rest, [b"STOPPING=1"], "messages afterwards")
        t.note(f"ready after {spent_ms:.0f} ms, program start included")


# Frames of an Ethernet type for experiments (IEEE 802).
SEND_FOREIGN = """
import socket
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sock.bind(("eth0", 0))
for _ in range(int(sys.argv[1])):
    sock.send(bytes.fromhex("ffffffffffff 020000000001 88b5") + bytes(46))
"""


@scenario("lines for log scrapers", topology="chain3")
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


@scenario("log lines as JSON", topology="chain3")
def json_log(t):
    """Every line but those for scrapers is an object with time, severity, facility and message."""
    relay = t.mcrd("relay", num_workers=2, args=["--log-format", "json"])
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.2", 6000), name="camera"))
    _, log = relay.stop()
    lines = [line for line in log.splitlines() if not line.startswith("[STATS")]
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
