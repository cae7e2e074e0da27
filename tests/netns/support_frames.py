# SPDX-License-Identifier: MIT
"""Frames that scapy has built, sent through a packet socket past every check that a kernel makes."""

import functools
import json
import subprocess
from pathlib import Path

SCAPY = ["/usr/bin/python3", str(Path(__file__).resolve().parent / "support_scapy.py")]
COPIES = 3

SEND = """
import socket
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sock.bind(("eth0", 0))
for _ in range(int(sys.argv[2])):
    sock.send(bytes.fromhex(sys.argv[1]))
"""


@functools.lru_cache(maxsize=None)
def frames():
    done = subprocess.run(SCAPY + ["build"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"scapy: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout)


def send(t, row):
    t.python("gen", SEND, frames()[row], str(COPIES))
