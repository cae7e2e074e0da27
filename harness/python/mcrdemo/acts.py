# SPDX-License-Identifier: MIT
"""The story: the kernel drops it, the relay delivers it, and changes while it runs lose nothing.

Every figure printed is measured in this run, by the programs of the harness or the kernel's own
counters; the relay's own word is shown beside theirs, never instead of it.
"""

import sys
import time
from pathlib import Path

from mcrlab import Failure
from mcrlab.process import ProcessError

from . import measure, screen, streams
from .streams import Live, count_sent

GROUP, PORT = "239.1.1.1", 5000
SOURCE, SOURCE_NET = "10.10.1.100", "10.10.1.0/24"
TS_BYTES = 1316  # seven packets of an MPEG transport stream
PROBE = 300
CAMERA_PPS = 10000
STREAM_S = 5
CHANGES_S = 6
FANOUT = [("239.2.2.2", 6000), ("239.2.2.3", 6000), ("10.90.1.2", 6100)]
SECOND = ("239.1.1.2", 5000, "239.2.2.4", 6000)
SECOND_PPS, SECOND_S = 5000, 2
STILL_MISSING_S = 3  # what has not arrived that long after the last was sent is lost


class Demo:
    def __init__(self, t, interrupts):
        self.t = t
        self.interrupts = interrupts
        self.relay = None
        self.lossless = []

    def sink(self, node, group, port):
        self.interrupts.check()
        return self.t.sink(node, "eth0", group, port)

    def gen(self, group, port, pps, **options):
        self.interrupts.check()
        return self.t.gen_start("gen", "eth0", group, port, hold=True, rate=pps, size=TS_BYTES,
                                **options)

    def ctl(self, *args):
        """mcrctl, shown with what it answers; returns the milliseconds until it had ended."""
        self.interrupts.check()
        screen.command("", ["mcrctl", "--socket-path", "$SOCKET", *args])
        start = time.monotonic()
        done = self.relay.ctl(*args)
        elapsed_ms = (time.monotonic() - start) * 1e3
        screen.block(done.stdout)
        return elapsed_ms

    def relay_cpu_seconds(self):
        return measure.cpu_seconds([self.relay.pid] + self.relay.children())


def play(t, interrupts):
    demo = Demo(t, interrupts)
    show_lab(demo)
    kernel_alone(demo)
    start_relay(demo)
    one_stream(demo)
    changes(demo)
    result(demo)


def show_lab(demo):
    t = demo.t
    screen.heading("1. Three machines (network namespaces): a source, a relay, a receiver")
    screen.block(t.lab.drawing())
    screen.paragraph(f"""The relay has no route to the source, {SOURCE}.  Linux checks the
        reverse path (RPF, sysctl rp_filter): it takes a packet only if its own route back to the
        sender leaves by the interface the packet came in on; here there is none, so it drops
        every one.""")
    answer = t.run("relay", ["ip", "route", "get", SOURCE], check=False)
    screen.command("relay", ["ip", "route", "get", SOURCE])
    screen.block(answer.stderr or answer.stdout)
    if answer.returncode == 0:
        raise Failure(f"the relay has a route to {SOURCE}: this lab shows nothing")


def kernel_alone(demo):
    """With its positive twin: the same set-up does deliver once the relay has a route."""
    t = demo.t
    screen.heading("2. The kernel alone: the relay joins the group and has a static multicast "
                   "route")
    mroute = t.start("relay", [sys.executable, Path(__file__).parent / "mroute.py", SOURCE, GROUP,
                               "eth0", "eth1"])
    t.wait_until(lambda: mroute.stdout() or not mroute.running, 5, "the kernel's multicast route")
    if not mroute.running:
        raise ProcessError("this kernel has no multicast routing to compare with: "
                           + (mroute.stderr().strip().splitlines() or ["no reason given"])[-1])
    # The receiver has a reverse path of its own; it must not be what drops the kernel's copies.
    route(t, "sink", "add")
    show_probe(demo, mroute, (0, 0), PROBE)
    screen.paragraph("Cross-check, the same after giving the relay a route back to the source:")
    route(t, "relay", "add")
    show_probe(demo, mroute, (PROBE, PROBE), 0)
    for node in ("relay", "sink"):
        route(t, node, "del")
    screen.paragraph("So RPF alone was the reason.  The routes are taken away again.")
    mroute.stop()


