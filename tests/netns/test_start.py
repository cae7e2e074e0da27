#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""mcrd on the command line: options, notification, and why it may refuse to start.

    gen ---- eth0  relay  eth1 ---- sink
"""

import errno
import shutil
import socket
import sys
import time
from pathlib import Path

import support  # pylint: disable=unused-import
from mcrlab import main, paths, scaled, scenario

from support_refused import one_line, refused_start
from support_rules import add, nonzero, output, rule

HERE = Path(__file__).resolve().parent
OK, USAGE = 0, 2
IO_URING_SETUP = 425


@scenario("a start without privilege says what to grant", topology="chain3", root="more than one user")
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


@scenario("a second daemon on the same control socket ends", topology="chain3")
def second_instance(t):
    """The second says so and ends; the first does not notice."""
    relay = t.mcrd("relay")
    status, log = refused_start(t, path=relay.socket_path)
    t.equal(status, 1, "status")
    one_line(t, log, "another mcrd", str(relay.socket_path), "--control-socket-path")
    t.true(relay.rpc("Ping")["pong"], "the first one")


@scenario("a control socket path that is something else is refused", topology="chain3")
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


@scenario("a kernel that is too old is named", topology="chain3")
def old_kernel(t):
    """The line names it, and the limit that is needed."""
    status, log = refused_start(t, wrapper=["setarch", "--uname-2.6"])
    t.equal(status, 1, "status")
    one_line(t, log, "Linux 2.6", "6.1")


@scenario("a kernel without io_uring and one that forbids it are told apart", topology="chain3")
def no_io_uring(t):
    """One line each, and not the same one."""
    for number, words in ((errno.ENOSYS, "without io_uring"), (errno.EPERM, "seccomp")):
        status, log = refused_start(t, wrapper=[sys.executable, f"{HERE}/support_deny.py",
                                                IO_URING_SETUP, number])
        t.equal(status, 1, "status")
        one_line(t, log, "io_uring", words)


@scenario("wrong options end with status 2 and a hint", topology="chain3")
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


@scenario("input interfaces of the command line are opened at the start", topology="chain3")
def given_interfaces(t):
    """Opened at the start: arriving frames are counted although no rule names the interface."""
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


@scenario("the word supervisor may stand before the options", topology="chain3")
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
        listener.settimeout(scaled(10))
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


if __name__ == "__main__":
    main()
