#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The bench measures, writes down what it measured, and fails when the relay is slowed down.

    [gen] eth0 ------- eth0 [relay] eth1 ------- eth0 [sink]      (labs that mcrbench makes itself)

The relay is slowed down on purpose by configuration: in its per-packet mode it is, by design, what the
fast path is measured against.
"""

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "harness/python"))
# pylint: disable=wrong-import-position
from mcrlab import main, paths, scenario

SVG = "{http://www.w3.org/2000/svg}"


def environment(t, **more):
    """Files of a run go where we can see that none is left."""
    temporary = t.run_dir / "t"
    temporary.mkdir(exist_ok=True, mode=0o755)
    return {**os.environ, "TMPDIR": str(temporary),
            "MCR_BENCH_REFERENCE": str(paths.REPOSITORY / "harness/bench-reference.json"), **more}


def bench(t, *args, deadline_s=100, **more):
    done = subprocess.run([paths.program("mcrbench"), *map(str, args)], text=True,
                          capture_output=True, timeout=deadline_s, check=False,
                          env=environment(t, **more))
    t.equal([path.name for path in (t.run_dir / "t").iterdir()], [], "files left behind")
    return done


@scenario("figures, JSON and charts agree", deadline_s=120, alone=True)
def results(t):
    out, svg = t.run_dir / "out.json", t.run_dir / "svg"
    done = bench(t, "--scenario", "plain,latency", "--rounds", 2, "--trial-ms", 100, "--json", out,
                 "--svg", svg)
    t.equal(done.returncode, 0, f"status: {done.stderr}")
    report = json.loads(out.read_text(encoding="utf-8"))
    t.equal([one["name"] for one in report["scenarios"]], ["plain", "latency"], "scenarios")
    t.equal((report["rounds"], report["trial_ms"]), (2, 100), "rounds and trial")
    t.equal(report["machine"]["kernel"], os.uname().release, "kernel")
    plain = report["scenarios"][0]["backends"]
    t.equal(set(plain) >= {"mcr", "mcr-per-packet"}, True, f"backends: {set(plain)}")
    for name, one in plain.items():
        rate = one["rate_pps"]
        t.equal(len(rate["rounds"]), 2, f"{name}: rounds")
        t.true(0 < rate["min"] <= rate["median"] <= rate["max"], f"{name}: {rate}")
        t.true(f"  {name:<14} {rate['median']:9.0f} pps" in done.stdout, f"{name} in the table")
        t.true(any(loss == 0 for _, loss in one["offered_pps_and_loss"]), f"{name}: no clean trial")
        # The kernel forwards without a process; every other relay costs time that was counted.
        t.equal("relay_cpu_ns" in one, name != "kernel", f"{name}: CPU time of the relay")
    charts = {path.name for path in svg.iterdir()}
    t.equal(charts, {"plain-rate.svg", "plain-loss.svg", "latency-latency.svg"}, "charts")
    bars = ElementTree.parse(svg / "plain-rate.svg").getroot()
    labels = {text.text for text in bars.iter(f"{SVG}text")}
    t.true(set(plain) <= labels, f"labels: {labels}")
    lengths = {}
    for label, rectangle in zip(plain, list(bars.iter(f"{SVG}rect"))[1:]):
        lengths[label] = float(rectangle.get("width"))
    for name in plain:
        t.between(lengths[name] / lengths["mcr"],
                  plain[name]["rate_pps"]["median"] / plain["mcr"]["rate_pps"]["median"] - 0.01,
                  plain[name]["rate_pps"]["median"] / plain["mcr"]["rate_pps"]["median"] + 0.01,
                  f"length of the bar of {name}")


@scenario("join and leave delay are measured from the request on", deadline_s=120, alone=True)
def join(t):
    out = t.run_dir / "out.json"
    done = bench(t, "--scenario", "join", "--rounds", 1, "--json", out)
    t.equal(done.returncode, 0, f"status: {done.stderr}")
    mcr = json.loads(out.read_text(encoding="utf-8"))["scenarios"][0]["backends"]["mcr"]
    for quantity in ("join_ms", "leave_ms", "member_ms"):
        t.equal(len(mcr[quantity]["rounds"]), 5, f"{quantity}: values")
        t.between(mcr[quantity]["min"], 0, 500, quantity)
    t.true(mcr["join_ms"]["min"] > 0, "joined before it was asked")


GATED = ["--scenario", "gro", "--profile", "smoke", "--trial-ms", "150", "--check"]


@scenario("the gate passes, and is missed when the relay is slowed down", deadline_s=240, alone=True)
def gate(t):
    done = bench(t, *GATED)
    t.equal(done.returncode, 0, f"status of the relay as it is: {done.stdout}{done.stderr}")
    t.true("MISSED" not in done.stdout, done.stdout)
    t.true("passed" in done.stdout, done.stdout)
    done = bench(t, *GATED, "--mcr-config-extra", '{"per_packet": true}')
    t.equal(done.returncode, 1, f"status of the slow relay: {done.stdout}{done.stderr}")
    missed = [line for line in done.stdout.splitlines() if "MISSED" in line]
    t.true(any("mcr / mcr-per-packet" in line for line in missed), done.stdout)
    t.note(missed[-1].strip())


@scenario("a relay that is not installed is left out in one line", deadline_s=120)
def absent(t):
    done = bench(t, "--scenario", "plain", "--rounds", 1, "--trial-ms", 50, PATH="/nonexistent")
    t.equal(done.returncode, 0, f"status: {done.stderr}")
    said = [line for line in done.stderr.splitlines() if "left out" in line]
    t.equal(said, ["mcrbench: socat is left out: socat: No such file or directory",
                   "mcrbench: kernel is left out: smcrouted: No such file or directory"],
            "left out")
    t.true("  mcr " in done.stdout and "socat" not in done.stdout.split("ratios")[0], done.stdout)


@scenario("SIGTERM ends it, and nothing is left behind", deadline_s=60)
def interrupted(t):
    process = subprocess.Popen([paths.program("mcrbench"), "--scenario", "gro"], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(t))
    try:
        t.wait_until(lambda: list((t.run_dir / "t").glob("*/control.sock")), 20, "a relay started")
        process.send_signal(signal.SIGTERM)
        t.equal(process.wait(20), 1, "status")
    finally:
        process.kill()
        _, errors = process.communicate()
    t.equal(len(errors.splitlines()), 1, f"lines: {errors}")
    t.equal(list((t.run_dir / "t").iterdir()), [], "files left behind")


BAD = [
    (["--scenario", "nonesuch"], "--scenario: there is no 'nonesuch'"),
    (["--profile", "slow"], "--profile: 'slow' is none of smoke, quick, full"),
    (["--rounds", "0"], "--rounds: '0' is not a number from 1"),
    (["--gen-cpu", "9999"], "--gen-cpu: '9999' is not a number"),
    (["--mcr-config-extra", "{"], "--mcr-config-extra: '{' is not a JSON object"),
    (["--check", "--reference", "/nonexistent"], "--check: /nonexistent: No such file"),
    (["extra"], "unexpected argument 'extra'"),
]


@scenario("bad input is one clear line")
def bad_input(t):
    broken = t.run_dir / "broken.json"
    broken.write_text('{"ratios": [{"scenario": "gro", "of": "cat"}]}')
    for args, message in BAD + [(["--check", "--reference", broken],
                                 f"--check: {broken}: ratios[0].of: there is no 'cat'")]:
        done = bench(t, *args)
        t.equal((done.returncode, done.stdout), (2, ""), f"{args}: status and output")
        t.equal(len(done.stderr.splitlines()), 1, f"{args}: lines in {done.stderr!r}")
        t.true(message in done.stderr, f"{args}: {done.stderr}")


if __name__ == "__main__":
    main()
