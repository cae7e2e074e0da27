#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Receive on a UDP socket and say, as a line of JSON each, what came and how its IP header looked.

support_listen.py INTERFACE GROUP PORT [GROUP PORT ...]   prints "ready" first; runs until stopped.
"""

import json
import select
import socket
import struct
import sys


IP_RECVTTL = 12  # linux/in.h; Python's socket module does not have it


def listener(interface, group, port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    sock.bind((group, port))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                    struct.pack("=4s4xi", socket.inet_aton(group),
                                socket.if_nametoindex(interface)))
    return sock


def describe(sock):
    data, ancillary, _, (source, _) = sock.recvmsg(65536, 256)
    seen = {"source": source, "bytes": len(data)}
    for _, kind, value in ancillary:
        if kind == socket.IP_TTL:
            seen["ttl"] = struct.unpack("=i", value)[0]
        elif kind == socket.IP_TOS:
            seen["dscp"] = value[0] >> 2
    seen["group"], seen["port"] = sock.getsockname()
    return seen


def main():
    interface, targets = sys.argv[1], sys.argv[2:]
    socks = [listener(interface, group, int(port))
             for group, port in zip(targets[::2], targets[1::2])]
    print("ready", flush=True)
    while True:
        for sock in select.select(socks, [], [])[0]:
            print(json.dumps(describe(sock)), flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
