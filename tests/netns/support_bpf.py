#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bpf(2) for tests: the map of a relay's references, and programs of others at tc ingress.

    support_bpf.py INTERFACE NUMBER VERDICT     attaches NUMBER programs by tcx, before all others,
                                                that return VERDICT; says so; and waits
"""

import ctypes
import os
import signal
import socket
import struct
import sys

MAP_CREATE, MAP_LOOKUP, MAP_UPDATE, MAP_DELETE, MAP_NEXT_KEY, PROG_LOAD, OBJ_PIN = range(7)
MAP_FREEZE, MAP_UPDATE_BATCH, LINK_CREATE, LINK_DETACH = 22, 26, 28, 34
ARRAY, SCHED_CLS, TCX_INGRESS, BEFORE = 2, 3, 46, 1 << 3
SYS = {"x86_64": (321, 438), "aarch64": (280, 438)}[os.uname().machine]  # bpf, pidfd_getfd
LIBC = ctypes.CDLL(None, use_errno=True)


def bpf(command, attr):
    """A command of bpf(2) with packed attributes; OSError when it fails."""
    done = LIBC.syscall(SYS[0], command, attr, len(attr))
    if done < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return done


def descriptors(pid, field, value=None):
    """Descriptors of a process whose fdinfo has that field (with that value), as ones of ours."""
    pidfd = os.pidfd_open(pid)
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as file:
            found = dict(line.split(":", 1) for line in file if ":" in line)
        if field in found and value in (None, found[field].strip()):
            yield LIBC.syscall(SYS[1], pidfd, int(fd), 0)
    os.close(pidfd)


def detach_links(pid):
    """Detaches all links of a process."""
    for link in descriptors(pid, "link_type"):
        bpf(LINK_DETACH, struct.pack("=I", link))
        os.close(link)


class Map:
    """The map of references of a relay, by a descriptor taken from its supervisor."""

    def __init__(self, pid):
        [self.fd] = descriptors(pid, "map_type", "1")  # a hash
        self.key = ctypes.create_string_buffer(16)
        self.value = ctypes.create_string_buffer(8)

    def call(self, command, key=True):
        second = {MAP_NEXT_KEY: ctypes.addressof(self.key), MAP_DELETE: 0}
        bpf(command, struct.pack("=IIQQQ", self.fd, 0, ctypes.addressof(self.key) if key else 0,
                                 second.get(command, ctypes.addressof(self.value)), 0))

    def fill(self):
        """Puts elements of no interface until there is no more room, in one call: mcrd removes what
        is not its own.  Returns how many."""
        most = 1 << 16
        keys = ctypes.create_string_buffer(b"".join(struct.pack("=IIII", 0xffff0000, n, 0, 0)
                                                    for n in range(most)), 16 * most)
        values = ctypes.create_string_buffer(8 * most)
        attr = ctypes.create_string_buffer(struct.pack(
            "=QQQQIIQQ", 0, 0, ctypes.addressof(keys), ctypes.addressof(values), most, self.fd, 0,
            0), 56)
        if LIBC.syscall(SYS[0], MAP_UPDATE_BATCH, attr, 56) == 0:
            return None
        return struct.unpack_from("=I", attr, 32)[0]

    def freeze(self):
        """No element can be changed any more by a system call."""
        bpf(MAP_FREEZE, struct.pack("=I", self.fd))

    def close(self):
        os.close(self.fd)


def pin_array(path):
    """Pins a map that is nothing like one of mcrd's."""
    fd = bpf(MAP_CREATE, struct.pack("=IIII", ARRAY, 4, 8, 1) + bytes(56))
    name = ctypes.create_string_buffer(os.fsencode(path))
    bpf(OBJ_PIN, struct.pack("=QI", ctypes.addressof(name), fd) + bytes(52))
    os.close(fd)


def load_verdict(verdict):
    """A program that returns a verdict."""
    insns = ctypes.create_string_buffer(struct.pack("=BBhiBBhi", 0xb7, 0, 0, verdict,
                                                    0x95, 0, 0, 0))
    licence = ctypes.create_string_buffer(b"Dual MIT/GPL")
    return bpf(PROG_LOAD, struct.pack("=IIQQ", SCHED_CLS, 2, ctypes.addressof(insns),
                                      ctypes.addressof(licence)) + bytes(120))


def main():
    index, number = socket.if_nametoindex(sys.argv[1]), int(sys.argv[2])
    program = [load_verdict(int(sys.argv[3])) for _ in range(number)]
    links = [bpf(LINK_CREATE, struct.pack("=IIII", one, index, TCX_INGRESS, BEFORE) + bytes(32))
             for one in program]
    print(f"{len(links)} attached", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
