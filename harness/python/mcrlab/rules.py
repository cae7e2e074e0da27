# SPDX-License-Identifier: MIT
"""Rules as literal JSON, and what a relay and its kernel make of them.

Nothing here speaks for the daemon: a rule is the object that stands in a configuration file, an
answer is the object that came over the socket.
"""

import socket
import struct


def output(group, port, interface="eth1", **more):
    """One output; `more` is ttl, dscp, source_ip, source_port."""
    return {"interface": interface, "group": group, "port": port, **more}


def rule(group, port, *outputs, interface="eth0", source=None, **more):
    """One rule; `more` is id, name, rate_limit, priority, path, consume."""
    where = {"interface": interface, "group": group, "port": port}
    if source is not None:
        where["source"] = source
    return {"input": where, "outputs": list(outputs), **more}


def add(t, relay, one, **more):
    """AddRule, active and applied everywhere when this returns; its result.

    A worker that hardly gets the CPU may confirm after the answer has gone.
    """
    result = relay.rpc("AddRule", {**one, **more})
    t.equal((result["state"], result["applied"] + len(result["pending"]), result["warnings"]),
            ("active", result["workers"], []), "answer to AddRule")
    if result["pending"]:
        t.wait_until(lambda: all(one["in_sync"] for one in relay.rpc("ListWorkers")["workers"]),
                     10, "the rule at every worker")
    return result


def rules_by_id(relay):
    """The answer to ListRules as {rule id: rule}."""
    return {one["rule_id"]: one for one in relay.rpc("ListRules")["rules"]}


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
