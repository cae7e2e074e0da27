#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The outside witness: frames as scapy builds them, and frames as scapy reads them.

support_scapy.py build            JSON on standard output: {name of the row: frame in hexadecimal}
support_scapy.py sniff IF PORT N  "ready", then N frames of UDP to PORT as lines of JSON
"""

import json
import logging
import socket
import sys

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.layers.inet import IP, TCP, UDP, IPOption_NOP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

GROUP, PORT = "239.1.1.1", 5000
ETHER = 14  # bytes of its header
IP_HEADER = 20
BODY = bytes(range(100))


def ether(**fields):
    return Ether(src="02:00:00:00:00:01", dst="01:00:5e:01:01:01", **fields)


def ip(**fields):
    return IP(**{"src": "10.10.1.100", "dst": GROUP, "ttl": 16, **fields})


def udp(**fields):
    return UDP(**{"sport": 4000, "dport": PORT, **fields})


def cut(whole, length):
    """The first `length` bytes of a frame whose headers speak of the whole."""
    return bytes(whole)[:length]


def frames():
    good = ether() / ip() / udp() / BODY
    datagram = bytes(udp() / BODY)
    yield "plain", good
    yield "zero UDP checksum", ether() / ip() / udp(chksum=0) / BODY
    yield "IP options", (ether() / ip(options=[IPOption_Router_Alert(), IPOption_NOP()]) / udp() /
                         BODY)
    yield "padding behind the datagram", bytes(ether() / ip() / udp() / b"x") + bytes(17)

    yield "first fragment", ether() / ip(flags="MF", proto=17) / Raw(datagram[:56])
    yield "middle fragment", ether() / ip(flags="MF", frag=7, proto=17) / Raw(datagram[56:96])
    yield "last fragment", ether() / ip(frag=12, proto=17) / Raw(datagram[96:])
    yield "bad IP checksum", ether() / ip(chksum=0x1234) / udp() / BODY
    yield "bad UDP checksum", ether() / ip() / udp(chksum=0x1234) / BODY
    yield "VLAN-tagged", ether() / Dot1Q(vlan=5) / ip() / udp() / BODY

    yield "priority-tagged", ether() / Dot1Q(vlan=0, prio=5) / ip() / udp() / BODY
    yield "VLAN in a VLAN", ether(type=0x88a8) / Dot1Q(vlan=7) / Dot1Q(vlan=5) / ip() / udp() / BODY
    yield "VLAN in a priority tag", ether() / Dot1Q(vlan=0) / Dot1Q(vlan=5) / ip() / udp() / BODY

    yield "cut behind Ethernet", cut(good, ETHER)
    yield "cut in the IP header", cut(good, ETHER + 10)
    yield "cut in the last byte of the IP header", cut(good, ETHER + IP_HEADER - 1)
    yield "cut behind the IP header", cut(good, ETHER + IP_HEADER)
    yield "cut before the UDP destination port", cut(good, ETHER + IP_HEADER + 2)
    yield "cut in the UDP header", cut(good, ETHER + IP_HEADER + 6)
    yield "cut behind the UDP header", cut(good, ETHER + IP_HEADER + 8)
    yield "cut in the payload", cut(good, ETHER + IP_HEADER + 8 + 50)
    yield "IP packet too short for a UDP header", ether() / ip(proto=17) / Raw(datagram[:4])

    yield "UDP length beyond the frame", ether() / ip() / udp(len=8 + 200) / BODY
    yield "UDP length below its header", ether() / ip() / udp(len=7) / BODY
    yield "IP length below its header", ether() / ip(len=19) / udp() / BODY

    yield "IPv6", ether() / IPv6(src="fe80::1", dst="ff02::1") / udp() / BODY
    yield "version 6 in an IPv4 frame", ether(type=0x800) / ip(version=6) / udp() / BODY
    yield "TCP", ether() / ip() / TCP(sport=4000, dport=PORT) / BODY
    yield "unmatched group", ether() / ip(dst="239.1.1.2") / udp() / BODY
    yield "unmatched port", ether() / ip() / udp(dport=PORT + 1) / BODY
    yield "fragment of an unmatched group", (ether() / ip(dst="239.1.1.2", frag=12, proto=17) /
                                             Raw(datagram[96:]))


def describe(frame):
    """The fields of a frame, and whether scapy computes the same checksums."""
    seen = Ether(frame)
    again = seen.copy()
    del again[IP].chksum
    del again[UDP].chksum
    again = Ether(bytes(again))
    return {"destination": seen.dst, "source": seen[IP].src, "group": seen[IP].dst,
            "ttl": seen[IP].ttl, "dscp": seen[IP].tos >> 2, "ecn": seen[IP].tos & 3,
            "flags": str(seen[IP].flags), "identification": seen[IP].id,
            "source_port": seen[UDP].sport, "port": seen[UDP].dport,
            "payload": bytes(seen[UDP].payload).hex(),
            "ip_checksum_good": seen[IP].chksum == again[IP].chksum,
            "udp_checksum_good": seen[UDP].chksum == again[UDP].chksum}


def sniff(interface, port, count):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.bind((interface, 0))
    print("ready", flush=True)
    while count:
        frame, address = sock.recvfrom(65536)
        seen = Ether(frame)
        if address[2] != socket.PACKET_OUTGOING and UDP in seen and seen[UDP].dport == port:
            print(json.dumps(describe(frame)), flush=True)
            count -= 1


if __name__ == "__main__":
    if sys.argv[1] == "build":
        print(json.dumps({name: bytes(frame).hex() for name, frame in frames()}))
    else:
        sniff(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
