#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Labs: whatever is wrong with a command or a topology is one clear line, and nothing is left.

    mcrlab COMMAND ...                  on a lab that is up, and on labs that cannot be
"""

import json
import os
import subprocess

import support  # pylint: disable=unused-import
from mcrlab import main, paths, scaled, scenario
from mcrlab.lab import lab_exists

from support_lab import mcrlab, one_line

# Arguments, and words of the one line. LAB is a lab that is up, without wires; FILE one that must
# not come to be.
BAD = [
    (("melt",), "there is no command 'melt'"),
    (("up", "nonesuch"), "there is no topology called 'nonesuch'"),
    (("up", "direct2", "--name", "a/b"), "'a/b' cannot be the name of a lab"),
    (("up", "direct2", "--name", "LAB"), "is up already"),
    (("up", "direct2", "--nmae", "x"), "no option --nmae"),
    (("up", "direct2", "extra"), "unexpected argument 'extra'"),
    (("draw", "/nonesuch.json"), "/nonesuch.json: No such file"),
    (("down", "nonesuch"), "no lab called 'nonesuch' is up"),
    (("exec", "nonesuch", "a", "--", "true"), "no lab called 'nonesuch' is up"),
    (("exec", "LAB", "nobody", "--", "true"), "no such node 'nobody'"),
    (("exec", "LAB", "sink", "--", "/nonesuch"), "/nonesuch: No such file"),
    (("shell", "LAB", "nobody"), "no such node 'nobody'"),
    (("capture", "nonesuch", "sink", "eth0", "FILE"), "no lab called 'nonesuch' is up"),
    (("capture", "LAB", "nobody", "eth0", "FILE"), "no such node 'nobody'"),
    (("capture", "LAB", "sink", "eth9", "FILE"), "eth9: No such device"),
    (("capture", "LAB", "sink", "eth0", "/nonesuch/x"), "/nonesuch/x"),
    (("capture", "LAB", "sink", "eth0", "FILE", "--filter", "gibberish"), "syntax error"),
    (("capture", "LAB", "sink", "eth0", "FILE", "--count", "0"), "'0' is not a number"),
    (("record", "LAB", "/nonesuch"), "/nonesuch: No such file"),
    (("impair", "LAB", "nobody", "eth0", "loss", "1%"), "no node 'nobody'"),
    (("impair", "LAB", "sink", "eth9", "loss", "1%"), "no link of the topology ends at sink:eth9"),
    (("impair", "LAB", "sink", "eth0", "loss", "1%"), "has no wire"),
    (("impair", "LAB", "sink", "eth0", "loss", "101%"), "'101%' is not a percentage"),
    (("impair", "LAB", "sink", "eth0", "loss", "0.00001%"), "less than one in a million"),
    (("impair", "LAB", "sink", "eth0", "every", "-1"), "mcrlab: every: '-1' is not a number"),
    (("impair", "LAB", "sink", "eth0", "flap", "1s", "0"), "mcrlab: flap: '0' is not a number"),
    (("list", "extra"), "unexpected argument 'extra'"),
    (("topologies", "extra"), "unexpected argument 'extra'"),
    (("up", "nonesuch"), "no topology called 'nonesuch'; mcrlab topologies lists them"),
    (("up", "/"), "mcrlab: /: Is a directory"),
    (("fault", "LAB", "sink", "kill", "worker", "x"), "mcrlab: worker: 'x' is not a number"),
    (("fault", "LAB", "sink", "hog", "cpu", "x"), "mcrlab: cpu: 'x' is not a number"),
    (("impair", "LAB", "sink", "eth0", "rate", "10"), "'10' is not a rate"),
    (("impair", "LAB", "sink", "eth0", "flap", "10"), "'10' is not a time"),
    (("impair", "LAB", "sink", "eth0", "bend", "1"), "there is no impairment 'bend'"),
    (("fault", "nonesuch", "sink", "down", "eth0"), "no lab called 'nonesuch' is up"),
    (("fault", "LAB", "nobody", "down", "eth0"), "no node 'nobody'"),
    (("fault", "LAB", "sink", "down", "eth9"), "node 'sink' has no interface 'eth9'"),
    (("fault", "LAB", "sink", "down"), "an argument is missing"),
    (("fault", "LAB", "sink", "down", "eth0", "now"), "unexpected argument 'now'"),
    (("fault", "LAB", "sink", "rename", "eth0", "0123456789abcdef"), "cannot be the name"),
    (("fault", "LAB", "sink", "kill", "pid", "1"), "process 1 is not in node 'sink'"),
    (("fault", "LAB", "sink", "kill", "worker", "3"), "no such process: worker 3"),
    (("fault", "LAB", "sink", "kill", "everybody"), "'everybody' is not supervisor"),
    (("fault", "LAB", "sink", "hog", "cpu", "1023"), "hog: Invalid argument"),
    (("fault", "LAB", "sink", "stall-client", "/nonesuch.sock"), "stall-client: No such file"),
    (("fault", "LAB", "sink", "melt", "eth0"), "there is no fault 'melt'"),
    (("fault", "LAB", "sink", "readdress", "eth0", "10.0.0.1"), "is not an address"),
    (("check", "--socket-path", "/nonesuch.sock"), "/nonesuch.sock: No such file"),
    (("check", "--lab", "LAB"), "--lab and --node belong together"),
]

AB = '{"nodes": {"a": {}, "b": {}}, "links": ['

MALFORMED = [
    # the error; text; the message behind the file's name
    ("nothing at all", "", ":1: this is not JSON"),
    ("no JSON", '{\n "nodes": {\n', ":3: this is not JSON"),
    ("unknown field", '{"nodes": {"a": {}},\n "lnks": []}', ":2: lnks: there is no such field"),
    ("unknown field of two lines", '{"nodes": {"a": {}},\n "l\\nk": []}', ":2: l?k: there is no"),
    ("no such node",
     '{"nodes": {"a": {}},\n"links": [\n{"ends": [{"at": "a:eth0"},\n{"at": "c:eth0"}]}]}',
     ":4: links[0].ends[1].at: there is no node 'c'"),
    ("name of an interface", AB + '{"ends": [\n{"at": "a:eth%d"}, {"at": "b:e"}]}]}',
     ":2: links[0].ends[0].at: 'eth%d' cannot be the name of an interface"),
    ("bad address", AB + '{"ends": [{"at": "a:e", "addresses":\n["10.0.0.1/24",\n"10.0.0.300/24"]}, '
     '{"at": "b:e"}]}]}', ":3: links[0].ends[0].addresses[1]: must be an address"),
    ("kind", AB + '\n{"kind": "wifi",\n"ends": [{"at": "a:e"}, {"at": "b:e"}]}]}',
     ":2: links[0].kind: must be veth or tun"),
    ("wire on tun", AB + '\n{"kind": "tun",\n"wire": true,\n"ends": [{"at": "a:e"}, {"at": "b:e"}]}]}',
     ":3: links[0].wire: a tun link cannot have one"),
    ("mac on tun", AB + '{"kind": "tun",\n"ends": [{"at": "a:e",\n"mac": "02:00:00:00:00:01"}, '
     '{"at": "b:e"}]}]}', ":3: links[0].ends[0].mac: a tun device has none"),
    ("tun in a bridge", AB + '{"kind": "tun",\n"ends": [{"at": "a:e"}, {"at": "b:e"}]}], '
     '"bridges": [{"at": "a:br0",\n"ports": ["e"]}]}',
     ":3: bridges[0].ports[0]: a tun device cannot be a port"),
]

IMPOSSIBLE = [
    # well-formed, and yet the kernel will not have it: found out when half of the lab is there
    ("setting", {"nodes": {"a": {"sysctls": {"net.ipv4.nonesuch": "1"}}, "b": {}},
                 "links": [{"ends": [{"at": "a:e"}, {"at": "b:e"}]}]},
     "node a: setting net/ipv4/nonesuch to 1: No such file"),
    ("route", {"nodes": {"a": {}, "b": {"routes": [{"to": "10.0.0.0/8", "via": "10.99.0.1"}]}},
               "links": [{"ends": [{"at": "a:e"}, {"at": "b:e"}]}]},
     "node b: route to 10.0.0.0/8: Network is unreachable"),
]


def ours(t):
    """The labs of this scenario that are up."""
    return [line for line in mcrlab("list").stdout.splitlines()
            if t.lab and line.split()[0] == t.lab.name or f"bad-{os.getpid()}" in line]


@scenario("a command that is wrong is one clear line, and nothing is left behind",
          topology="direct2")
def commands(t):
    before, file = ours(t), t.run_dir / "file"
    known = {"LAB": t.lab.name, "FILE": file}
    for arguments, message in BAD:
        done = mcrlab(*(known.get(one, one) for one in arguments))
        one_line(t, done, 2, message, " ".join(arguments))
        t.equal(file.exists(), False, f"{' '.join(arguments)}: a file is left")
    t.equal(ours(t), before, "labs that are up")


@scenario("a malformed topology is refused with file, line and field, and nothing is left behind")
def malformed(t):
    path = t.run_dir / "bad.json"
    for what, text, message in MALFORMED:
        path.write_text(text)
        for command in (("up", path, "--name", f"bad-{os.getpid()}"), ("draw", path)):
            one_line(t, mcrlab(*command), 2, f"mcrlab: {path}{message}", what)
    t.equal(ours(t), [], "labs that are up")


@scenario("a lab that cannot be built is one clear line, and what was built of it is gone")
def impossible(t):
    name = f"bad-{os.getpid()}"
    for what, topology, message in IMPOSSIBLE:
        for options in ((), ("--foreground",)):
            done = mcrlab("up", "-", "--name", name, *options, input=json.dumps(topology))
            one_line(t, done, 2, message, f"{what} {options}")
            t.equal(lab_exists(name), False, f"{what}: the name is taken")


@scenario("limits of namespaces that are reached are named")
def limits(t):
    topology = (paths.TOPOLOGIES / "direct2.json").read_text(encoding="utf-8")
    script = f"echo 2 > /proc/sys/user/max_net_namespaces; exec {paths.program('mcrlab')} draw -; "
    script = script.replace("draw -;", "up - --name limited;")
    done = subprocess.run(["unshare", "--user", "--map-root-user", "sh", "-c", script], text=True,
                          input=topology, capture_output=True, timeout=scaled(20), check=False)
    one_line(t, done, 2, "cannot make a network namespace: user.max_net_namespaces, here 2, is "
             "reached", "mcrlab up")


@scenario("a topology from a descriptor has no odd name in its errors")
def by_descriptor(t):
    with open(t.run_dir / "bad.json", "w+", encoding="utf-8") as file:
        file.write('{"lnks": 1}')
        file.flush()
        done = mcrlab("draw", f"/proc/self/fd/{file.fileno()}", pass_fds=[file.fileno()])
    one_line(t, done, 2, "mcrlab: the topology:1: lnks: there is no such field", "draw")


@scenario("the topologies that come with the harness are listed with what they are")
def topologies(t):
    lines = mcrlab("topologies").stdout.splitlines()
    t.equal([line.split()[0] for line in lines],
            sorted(path.stem for path in paths.TOPOLOGIES.glob("*.json")), "names")
    for line in lines:
        name, description = line.split(None, 1)
        text = json.loads((paths.TOPOLOGIES / f"{name}.json").read_text(encoding="utf-8"))
        t.equal(description, text["description"], name)


@scenario("without permission for namespaces: one line, status 77, nothing left")
def no_permission(t):
    # In a user namespace that may hold no further namespaces at all.
    script = ("echo 0 > /proc/sys/user/max_user_namespaces; echo 0 > /proc/sys/user/max_net_namespaces;"
              f"exec {paths.program('mcrlab')} up direct2 --name forbidden")
    done = subprocess.run(["unshare", "--user", "--map-root-user", "sh", "-c", script], text=True,
                          capture_output=True, timeout=scaled(20), env=paths.environment(), check=False)
    one_line(t, done, 77, "mcrlab: cannot make a", "mcrlab up")
    t.true("namespace" in done.stderr, done.stderr)
    t.equal(lab_exists("forbidden"), False, "left behind")


if __name__ == "__main__":
    main()
