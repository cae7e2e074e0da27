#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The configuration: loaded, shown, saved, read again, refused.

    gen ---- eth0  relay  eth1 ---- sink         mcrctl ---- control.sock
"""

import json
import os
import re
import signal

import support  # pylint: disable=unused-import
from mcrlab import main, paths, scenario

from support_refused import critical, refused_start
from support_rules import add, output, rule

OK, REFUSED = 0, 1
N = r"(\d+)"


CONFIG = """{
    // what the studio sends
    "workers": 1,
    "steering": {"eth0": "rule"},
    "rules": [
        {"name": "camera-1", /* of two */
         "input": {"interface": "eth0", "group": "239.1.1.1", "port": 5000,
                   "source": "10.10.1.100"},
         "outputs": [{"interface": "eth1", "group": "239.2.2.2", "port": 6000, "ttl": 8,
                      "source_ip": "10.90.1.1", "source_port": 7000, "dscp": 34}],
         "rate_limit": {"pps": 0, "bps": 0}, "priority": "normal", "consume": true},
        {"name": "camera-2", "id": "two",
         "input": {"interface": "eth0", "group": "239.1.1.2", "port": 5000},
         "outputs": [{"interface": "eth1", "group": "239.2.2.3", "port": 6000},],
         "rate_limit": {"pps": 5000}, "priority": "low"},
    ],
}
"""


def shapes(relay):
    """The rules without their counters, in the order of their names."""
    keep = ("rule_id", "name", "input", "rate_limit", "priority", "consume")
    return sorted(([one.get(key) for key in keep] +
                   [{key: value for key, value in out.items()
                     if key in ("interface", "group", "port", "ttl", "ttl_default", "source_ip",
                                "source_port", "dscp")} for out in one["outputs"]]
                   for one in relay.rpc("ListRules")["rules"]), key=lambda shape: shape[1])


@scenario("a configuration that is saved makes another daemon the same", topology="chain3")
def config_round_trip(t):
    """Another daemon that reads the saved configuration is the same."""
    relay = t.mcrd("relay")
    source, saved = t.run_dir / "source.json", t.run_dir / "saved.json"
    source.write_text(CONFIG)
    t.equal(relay.ctl("config", "check", "--file", source).returncode, OK, "check")
    t.equal(relay.rpc("ListRules")["rules"], [], "rules after check")
    relay.ctl("config", "load", "--file", source)
    first = shapes(relay)
    t.equal([one[1] for one in first], ["camera-1", "camera-2"], "rules loaded")
    t.equal(first[0][6], {"interface": "eth1", "group": "239.2.2.2", "port": 6000, "ttl": 8,
                          "source_ip": "10.90.1.1", "source_port": 7000, "dscp": 34,
                          "ttl_default": False}, "output")
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


@scenario("what a file would change is told, and nothing changes", topology="chain3")
def diff(t):
    """Rules that run and are not in the file come first; then it is loaded, as it was told."""
    relay = t.mcrd("relay")
    one, two = output("239.2.2.1", 6000), output("239.2.2.2", 6000)
    for n, name in enumerate(("stays", "goes", "changes", "moves")):
        add(t, relay, rule(f"239.1.1.{n}", 5000, one, two, id=name, name=f"camera-{n}"))
    add(t, relay, rule("239.1.1.9", 5000, one, id="made-at-run-time"))
    rules = [rule("239.1.1.0", 5000, one, two, id="stays", name="camera-0"),
             rule("239.1.1.2", 5000, dict(one, ttl=9), output("239.2.2.3", 6000), id="changes",
                  name="renamed", rate_limit={"pps": 5}, enabled=False, description="text"),
             rule("239.1.1.77", 5000, one, two, id="moves", name="camera-3"),
             rule("239.1.1.5", 5000, one, id="comes")]
    path = t.run_dir / "new.json"
    path.write_text(json.dumps({"rules": rules, "gro": {"eth1": False}}))
    before = relay.rpc("GetConfig")["text"]
    text = relay.ctl("config", "diff", "--file", path).stdout
    t.equal(text.splitlines(), [
        "removed  goes (camera-1)", "removed  made-at-run-time",
        "changed  changes (renamed): name, description, disabled, rate_limit, "
        "output 239.2.2.1:6000:eth1 changed, output 239.2.2.2:6000:eth1 removed, "
        "output 239.2.2.3:6000:eth1 added",
        "changed  moves (camera-3): input; its counters begin at zero", "added    comes",
        "settings of inputs, which are opened anew: eth1",
        f"{path} would add 1 rules, change 2, leave 1 untouched, remove 2"], "config diff")
    t.equal(relay.ctl("config", "load", "--file", path, "--replace", "--dry-run").stdout, text,
            "config load --dry-run")
    t.equal(relay.rpc("GetConfig")["text"], before, "the rules afterwards")
    answer = json.loads(relay.ctl("--json", "config", "diff", "--file", path).stdout)
    t.equal([(one["change"], one["rule_id"]) for one in answer["changes"]],
            [("removed", "goes"), ("removed", "made-at-run-time"), ("changed", "changes"),
             ("changed", "moves"), ("added", "comes")], "--json")
    done = relay.ctl("config", "load", "--file", path, "--dry-run", check=False)
    t.equal((done.returncode, "--replace" in done.stderr), (REFUSED, True),
            f"without --replace they conflict: {done.stderr}")
    loaded = relay.rpc("LoadConfig", {"text": path.read_text(), "replace": True})
    t.equal([loaded[key] for key in ("added", "replaced", "unchanged", "removed")], [1, 2, 1, 2],
            "LoadConfig")
    text = relay.ctl("config", "diff", "--file", path).stdout
    t.equal(text, f"{path} would add 0 rules, change 0, leave 4 untouched, remove 0\n", "once more")
    status = relay.socket_path.parent / "status.sock"
    done = t.run(None, [paths.program("mcrctl"), "--socket-path", status, "config", "diff", "--file",
                        path])
    t.equal(done.stdout, text, "by the status socket")


@scenario("config check tells all errors", topology="chain3")
def all_errors(t):
    """Each on a line with its place; without a daemon."""
    path = t.run_dir / "bad.json"
    path.write_text('{"workers": 0,\n"rules": [{"name": 5,\n"input": {"interface": "eth0",\n'
                    '"group": "239.1.1.1", "port": 0},\n"outputs": []}]}')
    check = [paths.program("mcrctl"), "config", "check", "--file", path]
    done = t.run(None, check, check=False)
    t.equal((done.returncode, done.stdout), (REFUSED, ""), "status")
    t.equal([line.split(": ")[:2] for line in done.stderr.splitlines()],
            [[f"{path}:1:2", "workers"], [f"{path}:2:12", "rules[0].name"],
             [f"{path}:4:23", "rules[0].input.port"], [f"{path}:5:1", "rules[0].outputs"]], "errors")
    done = t.run(None, [*check, "--json"], check=False)
    t.equal([json.loads(line)["error"]["field"] for line in done.stderr.splitlines()],
            ["workers", "rules[0].name", "rules[0].input.port", "rules[0].outputs"], "--json")


@scenario("warnings of LoadConfig name their rule", topology="chain3")
def load_warnings(t):
    """Two rules with one trouble: each warning says whose it is, by id and by name."""
    relay = t.mcrd("relay")
    rules = [dict(rule("10.99.0.1", 5000 + n, output("239.2.2.2", 6000)), id=f"r{n}") for n in (1, 2)]
    rules[0]["name"] = "camera-1"
    answer = relay.rpc("LoadConfig", {"text": json.dumps({"rules": rules})})
    trouble = ("cannot bind 10.99.0.1 on eth0: Cannot assign requested address",
               "10.99.0.1 is not an address of this host")
    t.equal(sorted(answer["warnings"]),
            sorted(who + what for who in ("rule r1 (camera-1): ", "rule r2: ") for what in trouble),
            "warnings")


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


@scenario("a bad configuration file is refused with line and column, and applied nowhere", topology="chain3")
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


if __name__ == "__main__":
    main()
