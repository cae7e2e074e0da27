# SPDX-License-Identifier: MIT
"""Ways to make a worker's rules differ from what they should be, each from outside.

A message is taken from a worker's channel, a byte is changed in its memory, a limit is put on it:
the daemon has no part in it.  Each function injects one fault, waits until it is repaired and
returns a Repair.

A worker that is stopped must not be taken for one that hangs, and its heartbeat must not run ahead: a
heartbeat later than a publication that it does not have makes it late.
"""

import dataclasses
import fcntl
import os
import socket
import stat
import struct
import time

from mcrlab import fault

WORKER = "--role=worker"
CHANNEL = 3
MESSAGE_BYTES, GENERATION_OFFSET, SIZE_OFFSET = 64, 16, 24
ALL_SEALS = 0xf
STOP_S = 0.3
REPAIR_DEADLINE_S = 5
RESTARTED = "did not have the rules that it should have"  # of a worker that drift cost its life


@dataclasses.dataclass
class Repair:
    """How long it took, and what the client was told meanwhile."""

    seconds: float
    answers: list = dataclasses.field(default_factory=list)


def workers(relay):
    """The answer to ListWorkers as {number: worker}."""
    return {one["worker"]: one for one in relay.rpc("ListWorkers")["workers"]}


def in_sync(relay):
    """Does every worker have the published rules?"""
    return all(one["in_sync"] for one in workers(relay).values())


def wait_repaired(t, relay, before):
    """Until the worker that was as `before` says has been repaired once more; when that was."""
    with relay.connect() as client:
        def done():
            one = client.call("ListWorkers")["workers"][before["worker"]]
            return one["drift_repaired"] > before["drift_repaired"] and one["in_sync"]
        t.wait_until(done, REPAIR_DEADLINE_S, f"repair of worker {before['worker']}")
    return time.monotonic()


# Memory

def corrupt_rule(t, relay, number, rule_id):
    """Another port in a rule of the live table."""
    before = workers(relay)[number]
    t.true(fault.corrupt_rule_port(before["pid"], rule_id) >= 1, "the rule is in the memory")
    since = time.monotonic()
    return Repair(wait_repaired(t, relay, before) - since)


def corrupt_destination(t, relay, number, group, port, other_group):
    """Another destination in an output of the live table."""
    before = workers(relay)[number]
    t.true(fault.corrupt_destination(before["pid"], group, port, "eth1", other_group) >= 1,
           "the output is in the memory")
    since = time.monotonic()
    return Repair(wait_repaired(t, relay, before) - since)


def corrupt_again_and_again(t, relay, number, rule_id):
    """Every table that there is, until the process is no more: it costs a restart."""
    before = workers(relay)[number]
    pid = before["pid"]
    relay.expect(f"worker {number} {RESTARTED}")
    since = time.monotonic()

    def gone():
        if pid not in relay.children(WORKER):
            return True
        try:
            fault.corrupt_rule_port(pid, rule_id)
        except OSError:
            return True
        return False
    t.wait_until(gone, REPAIR_DEADLINE_S, "the restart")
    t.wait_until(lambda: (one := workers(relay)[number])["in_sync"] and one["pid"] != pid and
                 one["drift_detected"] == one["drift_repaired"], REPAIR_DEADLINE_S, "in sync")
    return Repair(time.monotonic() - since)


# Channel

def steal_snapshot(t, pid):
    """Take the next snapshot from a stopped worker's channel: message and descriptor.

    The egress sockets that come before it are lost; the worker has others for the same outputs.
    """
    with fault.take_descriptor(pid, CHANNEL) as channel:
        channel.setblocking(False)

        def taken():
            try:
                message, fds, _, _ = socket.recv_fds(channel, MESSAGE_BYTES, 1)
            except BlockingIOError:
                return None
            if fds and stat.S_ISSOCK(os.fstat(fds[0]).st_mode):
                os.close(fds[0])
                return None
            return message, fds
        message, fds = t.wait_until(taken, 2, "a snapshot for the worker")
    t.equal((len(message), len(fds)), (MESSAGE_BYTES, 1), "a snapshot's message, descriptor")
    return message, fds[0]


def change_unseen(relay, group):
    """An AddRule whose answer is not waited for; returns the connection."""
    client = relay.connect()
    client.raw('{"jsonrpc":"2.0","id":7,"method":"AddRule","params":{"input":{"interface":"eth0",'
               f'"group":"{group}","port":5000}},"outputs":[{{"interface":"eth1","group":'
               '"239.9.9.9","port":6000}]}}\n')
    return client