def route(t, node, verb):
    t.run(node, ["ip", "route", verb, SOURCE_NET, "dev", "eth0"])


def show_probe(demo, mroute, expected, expected_drops):
    received, dropped = probe_kernel(demo, mroute)
    screen.fact("arrived at the receiver", f"{received[0]} of {PROBE}")
    screen.fact("arrived at a socket on the relay itself", f"{received[1]} of {PROBE}")
    screen.fact("dropped for RPF by the relay's kernel", f"{dropped} of {PROBE}  "
                "(TcpExtIPReversePathFilter)")
    if (received, dropped) != (expected, expected_drops):
        raise Failure(f"the kernel should have delivered {expected[0]} to each of the two and "
                      f"dropped {expected_drops}")


def probe_kernel(demo, mroute):
    """PROBE datagrams; returns what arrived at (receiver, relay) and what RPF dropped."""
    before = measure.counter(mroute.pid, "TcpExt.IPReversePathFilter")
    sinks = demo.sink("sink", GROUP, PORT), demo.sink("relay", GROUP, PORT)
    sent = demo.gen(GROUP, PORT, 2000, count=PROBE).finish()
    if sent["sent"] != PROBE:
        raise Failure(f"the source sent {sent['sent']} of {PROBE}: {sent['first_error']}")
    received = tuple(sink.finish()["received"] for sink in sinks)
    return received, measure.counter(mroute.pid, "TcpExt.IPReversePathFilter") - before


def start_relay(demo):
    screen.heading("3. The relay starts and gets a rule")
    demo.interrupts.check()
    start = time.monotonic()
    relay = demo.relay = demo.t.mcrd("relay")
    elapsed_ms = (time.monotonic() - start) * 1e3
    screen.command("", [f"SOCKET={relay.socket_path}"])
    screen.command("relay", ["mcrd", "--control-socket-path", "$SOCKET", "--num-workers", "1"])
    children = relay.children()
    powerless = sum(measure.capabilities(pid) == 0 for pid in children)
    screen.paragraph(f"""Ready after {elapsed_ms:.0f} ms: a supervisor and {len(children)} child
        processes, {powerless} of which hold no capability (root's rights) at all.""")
    demo.ctl("add", "--name", "camera-1", "--input-interface", "eth0", "--input-group", GROUP,
             "--input-port", PORT, "--outputs", outputs(FANOUT[:1]))


def outputs(destinations):
    return ",".join(f"{host}:{port}:eth1" for host, port in destinations)


def one_stream(demo):
    screen.heading(f"4. The same stream again: {CAMERA_PPS:,} datagrams/s of {TS_BYTES} bytes, "
                   f"{STREAM_S} s")
    sink = demo.sink("sink", *FANOUT[0])
    gen = demo.gen(GROUP, PORT, CAMERA_PPS, count=CAMERA_PPS * STREAM_S)
    sent, cpu_before = count_sent(gen), demo.relay_cpu_seconds()
    with demo.relay.connect() as client:
        live = Live([("sent", lambda: count_sent(gen) - sent),
                     ("relayed", lambda: client.call("GetStats")["totals"]["sent"]),
                     ("received", sink.received)],
                    lambda: sink.report()["lost"], demo.interrupts)
        gen.go()
        live.run(STREAM_S - 1)
        report = gen.finish(STREAM_S + 10)
        got = sink.finish(report["sent"], STILL_MISSING_S)
        live.end([report["sent"], client.call("GetStats")["totals"]["sent"], got["received"]],
                 got["lost"])
    cpu_s = measure.cpu_seconds_between(cpu_before, demo.relay_cpu_seconds())
    screen.paragraph("""(The columns are read one after another while datagrams are under way; lost
        are the holes in the sequence numbers at the receiver.)""")
    screen.say()
    streams.summary(report, got, cpu_s)
    streams.check("camera-1", streams.faults(report, got), demo.relay)
    demo.lossless.append(report["sent"])


