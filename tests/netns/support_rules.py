# SPDX-License-Identifier: MIT
"""The few questions that many scenarios ask a relay, its kernel and its sinks.

Rules are made by mcrlab.rules, whose names are here as well: one import for a test.
"""

import socket
import struct

from mcrlab import fault
from mcrlab.rules import add, memberships, output, rule, rules_by_id

END_S = 5  # within which a daemon has ended; it promises two on a machine that is not busy

__all__ = ["END_S", "add", "drops", "dumped", "flow_sequence_time", "group_at", "held", "interface_stats",
           "memberships", "nonzero", "output", "path_settled", "per_stream", "rule", "rules_by_id", "snmp",
           "state_of_process"]


def drops(relay):
    """Drop reasons of all workers and interfaces together."""
    return relay.stats()["totals"]["drops"]


PASSING = ("its source address is not known yet", "it was added or changed a moment ago",
           "workers do not know yet which outputs the kernel is to have",
           "the MAC address of its next hop is not known yet")


def path_settled(t, relay, rule_id):
    """The path of the rule does not change any more: a change may reorder what a worker holds."""
    t.wait_until(lambda: not any(one["path_reason"] in PASSING for one in
                                 rules_by_id(relay)[rule_id]["outputs"]), 5,
                 f"the path of {rule_id}")


def nonzero(counters):
    return {name: count for name, count in counters.items() if count}


def interface_stats(relay, name):
    return next(one for one in relay.stats()["interfaces"] if one["name"] == name)


def per_stream(report):
    """{(group, port): received} of a sink's report."""
    return {(one["group"], one["port"]): one["received"] for one in report["streams"]}


def group_at(first, offset):
    """The group `offset` above `first`."""
    number = struct.unpack("!I", socket.inet_aton(first))[0] + offset
    return socket.inet_ntoa(struct.pack("!I", number))


def snmp(t, node, counter, path="/proc/net/snmp"):
    """A counter of a node's kernel, such as Icmp.OutDestUnreachs."""
    table, name = counter.split(".")
    rows = [line.split() for line in t.run(node, ["cat", path]).stdout.splitlines()
            if line.startswith(f"{table}:")]
    return int(rows[1][rows[0].index(name)])


def state_of_process(pid):
    """The letter that ps(1) shows: R, S, T when stopped, Z when dead and not yet collected."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[0]


def held(_t, pids):
    """The processes stand still meanwhile, and find everything at once afterwards."""
    return fault.stopped(*pids)


def dumped(path):
    """The payloads that `mcrsink --dump` wrote, in order of arrival."""
    data, at, payloads = path.read_bytes(), 0, []
    while at < len(data):
        length = struct.unpack_from("!I", data, at)[0]
        payloads.append(data[at + 4:at + 4 + length])
        at += 4 + length
    return payloads


def flow_sequence_time(payload):
    """The three numbers in a test datagram; see harness/traffic/payload.h."""
    return struct.unpack_from("!4xIQQ", payload)
