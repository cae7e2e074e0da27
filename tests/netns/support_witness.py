#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every frame of a node that contains a mark, on whatever interface and in either direction.

support_witness.py watch MARK       "ready", then a line of JSON for each; runs until stopped
support_witness.py send MARK IF...  one broadcast frame with the mark from each interface
"""

import json
import socket
import sys

ETH_P_ALL, ETH_P_IP = 3, 0x0800
DIRECTIONS = {socket.PACKET_OUTGOING: "out"}


def watch(mark):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    print("ready", flush=True)
    while True:
        frame, address = sock.recvfrom(65536)
        if mark in frame:
            at = frame.index(mark)
            print(json.dumps({"interface": address[0],
                              "direction": DIRECTIONS.get(address[2], "in"),
                              "from": socket.inet_ntoa(frame[26:30]),
                              "to": socket.inet_ntoa(frame[30:34]),
                              "text": frame[at:].rstrip(b"\0").decode(errors="replace")}),
                  flush=True)


def send(mark, interfaces):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    for interface in interfaces:
        frame = b"\xff" * 6 + bytes(6) + ETH_P_IP.to_bytes(2, "big") + bytes(50) + mark
        sock.sendto(frame, (interface, ETH_P_IP))


if __name__ == "__main__":
    try:
        if sys.argv[1] == "watch":
            watch(sys.argv[2].encode())
        else:
            send(sys.argv[2].encode(), sys.argv[3:])
    except KeyboardInterrupt:
        pass
