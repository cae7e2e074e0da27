#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Captures: every packet of an interface in a file, or the last of every link if they are wanted.

    [gen] eth0 10.90.1.1/24 ------- [sink] eth0 10.90.1.2/24
"""

import signal

import support  # pylint: disable=unused-import
from mcrlab import main, paths, payload, scenario
from mcrlab.capture import packets

GROUP = "239.1.1.1"

@scenario("started by hand, a capture says when it is ready", topology="direct2")
def by_hand(t):
    process = t.start(None, [paths.program("mcrlab"), "capture", t.lab.name, "sink", "eth0",
                             t.run_dir / "out.pcap", "--count", "1", "--filter", "udp"])
    t.wait_until(lambda: process.stderr() == "ready\n", 5, "ready")
    t.gen("gen", "eth0", GROUP, 5000, count=1)
    t.equal(process.wait(5), 0, "status")
    t.equal((process.stdout(), process.stderr()), ("1 packets, 0 dropped\n", "ready\n"), "said")


@scenario("a capture holds every packet that passed, byte for byte", topology="direct2")
def capture_all(t):
    capture = t.capture("sink", "eth0", expression="udp port 5000")
    sink = t.sink("sink", "eth0", GROUP, 5000)
    t.gen("gen", "eth0", GROUP, 5000, count=5000, rate=20000, size=300)
    t.gen("gen", "eth0", GROUP, 5001, count=50, rate=20000, size=300)
    t.clean(sink.finish(5000), 5000)
    packets = capture.finish()
    t.equal(capture.stdout().strip(), "5000 packets, 0 dropped", "what it says")
    t.equal(len(packets), 5000, "packets in the file")
    for number, packet in enumerate(packets):
        body = packet[42:]
        time_ns = int.from_bytes(body[16:24], "big")
        if body != payload(number, size=300, time_ns=time_ns):
            t.fail(f"packet {number} is not what was sent")


@scenario("a capture of N packets ends by itself", topology="direct2")
def capture_count(t):
    capture = t.capture("gen", "eth0", count=7, expression="udp")
    t.gen("gen", "eth0", GROUP, 5000, count=20, rate=2000)
    t.equal(len(capture.finish()), 7, "packets")


@scenario("a recorder writes the last packets of every link when asked to, and nothing otherwise",
          topology="chain3")
def recorder(t):
    for signo, expected in ((signal.SIGTERM, []), (signal.SIGUSR1, ["gen-eth0.pcap",
                                                                    "relay-eth1.pcap"])):
        directory = t.run_dir / f"kept-{signo}"
        directory.mkdir()
        process = t.start(None, [paths.program("mcrlab"), "record", t.lab.name, directory])
        t.wait_until(lambda: "recording" in process.stdout(), 5, "recording")
        t.gen("gen", "eth0", GROUP, 5000, count=100, rate=10000)
        t.equal(process.stop(signo=signo), 0, "status")
        t.equal(sorted(path.name for path in directory.iterdir()), expected, "files")
    udp = [one for one in packets(directory / "gen-eth0.pcap") if one[23] == 17]
    t.equal((len(udp), {len(one) for one in udp}), (100, {128}), "datagrams, bytes kept of each")


if __name__ == "__main__":
    main()
