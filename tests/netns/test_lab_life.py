#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Labs: how they are brought up, entered and taken down, how they die, and that nothing is left.

    [mcrlab up: holder] --- watcher   kills what runs in the nodes when the holder has died
                        '-- carrier   moves packets between the ends of tun links
"""

import os
import pty
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import support  # pylint: disable=unused-import
from mcrlab import main, paths, scaled, scenario, wait_until
from mcrlab.lab import Lab, lab_exists
from mcrlab.proc import children, command_line

from support_lab import gone, helper, mcrlab

GROUP = "239.1.1.1"

# By hand

@scenario("up, list, exec, down; a name is used once")
def commands(t):
    name = f"test-{os.getpid()}"
    t.equal(mcrlab("up", "direct2", "--name", name).stdout, f"{name}\n", "up")
    try:
        t.true(name in mcrlab("list").stdout, "not in the list")
        again = mcrlab("up", "direct2", "--name", name)
        t.true(again.returncode != 0 and "is up already" in again.stderr, "twice the same name")
        t.equal(mcrlab("exec", name, "gen", "--", "sh", "-c", "exit 7").returncode, 7,
                "status of the command")
        t.true("no such node" in mcrlab("exec", name, "nobody", "--", "true").stderr,
               "message for a missing node")
        inside = subprocess.Popen([paths.program("mcrlab"), "exec", name, "sink", "--", "cat"],
                                  stdin=subprocess.PIPE)
        wait_until(lambda: Path(f"/proc/{inside.pid}/cmdline").read_bytes() == b"cat\0", 5, "exec")
    finally:
        done = mcrlab("down", name)
    t.equal(done.returncode, 0, f"down: {done.stderr}")
    t.equal(inside.wait(5), -signal.SIGKILL, "down ends what runs in the lab")
    inside.stdin.close()
    t.true(name not in mcrlab("list").stdout, "still in the list")
    t.true("no lab called" in mcrlab("down", name).stderr, "message for a lab that is not up")


@scenario("mcrlab shell goes into a node; with one lab up its name can be left out")
def shell(t):
    name = f"shell-{os.getpid()}"
    mcrlab("up", "direct2", "--name", name)
    try:
        for arguments in ((name, "sink"), ("sink",)):
            if len(arguments) == 1 and len(mcrlab("list").stdout.splitlines()) != 1:
                t.true("say which" in mcrlab("shell", "sink").stderr, "message with several labs")
                continue
            ours, theirs = pty.openpty()
            process = subprocess.Popen([paths.program("mcrlab"), "shell", *arguments],
                                       stdin=theirs, stdout=theirs, stderr=theirs,
                                       env=paths.environment(SHELL="/bin/sh"))
            os.close(theirs)
            os.write(ours, b"ip -o -4 address show eth0; exit 5\n")
            text = b""
            while True:
                try:
                    data = os.read(ours, 4096)
                except OSError:  # the other end of a terminal has closed
                    break
                text += data
            os.close(ours)
            t.equal(process.wait(5), 5, "status of the shell")
            t.true(b"10.90.1.2/24" in text and f"[{name}:sink]".encode() in text, text)
            t.true(f"node 'sink' of lab '{name}'; exit leaves it".encode() in text, text)
    finally:
        mcrlab("down", name)


@scenario("of many that claim a name at once, one gets it")
def claimed(t):
    name = f"claim-{os.getpid()}"
    ups = [subprocess.Popen([paths.program("mcrlab"), "up", "direct2", "--name", name], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env=paths.environment()) for _ in range(8)]
    said = [up.communicate(timeout=scaled(20)) for up in ups]
    try:
        t.equal(sorted(up.returncode for up in ups), [0] + [2] * 7, "statuses")
        t.equal({errors for _, errors in said},
                {"", f"mcrlab: a lab called '{name}' is up already\n"}, "messages")
        t.equal(sum(name in line for line in mcrlab("list").stdout.splitlines()), 1, "labs")
    finally:
        t.equal(mcrlab("down", name).returncode, 0, "down")


@scenario("many labs at once do not see each other", topology="direct2")
def parallel(t):
    labs = [Lab("direct2") for _ in range(8)]
    try:
        sink = t.sink("sink", "eth0", GROUP, 5000)
        gens = [subprocess.Popen([paths.program("mcrlab"), "exec", lab.name, "gen", "--",
                                  paths.program("mcrgen"), "--interface", "eth0", "--group", GROUP,
                                  "--port", "5000", "--count", "100", "--rate", "5000"],
                                 stdout=subprocess.DEVNULL) for lab in labs]
        t.equal({gen.wait(10) for gen in gens}, {0}, "status of the generators")
        t.gen("gen", "eth0", GROUP, 5000, count=50, rate=5000)
        t.clean(sink.finish(expect=50), 50)
    finally:
        for lab in labs:
            lab.close()


@scenario("a user without any rights can have a lab")
def unprivileged(t):
    if os.geteuid() == 0:
        prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    else:
        prefix = []
    with tempfile.TemporaryDirectory() as directory:
        # The build directory may be closed to other users.
        os.chmod(directory, 0o755)
        for name in ("mcrlab", "mcrgen", "mcrsink"):
            Path(directory, name).write_bytes(Path(paths.program(name)).read_bytes())
            os.chmod(Path(directory, name), 0o755)
        topology = Path(directory, "direct2.json")
        topology.write_bytes((paths.TOPOLOGIES / "direct2.json").read_bytes())
        os.chmod(topology, 0o644)
        name = f"nobody-{os.getpid()}"

        def unprivileged_run(*args):
            return subprocess.run(prefix + [str(arg) for arg in args], text=True, timeout=scaled(20),
                                  capture_output=True, cwd="/", check=False)
        done = unprivileged_run(f"{directory}/mcrlab", "up", topology, "--name", name)
        if "cannot make a user namespace" in done.stderr:
            t.skip(f"user namespaces are not allowed here: {done.stderr.strip()}")
        t.equal((done.returncode, done.stderr), (0, ""), "mcrlab up")
        try:
            read, write = os.pipe()
            sink = subprocess.Popen(prefix + [f"{directory}/mcrlab", "exec", name, "sink", "--",
                                              f"{directory}/mcrsink", "--interface", "eth0",
                                              "--group", GROUP, "--port", "5000", "--count", "100",
                                              "--timeout-ms", "10000", "--ready-fd", str(write)],
                                    pass_fds=[write], stdout=subprocess.PIPE, text=True, cwd="/")
            os.close(write)
            t.equal(os.read(read, 1), b"\n", "sink ready")
            os.close(read)
            gen = unprivileged_run(f"{directory}/mcrlab", "exec", name, "gen", "--",
                                   f"{directory}/mcrgen", "--interface", "eth0", "--group", GROUP,
                                   "--port", "5000", "--count", "100", "--rate", "5000")
            t.equal((gen.returncode, gen.stderr), (0, ""), "mcrgen")
            text = sink.communicate(timeout=scaled(15))[0]
            t.true(text.startswith("received 100 ") and "lost 0," in text, f"sink: {text}")
        finally:
            down = unprivileged_run(f"{directory}/mcrlab", "down", name)
        t.equal((down.returncode, down.stderr), (0, ""), "mcrlab down")


# Ends

def namespaces():
    """Network namespaces that processes live in or hold open, as inode numbers."""
    found = set()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            found.add(os.stat(f"/proc/{entry}/ns/net").st_ino)
            for fd in os.listdir(f"/proc/{entry}/fd"):
                target = os.readlink(f"/proc/{entry}/fd/{fd}")
                if target.startswith("net:["):
                    found.add(int(target[5:-1]))
        except OSError:
            continue
    return found


def lab_with_program(t):
    """A lab of its own with a program inside that is nobody's child: (lab, pid)."""
    lab = Lab("tun" if os.access("/dev/net/tun", os.W_OK) else "direct2")
    done = mcrlab("exec", lab.name, "gen", "--", "sh", "-c",
                  "setsid sleep 1000 >/dev/null 2>&1 & echo $!")
    pid = int(done.stdout)
    wait_until(lambda: command_line(pid) == ["sleep", "1000"], 5, "program in the lab")
    return lab, pid