def _repaired_and_answered(t, relay, client, before, since):
    repair = Repair(wait_repaired(t, relay, before) - since, [client.read()["result"]])
    client.close()
    return repair


def lose_command(t, relay, number, group):
    """The command that makes a worker have `group` is taken away from it."""
    before = workers(relay)[number]
    with fault.stopped(before["pid"], ahead_s=0):
        client = change_unseen(relay, group)
        _, fd = steal_snapshot(t, before["pid"])
        os.close(fd)
        since = time.monotonic()
    return _repaired_and_answered(t, relay, client, before, since)


def _cut(message, fd, bytes_less):
    """The same message, of a copy of the snapshot that is shorter."""
    size, = struct.unpack_from("=Q", message, SIZE_OFFSET)
    whole = os.pread(fd, size, 0)
    short = os.memfd_create("cut", os.MFD_ALLOW_SEALING)
    os.write(short, whole[:-bytes_less])
    fcntl.fcntl(short, fcntl.F_ADD_SEALS, ALL_SEALS)
    message = bytearray(message)
    struct.pack_into("=Q", message, SIZE_OFFSET, size - bytes_less)
    return bytes(message), short


def cut_snapshot(t, relay, number, group, meanwhile=lambda: None):
    """The snapshot that holds `group` reaches a worker without its last 72 bytes."""
    before = workers(relay)[number]
    pid = before["pid"]
    with fault.peer_descriptor(t, "relay", pid, CHANNEL, relay.pid) as channel:
        with fault.stopped(pid, ahead_s=0):
            client = change_unseen(relay, group)
            message, fd = steal_snapshot(t, pid)
            message, short = _cut(message, fd, 72)
            socket.send_fds(channel, [message], [short])
            os.close(fd)
            os.close(short)
            since = time.monotonic()
    meanwhile()
    return _repaired_and_answered(t, relay, client, before, since)


def refuse_all(t, relay, number, group):
    """A worker that can map no snapshot any more; its successor can."""
    before = workers(relay)[number]
    fault.limit_memory(before["pid"])
    relay.expect(f"worker {number} {RESTARTED}")
    since = time.monotonic()
    return _repaired_and_answered(t, relay, change_unseen(relay, group), before, since)


def many_changes(client, first, count):
    """AddRules in one go; the answers are still to be read."""
    client.raw("".join(
        f'{{"jsonrpc":"2.0","id":{n},"method":"AddRule","params":{{"input":{{"interface":"eth0",'
        f'"group":"239.5.{n // 250}.{n % 250 + 1}","port":5000}},"outputs":[{{"interface":"eth1",'
        f'"group":"239.6.0.1","port":6000}}]}}}}\n' for n in range(first, first + count)))


def _others_have(relay, number, rules):
    return (all(one["in_sync"] for n, one in workers(relay).items() if n != number) and
            len(relay.rpc("ListRules")["rules"]) == rules)


def stop_during_changes(t, relay, number):
    """Stopped during 100 changes; the time counts from when it may go on."""
    pid, had = workers(relay)[number]["pid"], len(relay.rpc("ListRules")["rules"])
    # One client may have 64 answers outstanding.
    with relay.connect() as client, relay.connect() as another:
        with fault.stopped(pid, ahead_s=0):
            end = time.monotonic() + STOP_S
            many_changes(client, had, 50)
            many_changes(another, had + 50, 50)
            t.wait_until(lambda: _others_have(relay, number, had + 100) and time.monotonic() > end,
                         STOP_S + 5, "the other worker has all")
        since = time.monotonic()
        t.wait_until(lambda: in_sync(relay), REPAIR_DEADLINE_S, "both in sync")
        return Repair(time.monotonic() - since,
                      [one.read()["result"] for _ in range(50) for one in (client, another)])


def fill_channel(t, relay, number, busy):
    """20 changes into a channel that holds one message: until busy(), then it may go on."""
    pid, had = workers(relay)[number]["pid"], len(relay.rpc("ListRules")["rules"])
    with fault.peer_descriptor(t, "relay", pid, CHANNEL, relay.pid) as channel:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        with fault.stopped(pid, ahead_s=0), relay.connect() as client:
            for n in range(had, had + 20):
                many_changes(client, n, 1)
                t.wait_until(lambda: _others_have(relay, number, n + 1), 5, "the other has it")
            t.wait_until(busy, 5, "busy")
        since = time.monotonic()
        t.wait_until(lambda: in_sync(relay), REPAIR_DEADLINE_S, "in sync")
        return Repair(time.monotonic() - since)
