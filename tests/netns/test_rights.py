#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Other users, fewer rights: what still works, and what is said about the rest.

    gen ---- eth0  relay  eth1 ---- sink
"""

import os
import shutil
import signal
import subprocess
import sys

import support  # pylint: disable=unused-import
from mcrlab import main, paths, scenario

from support_rules import add, output, rule

IN, OUT = "239.1.1.1", "239.2.2.2"
CONTROL, WORKER = "--role=control", "--role=worker"
USER = 65530  # of no account on any distribution
RAW_ALONE = ["--inh-caps=-all,+net_raw", "--ambient-caps=+net_raw",
             "--bounding-set=-all,+net_raw"]
AS_USER = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
ROOT = "more than one user"
ADDRESS, PORT = "10.20.0.1", 520

CONNECTED_SENDER = """
import select, socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect((sys.argv[1], int(sys.argv[2])))
poll, sent = select.poll(), 0
poll.register(sock, select.POLLERR)
for n in range(20):
    try:
        sent += sock.send(b"%02d" % n) == 2
    except ConnectionRefusedError:
        pass
    poll.poll(5)  # an ICMP error is reported by the next send
print(sent)
"""


def flows(t, flow=0):
    """A stream, whole."""
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.gen("gen", "eth0", IN, 5000, rate=5000, count=500, size=200, first_flow=flow)
    t.clean(sink.finish(500), 500)


def copied(t):
    """mcrd where every user may execute it."""
    program = t.run_dir / "mcrd"
    shutil.copy(paths.program("mcrd"), program)
    program.chmod(0o755)
    return program


def may_look_into(uid, pid):
    """May a process of that user read the memory of this one?"""
    done = subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "dd",
                           f"if=/proc/{pid}/mem", "of=/dev/null", "count=0", "status=none"],
                          check=False, capture_output=True)
    return done.returncode == 0


@scenario("another user with CAP_NET_RAW alone can run it", topology="chain3", root=ROOT)
def raw_alone(t):
    """It relays; its children are its user, and yet no process of that user can look into them."""
    relay = t.mcrd("relay", program=copied(t), wrapper=AS_USER + RAW_ALONE, owner=USER)
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    flows(t)
    t.true("without CAP_NET_ADMIN" in relay.log(), relay.log())
    t.true(" warning " not in relay.log() or "network namespace" in relay.log(), relay.log())
    other = t.start(None, AS_USER + ["sleep", "60"])
    t.wait_until(lambda: os.stat(f"/proc/{other.pid}").st_uid == USER, 5, "a process of the user")
    t.true(may_look_into(USER, other.pid), "another process of the user can be looked into")
    other.send_signal(signal.SIGKILL)
    other.wait(5)
    other.faults = lambda: []
    for pid in relay.children():
        t.equal(os.stat(f"/proc/{pid}/environ").st_uid, 0, "dumpable: owner of its /proc files")
        t.true(not may_look_into(USER, pid), "a child can be looked into")


@scenario("root with CAP_NET_RAW alone can run it, and what is missing is logged",
          topology="chain3", root=ROOT)
def root_raw_alone(t):
    """It relays; that children stay root is said, and which rights are missing."""
    relay = t.mcrd("relay", wrapper=["setpriv", "--bounding-set=-all,+net_raw"])
    t.true("CAP_SETUID or CAP_SETGID is missing: children stay root" in relay.log(), relay.log())
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    flows(t)
    for pid in relay.children():
        t.equal(os.stat(f"/proc/{pid}").st_uid, 0, "user of a child")


@scenario("a default directory that cannot be made or written is named with the remedy",
          topology="chain3", root=ROOT)
def run_directory(t):
    """One line that says what to do, for either."""
    program = copied(t)
    start = " ".join(AS_USER + RAW_ALONE + [str(program)])
    for prepare, words in (("true", ("/run/mcr cannot be made", "RuntimeDirectory=mcr")),
                           ("mkdir /run/mcr", ("/run/mcr/control.sock: Permission denied",
                                               f"uid {USER} must be able to write"))):
        done = t.run("relay", ["unshare", "--mount", "sh", "-c",
                               f"mount -t tmpfs -o mode=755 none /run && {prepare} && exec {start}"],
                     check=False)
        lines = [line for line in done.stderr.splitlines() if " critical " in line]
        t.equal((done.returncode, len(lines)), (1, 1), f"status, lines of {done.stderr!r}")
        for word in words:
            t.true(word in lines[0], f"{word!r} in {lines[0]!r}")


@scenario("configuration and sockets may be in another user's directory", topology="chain3", root=ROOT)
def foreign_directory(t):
    """SIGHUP reads what the start read, and no socket is left behind; both after an upgrade, too."""
    text = '{"rules": [{"name": "a", "input": {"interface": "eth0", "group": "239.1.1.1", ' \
           '"port": %d}, "outputs": [{"interface": "eth1", "group": "239.2.2.2", "port": 6000}]}]}'
    relay = t.mcrd("relay", config=text % 5000, owner=USER)
    for n, port in enumerate((5001, 5000)):
        relay.config_path.write_text(text % port)
        relay.send_signal(signal.SIGHUP)
        t.wait_until(lambda: relay.rpc("ListRules")["rules"][0]["input"]["port"] == port, 5,
                     f"the file is read again: {relay.log()}")
        # Only a later answer is of a turn that has published the rules.
        t.wait_until(lambda: all(one["in_sync"] for one in relay.rpc("ListWorkers")["workers"]), 5,
                     "the worker has the rules")
        if n == 0:
            relay.ctl("upgrade", deadline_s=30)
    flows(t)
    t.true("cannot read it again" not in relay.log(), relay.log())
    relay.stop()
    t.equal([path.name for path in relay.dir.iterdir() if path.suffix == ".sock"], [],
            "sockets left behind")


@scenario("a unicast input on a port below 1024 gets every datagram", topology="chain3", root=ROOT)
def low_port(t):
    """20 of 20 datagrams of a connected sender; without the right a line that names it."""
    t.run("gen", ["ip", "route", "add", f"{ADDRESS}/32", "dev", "eth0"])
    t.run("relay", ["ip", "route", "add", "10.10.1.0/24", "dev", "eth0"])
    relay = t.mcrd("relay")
    add(t, relay, rule(ADDRESS, PORT, output(OUT, 6000)))
    sink = t.sink("sink", "eth0", OUT, 6000)
    done = t.python("gen", CONNECTED_SENDER, ADDRESS, str(PORT))
    t.equal(done.stdout.strip(), "20", "datagrams that the sender could send")
    t.equal(sink.finish(20)["received"], 20, "datagrams that arrived")
    relay.stop()

    relay = t.mcrd("relay", wrapper=["setpriv", "--bounding-set=-net_bind_service"])
    relay.rpc("AddRule", rule(ADDRESS, PORT, output(OUT, 6000)))
    t.wait_until(lambda: f"port {PORT} of a unicast input: Permission denied; "
                 "grant CAP_NET_BIND_SERVICE" in relay.log(), 5, relay.log())


if __name__ == "__main__":
    main()
