# SPDX-License-Identifier: MIT
"""Rules as literal JSON, and the few questions that many scenarios ask a relay and its kernel.

Nothing here speaks for the daemon: a rule is the object that stands in a configuration file, an
answer is the object that came over the socket.
"""

import contextlib
import os
import signal
import socket
import struct


def output(group, port, interface="eth1", **more):
    """One output; `more` is ttl, dscp, source_ip."""
    return {"interface": interface, "group": group, "port": port, **more}


def rule(group, port, *outputs, interface="eth0", source=None, **more):
    """One rule; `more` is id, name, rate_limit, priority."""
    where = {"interface": interface, "group": group, "port": port}
    if source is not None:
        where["source"] = source
    return {"input": where, "outputs": list(outputs), **more}


def add(t, relay, one, **more):
    """AddRule, active and applied everywhere when this returns; its result."""
    result = relay.rpc("AddRule", {**one, **more})
    t.equal((result["state"], result["applied"], result["pending"], result["warnings"]),
            ("active", result["workers"], [], []), "answer to AddRule")
    return result


def rules_by_id(relay):
    return {one["rule_id"]: one for one in relay.rpc("ListRules")["rules"]}


def drops(relay):
    """Drop reasons of all workers and interfaces together."""
    return relay.stats()["totals"]["drops"]


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


def memberships(t, node, interface):
    """The groups that the kernel of a node has joined on an interface, but for 224.0.0.1."""
    found, current = set(), None
    for line in t.run(node, ["cat", "/proc/net/igmp"]).stdout.splitlines()[1:]:
        fields = line.split()
        if not line.startswith("\t"):
            current = fields[1]
        elif current == interface:
            found.add(socket.inet_ntoa(struct.pack("=I", int(fields[0], 16))))
    return found - {"224.0.0.1"}


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


@contextlib.contextmanager
def held(t, pids):
    """The processes stand still meanwhile, and find everything at once afterwards."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        for pid in pids:
            t.wait_until(lambda: state_of_process(pid) == "T", 5, f"{pid} stopped")
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # killed meanwhile
                os.kill(pid, signal.SIGCONT)


def dumped(path):
    """The payloads that `mcrsink --dump` wrote, in order of arrival."""
    data, at, payloads = path.read_bytes(), 0, []
    while at < len(data):
        length = struct.unpack_from("!I", data, at)[0]
        payloads.append(data[at + 4:at + 4 + length])
        at += 4 + length
    return payloads


def flow_sequence_time(payload):
    """The three numbers in a test datagram; see harness/payload.h."""
    return struct.unpack_from("!4xIQQ", payload)
