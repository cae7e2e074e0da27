#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Workers start whatever memory may be locked, and relay.

    gen ---- eth0  relay  eth1 ---- sink

mcrd runs as a user of its own with few rights, so that what other programs lock does not count
here, and what is locked here is no other program's trouble.  The kernel takes back what a program
has locked some time after its end, so nothing here runs as a user that another program was before.
Kernels before 6.14 charge no ring.
"""

import itertools
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import support  # pylint: disable=unused-import
from mcrlab import main, paths, scenario
from mcrlab.relay import RpcClient

from support_rules import output, rule

IN, OUT = "239.1.1.1", "239.2.2.2"
LIMIT_KIB = 8192
HOLDER = Path(__file__).resolve().with_name("support_lock.py")
FULL, QUARTER, SIXTEENTH = 16384, 4096, 1024  # completions a ring has room for
DEADLINE_S = 300  # a busy machine takes long to make, to refuse and to release rings
ROOT = "more than one user"


# No system gives out these numbers: 16 for each process that runs this file.
USERS = itertools.count(1879048192 + os.getpid() * 16)


def as_user(user, *rights):
    """The beginning of a command line: another user, these rights, and the limit."""
    caps = ",".join(f"+{right}" for right in rights) or "-all"
    return ["prlimit", f"--memlock={LIMIT_KIB << 10}:{LIMIT_KIB << 10}", "--",
            "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups",
            "--bounding-set=-sys_resource", f"--inh-caps={caps}"] + \
        ([f"--ambient-caps={caps}"] if rights else [])


class Holder:
    """Another program of a user, which has locked memory."""

    def __init__(self, t, user, kib):
        # Its text, since the user may not be let into the directory where the file is.
        self.popen = subprocess.Popen(as_user(user) + [sys.executable, "-c", HOLDER.read_text(),
                                                       str(kib)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.kib = int(self.popen.stdout.readline())
        t.note(f"another program holds {self.kib} KiB")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.popen.communicate()


def charged(t):
    """Skips where the kernel charges nothing."""
    with Holder(t, next(USERS), 2 * LIMIT_KIB) as holder:
        if holder.kib == 2 * LIMIT_KIB:
            t.skip("this kernel charges no ring to RLIMIT_MEMLOCK")


class Daemon:
    """mcrd of a user, by its socket."""

    def __init__(self, t, user, workers, *rights):
        directory = t.run_dir / f"user-{user}"
        directory.mkdir()
        for path in (t.run_dir, directory):
            path.chmod(0o777)
        program = Path(shutil.copy(paths.program("mcrd"), directory))
        self.path = directory / "control.sock"
        self.process = t.start("relay", as_user(user, "net_raw", "net_admin", *rights) + [
            program, "--control-socket-path", self.path,
            "--num-workers", workers])

    def ask(self, method, params=None):
        with RpcClient(self.path) as client:
            client.call("VersionCheck", {"version": "1"})
            return client.call(method, params)

    def log(self):
        return self.process.stderr()

    def lines(self, words):
        return [line for line in self.log().splitlines() if words in line]


def relays(t, daemon, workers, flow=1):
    """All workers are in sync, and a stream goes through."""
    t.wait_until(lambda: "ready after" in daemon.log() or not daemon.process.running, 90, "ready")
    t.equal(len(daemon.ask("ListWorkers")["workers"]), workers, "workers")
    daemon.ask("AddRule", rule(IN, 5000, output(OUT, 6000)))
    t.wait_until(lambda: all(one["in_sync"] for one in daemon.ask("ListWorkers")["workers"]), 90,
                 "all workers in sync")
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.gen("gen", "eth0", IN, 5000, rate=2000, count=500, size=200, first_flow=flow)
    t.clean(sink.finish(500), 500)


def rings_are(t, daemon, entries):
    """The log's line about their size; none for the full size."""
    t.equal([line.split("rings of ")[1].split()[0] for line in daemon.lines("rings of ")],
            [] if entries == FULL else [str(entries)], "sizes of rings in the log")
    t.equal(len(daemon.lines("cap_ipc_lock")), int(entries != FULL), "lines that say what to do")


@scenario("32 workers start under a small RLIMIT_MEMLOCK", topology="chain3", root=ROOT, alone=True,
          deadline_s=DEADLINE_S)
def without(t):
    """Smaller rings; a worker that is killed comes back, and the datagrams that it held are not
    lost."""
    charged(t)
    daemon = Daemon(t, next(USERS), 32)
    relays(t, daemon, 32)
    rings_are(t, daemon, QUARTER)
    pid = daemon.ask("ListWorkers")["workers"][5]["pid"]
    os.kill(pid, signal.SIGKILL)
    t.wait_until(lambda: daemon.ask("ListWorkers")["workers"][5]["pid"] not in (0, pid), 60,
                 "a new worker")
    relays(t, daemon, 32, flow=2)
    t.equal(daemon.lines("is given up"), [], "lines about rings that were given up")
    t.equal(daemon.process.stop(deadline_s=60), 0, "exit status")


@scenario("32 workers start beside another program that locks memory", topology="chain3", root=ROOT,
          alone=True, deadline_s=DEADLINE_S)
def beside(t):
    """The daemon takes the memory that this program has locked into account."""
    charged(t)
    user = next(USERS)
    with Holder(t, user, LIMIT_KIB // 2) as holder:
        t.equal(holder.kib, LIMIT_KIB // 2, "KiB that the other program holds")
        daemon = Daemon(t, user, 32)
        relays(t, daemon, 32)
        rings_are(t, daemon, SIXTEENTH)
        t.equal(daemon.process.stop(deadline_s=60), 0, "exit status")


@scenario("64 workers start with CAP_IPC_LOCK", topology="chain3", root=ROOT, alone=True,
          deadline_s=DEADLINE_S)
def with_right(t):
    """CAP_IPC_LOCK: the limit does not matter, and the rings have their full size."""
    daemon = Daemon(t, next(USERS), 64, "ipc_lock")
    relays(t, daemon, 64)
    rings_are(t, daemon, FULL)
    t.equal(daemon.process.stop(deadline_s=60), 0, "exit status")


@scenario("without room for the smallest rings the start fails, and says what to do",
          topology="chain3", root=ROOT, alone=True,
          deadline_s=DEADLINE_S)
def too_little(t):
    """The start fails with one line that names the limit and what to do."""
    charged(t)
    user = next(USERS)
    with Holder(t, user, LIMIT_KIB - 200):
        daemon = Daemon(t, user, 8)
        t.wait_until(lambda: not daemon.process.running, 90, "it ends")
        t.equal(daemon.process.returncode, 1, "exit status")
        [line] = daemon.lines("locked memory")
        for words in (f"{LIMIT_KIB} KiB", "ulimit -l", "LimitMEMLOCK=", "cap_ipc_lock", "8 workers"):
            t.true(words in line, f"{words!r} in {line!r}")


if __name__ == "__main__":
    main()