def changes(demo):
    screen.heading("5. Changes under traffic: camera-1 runs again, and goes on while rules change")
    sinks = [demo.sink("sink", *one) for one in FANOUT]
    second = demo.sink("sink", *SECOND[2:])
    camera = demo.gen(GROUP, PORT, CAMERA_PPS, count=CAMERA_PPS * CHANGES_S)
    extra = demo.gen(*SECOND[:2], SECOND_PPS, count=SECOND_PPS * SECOND_S, first_flow=1)
    sent = count_sent(camera)
    everyone = sinks + [second]
    live = Live([("sent", lambda: count_sent(extra) - sent),
                 ("cam-1 output1", sinks[0].received),
                 ("cam-1 output2", sinks[1].received), ("cam-1 output3", sinks[2].received),
                 ("camera-2", second.received)],
                lambda: sum(sink.report()["lost"] for sink in everyone), demo.interrupts)
    camera.go()
    live.run(2)
    add_ms = [demo.ctl("add", "--replace", "--name", "camera-1", "--input-interface", "eth0",
                       "--input-group", GROUP, "--input-port", PORT, "--outputs", outputs(FANOUT))]
    live.run(1)
    add_ms.append(demo.ctl("add", "--name", "camera-2", "--input-interface", "eth0",
                           "--input-group", SECOND[0], "--input-port", SECOND[1], "--outputs",
                           outputs([SECOND[2:]])))
    extra.go()
    live.run(2)
    reports = camera.finish(CHANGES_S + 10), extra.finish(SECOND_S + 10)
    judge_changes(demo, reports, sinks, second)
    screen.fact("mcrctl, from start to end",
                " and ".join(f"{one:.1f} ms" for one in add_ms))


def judge_changes(demo, reports, sinks, second):
    camera, extra = reports
    screen.say()
    first = sinks[0].finish(camera["sent"], STILL_MISSING_S)
    screen.fact("camera-1, output 1: there all the time", f"due {camera['sent']:,}, received "
                f"{first['received']:,}, lost {first['lost']:,}", first["lost"] != 0)
    streams.check("camera-1, output 1", streams.faults(camera, first), demo.relay)
    for number, sink in enumerate(sinks[1:], 2):
        judge_latecomer(demo, number, camera, sink)
    got = second.finish(extra["sent"], STILL_MISSING_S)
    screen.fact("camera-2: new rule", f"due {extra['sent']:,}, received {got['received']:,}, lost "
                f"{got['lost']:,}", got["lost"] != 0)
    streams.check("camera-2", streams.faults(extra, got), demo.relay)
    demo.lossless += [camera["sent"], extra["sent"]]


def judge_latecomer(demo, number, camera, sink):
    """An output that joined a running stream: from its first datagram on it must have every one."""
    so_far = sink.report()["flows"]
    due = camera["sent"] - so_far[0]["first_seq"] if so_far else 1
    got = sink.finish(due, STILL_MISSING_S)
    screen.fact(f"camera-1, output {number}: added while it ran", f"due {due:,} from its first on, "
                f"received {got['received']:,}, lost {got['lost']:,}", got["lost"] != 0)
    streams.check(f"camera-1, output {number}", streams.faults(dict(camera, sent=due), got),
                  demo.relay)


def first_output_matched(relay):
    rules = {rule["name"]: rule for rule in relay.rpc("ListRules")["rules"]}
    return rules["camera-1"]["outputs"][0]["matched"]


def result(demo):
    screen.heading("6. What the relay says")
    demo.ctl("list")
    if first_output_matched(demo.relay) < sum(demo.lossless[:2]):
        screen.paragraph("camera-1 counts from the moment it was replaced.")
    totals = demo.t.conservation(demo.relay)["totals"]
    dropped = sum(totals["drops"].values())
    screen.say()
    screen.paragraph(f"""Its books balance: received {totals['received']:,} = matched
        {totals['matched']:,} + dropped {dropped:,}; sent {totals['sent']:,} to all outputs, send
        drops {sum(totals['send_drops'].values()):,}.""")
    if dropped or totals["matched"] != sum(demo.lossless):
        raise Failure(f"the source sent {sum(demo.lossless):,}, the relay matched "
                      f"{totals['matched']:,} and dropped {dropped:,}")
    screen.say()
    screen.say(screen.coloured(
        f"PASSED: {sum(demo.lossless):,} datagrams that the kernel would have dropped were "
        "relayed, lost 0.", screen.GREEN))
