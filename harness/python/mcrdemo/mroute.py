# SPDX-License-Identifier: MIT
"""The kernel's own multicast routing, given one static route; run inside a node.

    mroute.py SOURCE GROUP INPUT-INTERFACE OUTPUT-INTERFACE

The route lives as long as the socket.  Prints "ready" once it stands, and waits to be killed.
Structures and numbers are those of linux/mroute.h.
"""

import signal
import socket
import struct
import sys

MRT_INIT, MRT_ADD_VIF, MRT_ADD_MFC = 200, 202, 204
VIFF_USE_IFINDEX = 8
MAXVIFS = 32


def main(source, group, *interfaces):
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IGMP)
    sock.setsockopt(socket.IPPROTO_IP, MRT_INIT, 1)
    for number, name in enumerate(interfaces):
        vif = struct.pack("=HBBIi4s", number, VIFF_USE_IFINDEX, 1, 0, socket.if_nametoindex(name),
                          bytes(4))
        sock.setsockopt(socket.IPPROTO_IP, MRT_ADD_VIF, vif)
    ttls = bytes([0, 1]).ljust(MAXVIFS, b"\0")  # in by the first, out by the second
    route = struct.pack("=4s4sH32s2xIIIi", socket.inet_aton(source), socket.inet_aton(group), 0,
                        ttls, 0, 0, 0, 0)
    sock.setsockopt(socket.IPPROTO_IP, MRT_ADD_MFC, route)
    print("ready", flush=True)
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