@scenario("when the holder is killed nothing is left: programs, helpers, namespaces, the name")
def holder_killed(t):
    lab, program = lab_with_program(t)
    helpers = children(lab.pid)
    inodes = {os.stat(path).st_ino for path in lab.nodes.values()}
    t.true(inodes <= namespaces(), "namespaces cannot be seen while the lab is up")
    os.kill(lab.pid, signal.SIGKILL)
    lab.popen.wait()
    t.wait_until(lambda: gone(program), 5, "program gone")
    for pid in helpers:
        t.wait_until(lambda pid=pid: gone(pid), 5, f"helper {pid} gone")
    t.wait_until(lambda: not inodes & namespaces(), 5, "namespaces gone")
    t.equal(lab_exists(lab.name), False, "name still taken")
    lab.close()


@scenario("a program that hides in a namespace of its own dies with its parent")
def descendant_killed(t):
    lab, program = lab_with_program(t)
    done = mcrlab("exec", lab.name, "gen", "--", "sh", "-c",
                  "setsid sh -c 'unshare -rn sleep 2000 & wait' >/dev/null 2>&1 & echo $!")
    parent = int(done.stdout)
    hidden = wait_until(lambda: [pid for pid in children(parent)
                                 if command_line(pid) == ["sleep", "2000"]], 5, "hidden program")
    t.true(hidden[0] not in [pid for pid, _ in lab.inhabitants()], "it is in no node")
    os.kill(lab.pid, signal.SIGKILL)
    lab.popen.wait()
    for pid in [program, parent] + hidden:
        t.wait_until(lambda pid=pid: gone(pid), 5, f"process {pid} gone")
    lab.close()


