#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The control socket, spoken literally, by clients that mean well and by others.

    gen ---- eth0  relay  eth1 ---- sink         client ---- control.sock, status.sock

While the others do what they do, a stream of 20,000 datagrams a second loses not one, and the
memory of the control process stays within bounds.
"""

import contextlib
import json
import os
import socket
import time

import support  # pylint: disable=unused-import
from mcrlab import RpcError, main, scaled, scenario
from mcrlab.fault import stopped
from mcrlab.relay import FREED_AT_ONCE

from support_rules import add, output, rule

PARSE, INVALID, NO_METHOD, PARAMS = -32700, -32600, -32601, -32602
VERSION, NOT_FOUND, CONFLICT, READ_ONLY, LIMIT = -32000, -32001, -32002, -32003, -32004
MIB = 1 << 20
CLIENTS = 64  # served at one time on each socket; see daemon/control/client.h


@contextlib.contextmanager
def streaming(t, num_workers=1):
    """A relay under load; at the end all that was sent must have arrived."""
    relay = t.mcrd("relay", num_workers=num_workers, env=FREED_AT_ONCE)
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.2", 6000), name="stream"))
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
    gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=20000, size=200)
    t.wait_until(lambda: sink.received() >= 1000, 5, "the stream flows")
    yield relay
    had = sink.received()
    t.wait_until(lambda: sink.received() >= had + 1000, 5, "the stream still flows")
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent, "the stream")
    t.conservation(relay)


def resident_kb(relay):
    [control] = relay.children("--role=control")
    with open(f"/proc/{control}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def ping_s(relay):
    """A client of its own is answered in time; returns how long it waited."""
    start = time.monotonic()
    assert relay.rpc("Ping", deadline_s=5)["pong"]
    return time.monotonic() - start


def request(method, params=None, **envelope):
    message = {"jsonrpc": "2.0", "id": 7, "method": method, **envelope}
    if params is not None:
        message["params"] = params
    return json.dumps(message)


def changed(path, value):
    """A good AddRule with one member changed; a value of None leaves it out."""
    params = rule("239.5.5.5", 5000, output("239.6.6.6", 6000))
    at, *_ = params, None
    *way, last = path
    for step in way:
        at = at[step]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return request("AddRule", params)


# Line sent, code, field, and words that the reason must contain.
WRONG = [
    ("not JSON", "hello", PARSE, "", ""),
    ("half of an object", '{"jsonrpc": "2.0"', PARSE, "", ""),
    ("text behind the object", request("Ping") + " x", PARSE, "", ""),
    ("bytes that are not UTF-8", b'{"jsonrpc": "2.0", "id": 7, "method": "\xff\xfe"}', PARSE, "",
     ""),
    ("a NUL byte", b'{"jsonrpc": "2.0", "id": 7,\0 "method": "Ping"}', PARSE, "", ""),
    ("nested a thousand deep", "[" * 1000 + "]" * 1000, PARSE, "", ""),
    ("a text", '"Ping"', INVALID, "", "object"),
    ("a batch", f"[{request('Ping')}]", INVALID, "", "batch"),
    ("an empty object", "{}", INVALID, "jsonrpc", "missing"),
    ("JSON-RPC 1.0", request("Ping", jsonrpc="1.0"), INVALID, "jsonrpc", "2.0"),
    ("an id that is an object", request("Ping", id={}), INVALID, "id", ""),
    ("an unknown member", request("Ping", extra=1), INVALID, "extra", "unknown"),
    ("no method", '{"jsonrpc": "2.0", "id": 7}', INVALID, "method", "missing"),
    ("a method that is a number", request(5), INVALID, "method", "string"),
    ("an unknown method", request("MakeCoffee"), NO_METHOD, "method", "MakeCoffee"),
    ("params that are an array", request("AddRule", [1, 2]), PARAMS, "params", "object"),
    ("params where there are none", request("Ping", {"x": 1}), PARAMS, "params.x", "unknown"),
    ("no input", changed(["input"], None), PARAMS, "params.input", "missing"),
    ("an input that is a text", changed(["input"], "eth0"), PARAMS, "params.input", "object"),
    ("no input interface", changed(["input", "interface"], None), PARAMS,
     "params.input.interface", "missing"),
    ("an interface name that is too long", changed(["input", "interface"], "e" * 16), PARAMS,
     "params.input.interface", ""),
    ("an interface name with a slash", changed(["input", "interface"], "a/b"), PARAMS,
     "params.input.interface", ""),
    ("a group that is no address", changed(["input", "group"], "239.1.1"), PARAMS,
     "params.input.group", "239.1.1"),
    ("an IPv6 group", changed(["input", "group"], "ff02::1"), PARAMS, "params.input.group", "IPv6"),
    ("the unspecified address", changed(["input", "group"], "0.0.0.0"), PARAMS,
     "params.input.group", ""),
    ("a port that is a text", changed(["input", "port"], "5000"), PARAMS, "params.input.port",
     "integer"),
    ("port 0", changed(["input", "port"], 0), PARAMS, "params.input.port", "65535"),
    ("port 65536", changed(["input", "port"], 65536), PARAMS, "params.input.port", "65535"),
    ("port 1.5", changed(["input", "port"], 1.5), PARAMS, "params.input.port", "1.5"),
    ("a port below 0", changed(["input", "port"], -1), PARAMS, "params.input.port", "-1"),
    ("a source that is a group", changed(["input", "source"], "239.1.1.1"), PARAMS,
     "params.input.source", ""),
    ("an unknown input member", changed(["input", "prot"], 5), PARAMS, "params.input.prot",
     "unknown"),
    ("no outputs", changed(["outputs"], None), PARAMS, "params.outputs", "missing"),
    ("an empty list of outputs", changed(["outputs"], []), PARAMS, "params.outputs", "1 to 256"),
    ("257 outputs", changed(["outputs"], [output("239.6.6.6", 1 + n) for n in range(257)]), PARAMS,
     "params.outputs", "257"),
    ("an output that is null", changed(["outputs"], [None]), PARAMS, "params.outputs[0]", "object"),
    ("a TTL of 256", changed(["outputs", 0, "ttl"], 256), PARAMS, "params.outputs[0].ttl", "255"),
    ("a DSCP of 64", changed(["outputs", 0, "dscp"], 64), PARAMS, "params.outputs[0].dscp", "63"),
    ("a source_ip that is a group", changed(["outputs", 0, "source_ip"], "239.0.0.1"), PARAMS,
     "params.outputs[0].source_ip", ""),
    ("an unknown priority", changed(["priority"], "urgent"), PARAMS, "params.priority", "urgent"),
    ("a negative limit", changed(["rate_limit"], {"pps": -5}), PARAMS, "params.rate_limit.pps",
     "-5"),
    ("an unknown member of a rule", changed(["colour"], "red"), PARAMS, "params.colour", "unknown"),
    ("replace that is a text", changed(["replace"], "yes"), PARAMS, "params.replace", "true"),
    ("a name of 64 bytes", changed(["name"], "n" * 64), PARAMS, "params.name", "63"),
    ("an id with a space", changed(["id"], "a b"), PARAMS, "params.id", ""),
    ("no rule_id", request("RemoveRule", {}), PARAMS, "params.rule_id", "missing"),
    ("an unknown rule_id", request("RemoveRule", {"rule_id": "nobody"}), NOT_FOUND,
     "params.rule_id", "nobody"),
    ("an unknown name", request("RemoveRuleByName", {"name": "nobody"}), NOT_FOUND, "params.name",
     "nobody"),
    ("a loop", changed(["outputs", 0], output("239.5.5.5", 5000, "eth0")), CONFLICT,
     "params.outputs[0]", ""),
    ("a configuration that is a number", request("LoadConfig", {"text": 5}), PARAMS, "params.text",
     "string"),
    ("a configuration that is broken", request("LoadConfig", {"text": '{"workers": 2,\n "rules"}'}),
     PARAMS, "", ""),
]


@scenario("malformed and wrong requests are answered with field and reason", topology="chain3")
def wrong_requests(t):
    """Each is answered with an error that names field and reason; the connection lives on."""
    with streaming(t) as relay, relay.connect() as client:
        rules = relay.rpc("ListRules")
        for what, line, code, field, words in WRONG:
            client.raw((line if isinstance(line, bytes) else line.encode()) + b"\n")
            answer = client.read()
            t.true(answer is not None, f"{what}: the connection was closed")
            t.true("error" in answer, f"{what}: accepted: {answer}")
            error = answer["error"]
            t.equal((error["code"], error["data"]["field"]), (code, field), f"{what}: {error}")
            t.true(error["data"]["reason"] and words in error["data"]["reason"],
                   f"{what}: {words!r} in {error}")
            t.equal(error["message"], (field and f"{field}: ") + error["data"]["reason"], what)
            t.equal(answer["jsonrpc"], "2.0", what)
            t.true(client.call("Ping")["pong"], f"{what}: the connection afterwards")
        for key in ("generation", "rules"):
            shown = relay.rpc("ListRules")[key]
            if key == "rules":
                t.equal([one["rule_id"] for one in shown],
                        [one["rule_id"] for one in rules[key]], "rules afterwards")
            else:
                t.equal(shown, rules[key], "generation afterwards")


@scenario("errors carry the id of their request", topology="chain3")
def ids(t):
    """Numbers, texts and null come back as they were; a notification is not answered."""
    relay = t.mcrd("relay")
    with relay.connect() as client:
        for number in (0, -5, 123456789, "text", "", None):
            client.raw(request("Nothing", id=number) + "\n")
            answer = client.read()
            t.equal((answer["id"], answer["error"]["code"]), (number, NO_METHOD), "id and code")
        client.raw('{"jsonrpc": "2.0", "method": "Ping"}\n')
        client.raw(request("Ping", id="after") + "\n")
        t.equal(client.read()["id"], "after", "id of the first answer after a notification")


@scenario("a configuration error names line and column", topology="chain3")
def config_errors(t):
    """LoadConfig and CheckConfig say where; nothing of the text is applied."""
    relay = t.mcrd("relay")
    good = rule("239.1.1.1", 5000, output("239.2.2.2", 6000))
    bad = rule("239.1.1.2", 5000, output("239.2.2.2", 70000))
    text = json.dumps({"rules": [good, bad]}, indent=1)
    line = next(n for n, one in enumerate(text.splitlines(), 1) if "70000" in one)
    for method in ("LoadConfig", "CheckConfig"):
        error = t.raises(RpcError, relay.rpc, method, {"text": text})
        t.equal((error.code, error.data["field"], error.data["line"]),
                (PARAMS, "rules[1].outputs[0].port", line), f"{method}: code, field, line")
        t.true(error.data["column"] > 0, f"{method}: column")
    t.equal(relay.rpc("ListRules")["rules"], [], "rules afterwards")
    t.equal(relay.rpc("CheckConfig", {"text": json.dumps({"workers": 3, "rules": [good]})}),
            {"rules": 1, "workers": 3}, "CheckConfig of a good one")


@scenario("VersionCheck comes first", topology="chain3")
def version_check(t):
    """Missing or different, it is an error that says so, and the connection is closed."""
    relay = t.mcrd("relay")
    with relay.connect(version=None) as client:
        client.raw(request("Ping") + "\n")
        answer = client.read()
        t.equal((answer["id"], answer["error"]["code"]), (7, VERSION), "without VersionCheck")
        t.true("VersionCheck" in answer["error"]["message"], answer["error"]["message"])
        t.equal(client.read(), None, "what follows: the end")
    with relay.connect(version=None) as client:
        client.raw(request("VersionCheck", {"version": "0.9"}) + "\n" + request("Ping") + "\n")
        answer = client.read()
        t.equal(answer["error"]["code"], VERSION, "another version")
        for version in ("0.9", "1"):
            t.true(f"version {version}" in answer["error"]["message"],
                   f"version {version} in: {answer['error']['message']}")
        t.equal(client.read(), None, "what follows: the end")
    with relay.connect(version=None) as client:
        result = client.call("VersionCheck", {"version": "1"})
        t.equal((result["version"], bool(result["server"])), ("1", True), "the right version")
        t.equal(client.call("GetVersion"), {"version": result["server"], "protocol": "1"},
                "GetVersion")


@scenario("the status socket is read-only", topology="chain3")
def status_socket(t):
    """It answers questions and refuses changes."""
    relay = t.mcrd("relay")
    one = rule("239.1.1.1", 5000, output("239.2.2.2", 6000))
    rule_id = add(t, relay, one)["rule_id"]
    path = relay.socket_path.parent / "status.sock"
    t.equal(oct(os.stat(path).st_mode & 0o777), oct(0o660), "mode of the status socket")
    t.equal(oct(os.stat(relay.socket_path).st_mode & 0o777), oct(0o660), "mode of control.sock")
    with type(relay.connect())(path) as client:
        client.call("VersionCheck", {"version": "1"})
        t.equal([one["rule_id"] for one in client.call("ListRules")["rules"]], [rule_id], "rules")
        t.equal(client.call("GetStats")["totals"]["received"], 0, "statistics")
        t.true(client.call("GetConfig")["text"], "configuration")
        for method, params in (("AddRule", rule("239.1.1.2", 5000, output("239.2.2.3", 6000))),
                               ("RemoveRule", {"rule_id": rule_id}), ("SyncRules", None),
                               ("RemoveRuleByName", {"name": "x"}),
                               ("LoadConfig", {"text": "{}", "replace": True})):
            error = t.raises(RpcError, client.call, method, params)
            t.equal((error.code, error.data["field"]), (READ_ONLY, "method"), f"{method}: code")
    t.equal([one["rule_id"] for one in relay.rpc("ListRules")["rules"]], [rule_id], "rules")


@scenario("a line above 1 MiB is refused, half a line is waited for", topology="chain3")
def long_and_half_lines(t):
    """1 MiB is taken, a longer line refused; half a line is waited for, in little memory."""
    with streaming(t) as relay:
        before_kb = resident_kb(relay)
        with relay.connect() as client:
            client.raw(request("Ping").ljust(MIB - 1) + "\n")
            t.true(client.read()["result"]["pong"], "a line of 1 MiB with its newline")
        for _ in range(5):
            with relay.connect() as client:
                try:
                    client.raw("x" * (8 * MIB))
                    client.raw("\n")
                except (BrokenPipeError, ConnectionResetError):
                    pass  # it need not listen to the rest
                answer = client.read()
                t.true(answer is not None, "an answer to a line above 1 MiB")
                t.equal((answer["error"]["code"], answer["id"]), (LIMIT, None), "its code and id")
                t.true("1 MiB" in answer["error"]["message"], answer["error"]["message"])
        halves = [relay.connect() for _ in range(10)]
        for client in halves:
            client.raw('{"jsonrpc": "2.0", "id": 1, ' + " " * (MIB // 2))
        t.true(relay.rpc("Ping")["pong"], "another client meanwhile")
        grown_kb = resident_kb(relay) - before_kb
        t.between(grown_kb, -before_kb, 24 * 1024, "growth of control in KB with 10 half lines")
        halves[0].raw('"method": "Ping"}\n')
        t.true(halves[0].read()["result"]["pong"], "the other half")
        for client in halves:
            client.close()
        t.wait_until(lambda: resident_kb(relay) - before_kb < 12 * 1024, 5, "memory given back")
        t.note(f"control grew by {grown_kb} KB while it held 10 half lines")


@scenario("of 1,000 connections those beyond the limit are refused and closed", topology="chain3")
def many_connections(t):
    """Connections beyond the limit are refused and closed; the earlier ones are still served."""
    with streaming(t) as relay, relay.connect() as first:
        before_kb = resident_kb(relay)
        served = [relay.connect() for _ in range(CLIENTS - 1)]
        too_many = []
        for _ in range(1000 - CLIENTS):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.connect(str(relay.socket_path))  # waits where the queue is full
            sock.settimeout(scaled(5))
            too_many.append(sock)
        for sock in too_many:
            with sock.makefile("rb") as lines:
                answer = json.loads(lines.readline())
                t.equal((answer["error"]["code"], answer["id"]), (LIMIT, None), "code and id")
                t.equal(lines.readline(), b"", "what follows: the end")
            sock.close()
        for client in [first] + served:
            t.true(client.call("Ping")["pong"], "a client that has a place")
        grown_kb = resident_kb(relay) - before_kb
        t.between(grown_kb, -before_kb, 8 * 1024, "growth of control in KB")
        for client in served:
            client.close()

        def has_place():
            try:
                return relay.rpc("Ping")["pong"]
            except RpcError as error:
                t.equal(error.code, LIMIT, "code while the places are not yet free")
                return False
        t.wait_until(has_place, 5, "a place for a new client")


def next_line(sock):
    """The daemon's answer to one connection of a thousand, within five seconds."""
    sock.settimeout(scaled(5))
    with sock.makefile("rb") as lines:
        return json.loads(lines.readline())


