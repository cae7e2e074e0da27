# SPDX-License-Identifier: MIT
"""Forged ICMP errors: python support_icmp.py GROUP PORT COUNT TYPE:CODE...

Takes one datagram sent to GROUP and PORT, so it knows what any receiver knows: the address and
the port it came from.  Then it sends the sender COUNT ICMP errors of these types and codes in
turn, each about that datagram, and prints how many.
"""

import socket
import struct
import sys


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def error(kind, code, source, destination):
    """An ICMP error about a datagram from `source` to `destination`, both (address, port)."""
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 128, 0, 0, 1, socket.IPPROTO_UDP, 0,
                         socket.inet_aton(source[0]), socket.inet_aton(destination[0]))
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    quoted = header + struct.pack("!HHHH", source[1], destination[1], 108, 0)
    icmp = struct.pack("!BBHHH", kind, code, 0, 0, 1400) + quoted
    return icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]


def source_of(group, port):
    """The source of the next datagram to (group, port); its receivers do not notice."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    print("ready", flush=True)
    while True:
        packet = wire.recv(65536)
        at = (packet[0] & 15) * 4
        if packet[9] != socket.IPPROTO_UDP or packet[16:20] != socket.inet_aton(group):
            continue
        sport, dport = struct.unpack_from("!HH", packet, at)
        if dport == port:
            return socket.inet_ntoa(packet[12:16]), sport


def main(group, port, count, *kinds):
    source = source_of(group, int(port))
    errors = [error(int(one.split(":")[0]), int(one.split(":")[1]), source, (group, int(port)))
              for one in kinds]
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    for number in range(int(count)):
        raw.sendto(errors[number % len(errors)], (source[0], 0))
    print(f"sent {count}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
