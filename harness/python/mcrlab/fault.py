# SPDX-License-Identifier: MIT
"""Faults injected from outside, as root: what is tried needs no hook in what is tested."""

import contextlib
import ctypes
import errno
import mmap
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time

from .proc import command_line
from .process import pause

SYS_PIDFD_GETFD = 438
_libc = ctypes.CDLL(None, use_errno=True)


# struct worker_page and struct heartbeat_page of mcrd's core/base/statpage.h
WORKER_HEARTBEAT_OFFSET, WORKER_PID_OFFSET = 40, 56
CONTROL_HEARTBEAT_OFFSET = 0
BEAT_S = 0.02


def _parent(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return int(file.read().rsplit(")", 1)[1].split()[1])


def _heartbeat_page(pid):
    """(page, offset) of the heartbeat that a child of mcrd writes; None for any other process."""
    role = next((arg for arg in command_line(pid) if arg.startswith("--role=")), None)
    if role is None:
        return None
    supervisor = _parent(pid)
    name = "mcr-heartbeat" if role == "--role=control" else "mcr-worker-page"
    for fd in os.listdir(f"/proc/{supervisor}/fd"):
        path = f"/proc/{supervisor}/fd/{fd}"
        with contextlib.suppress(FileNotFoundError):
            if name not in os.readlink(path):
                continue
            with open(path, "r+b") as file:
                page = mmap.mmap(file.fileno(), 0)
            if role == "--role=control":
                return page, CONTROL_HEARTBEAT_OFFSET
            if struct.unpack_from("=Q", page, WORKER_PID_OFFSET)[0] == pid:
                return page, WORKER_HEARTBEAT_OFFSET
            page.close()
    return None


class _Heartbeats(threading.Thread):
    """Writes the heartbeats of processes that stand still."""

    def __init__(self, pids, ahead_s):
        super().__init__(daemon=True)
        self.pages = [page for page in map(_heartbeat_page, pids) if page]
        self.ahead_ns = int(ahead_s * 1e9)
        self._end = threading.Event()
        self.beat()
        self.start()

    def beat(self):
        at_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC) + self.ahead_ns
        for page, offset in self.pages:
            struct.pack_into("=Q", page, offset, at_ns)

    def run(self):
        while self.pages and not self._end.wait(BEAT_S):
            self.beat()

    def stop(self):
        """The last one is of now: from here on they are to write their own."""
        self._end.set()
        self.join()
        self.ahead_ns = 0
        self.beat()


@contextlib.contextmanager
def stopped(*pids, ahead_s=0.8):
    """SIGSTOP for as long as the block runs, or the process lives.

    The heartbeat of a child of mcrd goes on meanwhile, written from here: the stop may take its
    time and is never taken for a hang.  It is `ahead_s` ahead, so that this thread may be late;
    more than a second would not be believed.  None: the heartbeat stands still, too.
    """
    heartbeats = _Heartbeats(() if ahead_s is None else pids, ahead_s or 0)
    try:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                os.kill(pid, signal.SIGSTOP)
                _wait_state(pid, "T")
        yield
    finally:
        heartbeats.stop()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _wait_state(pid, state):
    """A signal takes effect when the process is scheduled next."""
    while True:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            if file.read().rsplit(")", 1)[1].split()[0] in (state, "Z"):
                return
        pause()


# Descriptors of another process

def take_descriptor(pid, fd):
    """A duplicate of another process's descriptor, as a socket: pidfd_getfd(2)."""
    pidfd = os.pidfd_open(pid)
    try:
        got = _libc.syscall(SYS_PIDFD_GETFD, pidfd, fd, 0)
        if got < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"pidfd_getfd: {os.strerror(number)}")
    finally:
        os.close(pidfd)
    return socket.socket(fileno=got)


def _inode(pid, fd):
    match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{fd}"))
    return match and match[1]


def peer_descriptor(t, node, pid, fd, owner):
    """The other end of a Unix socket, taken from the process that owns it."""
    mine = _inode(pid, fd)
    for line in t.run(node, ["ss", "-xanH"]).stdout.splitlines():
        fields = line.split()
        if fields[5] == mine:
            peer = fields[7]
            break
    else:
        raise LookupError(f"ss does not show socket {mine}")
    for other in os.listdir(f"/proc/{owner}/fd"):
        with contextlib.suppress(FileNotFoundError):
            if _inode(owner, other) == peer:
                return take_descriptor(owner, int(other))
    raise LookupError(f"process {owner} does not have socket {peer}")


# Memory of another process

def _writable(pid):
    """Anonymous writable mappings, without the shadow memory of a sanitizer."""
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as file:
        for line in file:
            span, rights, _, _, inode = line.split()[:5]
            start, end = (int(one, 16) for one in span.split("-"))
            if rights.startswith("rw-p") and inode == "0" and end - start < 1 << 28:
                yield start, end


def find_in_memory(pid, needle):
    """Every address at which a process's own memory holds these bytes."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end in _writable(pid):
            try:
                data = os.pread(memory.fileno(), end - start, start)
            except OSError as error:
                if error.errno in (errno.EIO, errno.EFAULT):
                    continue
                raise
            at = data.find(needle)
            while at >= 0:
                found.append(start + at)
                at = data.find(needle, at + 1)
    return found


def peek(pid, address, length):
    """Bytes of a process's memory; OSError when they are not mapped."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        return os.pread(memory.fileno(), length, address)


def poke(pid, address, data):
    """Write into a process's memory; OSError when it is not mapped."""
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        os.pwrite(memory.fileno(), data, address)


def limit_memory(pid):
    """No mapping that a process asks for succeeds any more; done as its own user, as only that
    and CAP_SYS_RESOURCE may.
    """
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        ids = {line.split()[0]: line.split()[1] for line in file if line[:4] in ("Uid:", "Gid:")}
    become = [] if os.geteuid() == int(ids["Uid:"]) else \
        ["setpriv", f"--reuid={ids['Uid:']}", f"--regid={ids['Gid:']}", "--clear-groups"]
    subprocess.run(become + ["prlimit", f"--pid={pid}", "--as=1"], check=True)


# A worker's live table: struct match_rule and struct match_output begin with these records
RULE_ID_OFFSET, RULE_PORT_OFFSET = 112, 88
OUTPUT_NAME_OFFSET, OUTPUT_DESTINATION_OFFSET = 72, 88


def rule_records(pid, rule_id):
    """Where a worker's table holds a rule."""
    return [at - RULE_ID_OFFSET for at in find_in_memory(pid, rule_id.encode().ljust(64, b"\0"))]


def output_records(pid, group, port, interface):
    """Where a worker's table holds an output that sends to this address."""
    destination = struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + \
        socket.inet_aton(group) + bytes(8)
    records = [at - OUTPUT_DESTINATION_OFFSET for at in find_in_memory(pid, destination)]
    name = interface.encode().ljust(16, b"\0")
    return [at for at in records if peek(pid, at + OUTPUT_NAME_OFFSET, 16) == name]


def corrupt_rule_port(pid, rule_id):
    """Another port in every copy of a rule; returns how many there are."""
    records = rule_records(pid, rule_id)
    for at in records:
        poke(pid, at + RULE_PORT_OFFSET, struct.pack("=H", 4))
    return len(records)


def corrupt_destination(pid, group, port, interface, other_group):
    """Another group to send to; returns how many copies there are."""
    records = output_records(pid, group, port, interface)
    for at in records:
        poke(pid, at + OUTPUT_DESTINATION_OFFSET + 4, socket.inet_aton(other_group))
    return len(records)
