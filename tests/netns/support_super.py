#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Send super-datagrams: each line of the plan is one send, cut up by UDP_SEGMENT.

support_super.py IF GROUP PORT PLAN DUMP

PLAN is a list of [segment bytes, bytes in all], in JSON; every datagram is written to DUMP as
`mcrsink --dump` writes what arrives.
"""

import json
import socket
import struct
import sys

UDP_SEGMENT = 103  # linux/udp.h


def main():
    interface, group, port, plan, dump = sys.argv[1:]
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                    struct.pack("=4s4si", bytes(4), bytes(4), socket.if_nametoindex(interface)))
    number = 0
    with open(dump, "wb") as file:
        for segment, total in json.loads(plan):
            # Every datagram differs from every other, and from itself moved by some bytes.
            body = b"".join(struct.pack("!Q", number + i) for i in range(total // 8 + 1))[:total]
            number += total // 8 + 1
            ancillary = []
            if segment < total:
                ancillary = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", segment))]
            sock.sendmsg([body], ancillary, 0, (group, int(port)))
            for at in range(0, total, segment):
                part = body[at:at + segment]
                file.write(struct.pack("!I", len(part)) + part)


if __name__ == "__main__":
    main()