@scenario("nothing is left when the program that runs the lab is killed")
def runner_killed(t):
    source = ("import sys, time\nfrom mcrlab.lab import Lab\nfrom mcrlab.process import Process\n"
              "from pathlib import Path\nlab = Lab('direct2')\n"
              "p = Process('cat', ['sleep', '1000'], lab=lab, node='gen', log_dir=Path(sys.argv[1]))\n"
              "print(lab.name, p.pid, lab.pid, flush=True)\nsys.stdin.read()\n")
    with tempfile.TemporaryDirectory() as directory:
        runner = subprocess.Popen([sys.executable, "-c", t._with_path(source), directory],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        name, inside, holder = runner.stdout.readline().split()
        t.equal(lab_exists(name), True, "lab is up")
        runner.kill()
        runner.wait()
        runner.stdin.close()
        runner.stdout.close()
    t.wait_until(lambda: gone(inside), 5, "process in the lab gone")
    t.wait_until(lambda: gone(holder), 5, "holder gone")
    t.equal(lab_exists(name), False, "name still taken")


@scenario("nothing is left when mcrlab is killed while it builds")
def builder_killed(t):
    unfinished = 0
    for number in range(10):
        name = f"half-{os.getpid()}-{number}"
        up = subprocess.Popen([paths.program("mcrlab"), "up", "mesh4", "--name", name,
                               "--foreground"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              env=paths.environment())
        # It has its name before it has built anything, and then takes some ten milliseconds.
        t.wait_until(lambda: lab_exists(name), 5, "the name")
        family = [up.pid] + children(up.pid)
        up.kill()
        unfinished += up.communicate()[0] == b""
        for pid in family:
            t.wait_until(lambda pid=pid: gone(pid), 5, f"process {pid} gone")
        t.equal(lab_exists(name), False, "name still taken")
    t.note(f"{unfinished} of 10 were killed before they were up")
    t.true(unfinished >= 1, "none was killed while it built")


@scenario("a program in a node dies with whoever started it, and the lab stays", topology="direct2")
def starter_killed(t):
    starter = subprocess.Popen(["sh", "-c", f"{paths.program('mcrlab')} exec {t.lab.name} gen -- "
                                "sleep 1000; true"], env=paths.environment())
    program = t.wait_until(lambda: [pid for pid in children(starter.pid)
                                    if command_line(pid) == ["sleep", "1000"]], 5, "the program")[0]
    starter.kill()
    starter.wait()
    t.wait_until(lambda: gone(program), 5, "the program gone")
    t.equal(lab_exists(t.lab.name), True, "the lab is up")


@scenario("a watcher that is killed is replaced, and the next does its work")
def watcher_killed(t):
    lab, program = lab_with_program(t)
    first = wait_until(lambda: helper(lab.pid, "lab-watcher"), 5, "the watcher")
    os.kill(first, signal.SIGKILL)
    t.wait_until(lambda: helper(lab.pid, "lab-watcher") not in (None, first), 5, "a new watcher")
    t.true(not gone(program), "the program goes on")
    os.kill(lab.pid, signal.SIGKILL)
    lab.popen.wait()
    t.wait_until(lambda: gone(program), 5, "program gone")
    lab.close()


@scenario("what outlives holder and watcher is listed, and taken down")
def orphaned(t):
    lab, program = lab_with_program(t)
    watcher = wait_until(lambda: helper(lab.pid, "lab-watcher"), 5, "the watcher")
    # Stopped, neither sees the other's end.
    for signo in (signal.SIGSTOP, signal.SIGKILL):
        for pid in (watcher, lab.pid):
            os.kill(pid, signo)
    lab.popen.wait()
    try:
        t.equal(gone(program), False, "the program runs on")
        lines = [line.split() for line in mcrlab("list").stdout.splitlines()]
        t.equal([line[1:] for line in lines if line[0] == lab.name],
                [["gone,", "but", "pid", str(program), "runs", "on:", "sleep"]], "list")
        inside = subprocess.run([paths.program("mcrlab"), "down", lab.name], text=True,
                                env=paths.environment(MCR_LAB=lab.name), capture_output=True,
                                timeout=scaled(20), check=False)
        t.true("no lab called" in inside.stderr and not gone(program), "from inside nothing is ended")
        done = mcrlab("down", lab.name)
        t.equal((done.returncode, done.stderr), (0, ""), "down")
        t.wait_until(lambda: gone(program), 5, "the program gone")
        t.true(lab.name not in mcrlab("list").stdout, "still listed")
    finally:
        if not gone(program):
            os.kill(program, signal.SIGKILL)
        lab.close()


@scenario("a carrier that is killed is replaced, and packets pass again", topology="tun")
def carrier_killed(t):
    first = wait_until(lambda: helper(t.lab.pid, "lab-carrier"), 5, "the carrier")
    os.kill(first, signal.SIGKILL)
    t.wait_until(lambda: helper(t.lab.pid, "lab-carrier") not in (None, first), 5, "a new carrier")
    t.run("relay", ["sh", "-c", "echo 0 | tee /proc/sys/net/ipv4/conf/*/rp_filter"])
    # It has a name before it carries anything.
    probe = t.sink("relay", "tun0", GROUP, 5001)

    def passes():
        t.gen("gen", "tun0", GROUP, 5001, count=1)
        return probe.received()

    t.wait_until(passes, 5, "a packet to pass")
    sink = t.sink("relay", "tun0", GROUP, 5000)
    t.gen("gen", "tun0", GROUP, 5000, count=100, rate=5000)
    t.clean(sink.finish(100), 100)


@scenario("a helper is not to be mistaken for the holder", topology="direct2")
def names(t):
    watcher = wait_until(lambda: helper(t.lab.pid, "lab-watcher"), 5, "the watcher")
    t.wait_until(lambda: command_line(watcher)[:1] == ["lab-watcher"], 5, "its name")
    t.true("up" not in command_line(watcher), "nothing is left of the holder's command line")
    t.true("up" in command_line(t.lab.pid), "the holder keeps its own")


@scenario("whoever enters a lab while it goes down is not left behind")
def race(t):
    for round_number in range(5):
        name = f"race-{os.getpid()}-{round_number}"
        mcrlab("up", "direct2", "--name", name)
        inside = [subprocess.Popen([paths.program("mcrlab"), "exec", name, "sink", "--", "sleep",
                                    "1000"], stderr=subprocess.DEVNULL) for _ in range(10)]
        t.equal(mcrlab("down", name).returncode, 0, "down")
        # Killed inside, or turned away at the door.
        for process in inside:
            t.true(process.wait(5) in (-signal.SIGKILL, 2), f"status {process.returncode}")


if __name__ == "__main__":
    main()