@scenario("1,000 connections at one instant are each answered or refused", topology="chain3")
def connections_at_once(t):
    """All find room in the queue while control stands still; then each is answered or refused."""
    with streaming(t) as relay, contextlib.ExitStack() as stack:
        [control] = relay.children("--role=control")
        crowd = [stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                 for _ in range(1000)]
        with stopped(control):
            for sock in crowd:
                sock.setblocking(False)
                sock.connect(str(relay.socket_path))  # BlockingIOError: the queue is full
                sock.send((request("VersionCheck", {"version": "1"}) + "\n").encode())
        answers = [next_line(sock) for sock in crowd]
        refused = [one["error"]["code"] for one in answers if "error" in one]
        t.equal(set(refused), {LIMIT}, "codes of those that were refused")
        t.equal([one for one in answers if "result" in one and one["result"]["version"] != "1"],
                [], "answers that are none")
        t.between(len(answers) - len(refused), 1, CLIENTS, "connections that were answered")
        t.equal(relay.children("--role=control"), [control], "control")
        t.note(f"{len(answers) - len(refused)} answered, {len(refused)} refused")


@scenario("clients that never read cost bounded memory, others are served", topology="chain3")
def never_read(t):
    """Their answers wait in bounded memory and their requests are not taken; others are served."""
    with streaming(t) as relay:
        relay.rpc("LoadConfig", {"text": json.dumps({"rules": [
            rule(f"239.7.{n // 250}.{n % 250}", 5000, output("239.8.8.8", 6000 + n))
            for n in range(500)]})})
        before_kb = resident_kb(relay)
        line = (request("ListRules") + "\n").encode() * 100
        clients = []
        for _ in range(16):
            client = relay.connect()
            client.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError, ConnectionError):
                for _ in range(200):
                    client.socket.send(line)
            clients.append(client)
        waits = [ping_s(relay) for _ in range(20)]
        grown_kb = resident_kb(relay) - before_kb
        t.between(grown_kb, -before_kb, 64 * 1024, "growth of control in KB")
        for client in clients:
            client.close()
        # Their requests are dropped, and other clients do not wait for them.
        waits += [ping_s(relay) for _ in range(10)]
        t.wait_until(lambda: resident_kb(relay) - before_kb < 16 * 1024, 5, "memory given back")
        t.note(f"others waited {max(waits):.3f} s at most")
        t.note(f"control grew by {grown_kb} KB for 16 clients that never read")


if __name__ == "__main__":
    main()
