#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The bench measures, writes down what it measured, and fails when the relay is slowed down.

    [gen] eth0 ------- eth0 [relay] eth1 ------- eth0 [sink]      (labs that mcrbench makes itself)

The relay is slowed down on purpose by configuration: in its per-packet mode it is, by design, what the
fast path is measured against.
"""

import json
import os
import shutil
import signal
import subprocess
import xml.etree.ElementTree as ElementTree

import support  # pylint: disable=unused-import
from mcrlab import main, paths, scaled, scenario

SVG = "{http://www.w3.org/2000/svg}"


def environment(t, **more):
    """Files of a run go where we can see that none is left."""
    temporary = t.run_dir / "t"
    temporary.mkdir(exist_ok=True, mode=0o755)
    return {**os.environ, "TMPDIR": str(temporary),
            "MCR_BENCH_REFERENCE": str(paths.REPOSITORY / "harness/bench-reference.json"), **more}


def bench(t, *args, program=None, deadline_s=100, **more):
    done = subprocess.run([program or paths.program("mcrbench"), *map(str, args)], text=True,
                          capture_output=True, timeout=scaled(deadline_s), check=False,
                          env=environment(t, **more))
    t.equal([path.name for path in (t.run_dir / "t").iterdir()], [], "files left behind")
    return done


def installation(t, **programs):
    """A bench with only these programs: NAME="bin" or "sbin", where it is installed."""
    root = t.run_dir / "installed"
    for name, place in {**programs, "mcrbench": "bin"}.items():
        (root / place).mkdir(parents=True, exist_ok=True)
        # A program looks for others beside the file that it is, wherever links to it are.
        shutil.copy(paths.program(name), root / place / name)
    return root / "bin/mcrbench"


def reference(t, **ratios):
    """Gates of plain, mcr to each of these, that an ordinary run is far from: 0.01 is passed."""
    path = t.run_dir / "reference.json"
    path.write_text(json.dumps({"tolerance": {"smoke": 0.5, "quick": 0.5}, "ratios": [
        {"scenario": "plain", "of": "mcr", "to": relay.replace("_", "-"), "quantity": "rate_pps",
         "reference": ratio} for relay, ratio in ratios.items()]}))
    return path


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


@scenario("figures, JSON and charts agree", deadline_s=120, alone=True)
def results(t):
    out, svg = t.run_dir / "out.json", t.run_dir / "svg"
    done = bench(t, "--scenario", "plain,latency", "--rounds", 2, "--trial-ms", 100, "--json", out,
                 "--svg", svg)
    t.equal(done.returncode, 0, f"status: {done.stderr}")
    report = read(out)
    t.equal([one["name"] for one in report["scenarios"]], ["plain", "latency"], "scenarios")
    t.equal((report["rounds"], report["trial_ms"]), (2, 100), "rounds and trial")
    t.equal(report["machine"]["kernel"], os.uname().release, "kernel")
    t.equal(report["left_out"], [], "left out")
    t.equal([one["burst"] for one in report["scenarios"]], [24, 1], "bursts")
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
        # A machine without idle time gives no figure.
        t.true(one.get("added_cpu_ns", {"min": 1})["min"] > 0, f"{name}: {one}")
        t.true(one.get("added_tasks_ns", {"min": 1})["min"] > 0, f"{name}: {one}")
    for pair in report["scenarios"][0]["compared"]:
        of, to = plain[pair["of"]], plain[pair["to"]]
        limited = of["generator_limited"] or to["generator_limited"]
        t.true(pair["quantity"] in (("added_cpu_ns", "added_tasks_ns") if limited else ("rate_pps",)),
               f"compared: {pair}")
        t.between(pair["ratio"] * to[pair["quantity"]]["median"] / of[pair["quantity"]]["median"],
                  0.999, 1.001, f"ratio: {pair}")
    charts = {path.name for path in svg.iterdir()}
    # The chart of the added CPU time is there when a relay has that figure.
    t.equal(charts - {"plain-added.svg"}, {"plain-rate.svg", "plain-loss.svg", "latency-latency.svg"},
            "charts")
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
    mcr = read(out)["scenarios"][0]["backends"]["mcr"]
    for quantity in ("join_ms", "leave_ms", "member_ms"):
        t.equal(len(mcr[quantity]["rounds"]), 5, f"{quantity}: values")
        t.true(mcr[quantity]["min"] >= 0, f"{quantity}: {mcr[quantity]}")
    t.true(mcr["join_ms"]["min"] > 0, "joined before it was asked")


GATED = ["--scenario", "plain", "--backend", "mcr,mcr-per-packet", "--profile", "smoke", "--trial-ms",
         "100", "--check"]


@scenario("a gate passes, or is missed and looked at again before it is", deadline_s=240, alone=True)
def gate(t):
    """With references that every machine reaches, and that none reaches: its speed does not
    matter."""
    done = bench(t, *GATED, "--reference", reference(t, mcr_per_packet=0.01))
    t.equal(done.returncode, 0, f"status: {done.stdout}{done.stderr}")
    t.true("MISSED" not in done.stdout and "passed" in done.stdout, done.stdout)
    t.true("looked at again" not in done.stderr, done.stderr)
    done = bench(t, *GATED, "--reference", reference(t, mcr_per_packet=1000))
    t.equal(done.returncode, 1, f"status: {done.stdout}{done.stderr}")
    missed = [line for line in done.stdout.splitlines() if "MISSED" in line]
    t.equal(len(missed), 1, done.stdout)
    t.equal(done.stderr.count("looked at again"), 2, f"further rounds: {done.stderr}")
    t.note(missed[-1].strip())


@scenario("only the relays that are named run, and only their gates count", deadline_s=120,
          alone=True)
def backends(t):
    out = t.run_dir / "out.json"
    gates = reference(t, socat=0.01, mcr_per_packet=1000)
    done = bench(t, "--scenario", "plain", "--backend", "mcr,socat", "--rounds", 1,
                 "--trial-ms", 50, "--check", "--reference", gates, "--json", out)
    t.equal(done.returncode, 0, f"status: {done.stdout}{done.stderr}")
    report = read(out)
    t.equal(set(report["scenarios"][0]["backends"]), {"mcr", "socat"}, "relays")
    t.equal(report["left_out"], [], "left out")
    t.true("left out" not in done.stdout + done.stderr, done.stdout + done.stderr)
    t.equal({one["to"]: one["verdict"] for one in report["ratios"]},
            {"mcr-per-packet": "not measured", "socat": "passed"}, "verdicts")
    done = bench(t, "--scenario", "plain", "--backend", "mcr,socat", "--rounds", 1,
                 "--trial-ms", 50, "--check", "--reference", reference(t, socat=1000))
    t.equal(done.returncode, 1, f"status with a gate that is missed: {done.stdout}{done.stderr}")
    t.equal(done.stdout.count("MISSED"), 1, done.stdout)


@scenario("a sweep of burst sizes sends what it says, and has a ratio for each", deadline_s=120,
          alone=True)
def bursts(t):
    program = installation(t, mcrd="bin", mcrsink="bin", mcrgen="bin")
    generator, log = program.parent / "mcrgen", t.run_dir / "segments"
    generator.rename(program.parent / "mcrgen.real")
    generator.write_text(f'#!/bin/sh\necho "$*" | sed "s/.*--segment //; s/ .*//" >>{log}\n'
                         'exec "$0.real" "$@"\n')
    generator.chmod(0o755)
    out, svg = t.run_dir / "out.json", t.run_dir / "svg"
    done = bench(t, "--scenario", "gro,plain", "--burst", "8,64", "--backend", "mcr,kernel",
                 "--rounds", 2, "--trial-ms", 50, "--json", out, "--svg", svg, program=program)
    t.equal(done.returncode, 0, f"status: {done.stderr}")
    report = read(out)
    names = ["gro@8", "gro@64", "plain@8", "plain@64"]
    t.equal([(one["name"], one["burst"]) for one in report["scenarios"]],
            list(zip(names, [8, 42, 8, 42])), "scenarios and what fits into a send of each")
    t.equal([line for line in done.stderr.splitlines() if "done" in line],
            [f"round {i} of 2: {name} done" for i in (1, 2) for name in names], "turns")
    sent = log.read_text(encoding="utf-8").split()
    changes = [size for size, before in zip(sent, [None] + sent) if size != before]
    t.equal(changes, ["8", "42"] * 4, "bursts of the generator, in turn")
    table = done.stdout.split("ratios of median rates by burst, this run\n")[1].splitlines()
    t.equal(len(table), len(names), f"one line for each size: {table}")
    for name, line, ratio, one in zip(names, table, report["rate_by_burst"],
                                      report["scenarios"], strict=True):
        t.equal((ratio["scenario"], ratio["of"], ratio["to"]), (name, "mcr", "kernel"), "ratio of")
        rates = {relay: of["rate_pps"]["median"] for relay, of in one["backends"].items()}
        t.between(ratio["ratio"], rates["mcr"] / rates["kernel"] - 0.001,
                  rates["mcr"] / rates["kernel"] + 0.001, f"ratio of {name}")
        limited = any(of["generator_limited"] for of in one["backends"].values())
        t.equal(ratio["generator_limited"], limited, f"{name}: is it the generator's limit?")
        t.equal(line, f"  {name:<14} mcr / kernel {ratio['ratio']:5.2f}"
                + ("; the generator could not offer more" if limited else ""), "line")
    t.equal({path.name for path in svg.iterdir()} - {f"{name}-added.svg" for name in names},
            {f"{name}-{kind}.svg" for name in names for kind in ("rate", "loss")}, "charts")


@scenario("super-datagrams arrive whole, a host is reached by nftables, and an unwanted frame has a cost",
          deadline_s=120, alone=True)
def rows(t):
    program = installation(t, mcrd="bin", mcrsink="bin", mcrgen="bin")
    generator, log = program.parent / "mcrgen", t.run_dir / "offload"
    generator.rename(program.parent / "mcrgen.real")
    generator.write_text(f"#!/bin/sh\nethtool -k eth0 | sed -n 's/tx-udp-segmentation: //p' >>{log}\n"
                         'exec "$0.real" "$@"\n')
    generator.chmod(0o755)
    out = t.run_dir / "out.json"
    done = bench(t, "--profile", "kernel-path", "--scenario", "super,unicast,unwanted", "--backend",
                 "mcr,kernel,nftables", "--rounds", 1, "--trial-ms", 50, "--json", out, program=program)
    t.equal(done.returncode, 0, f"status: {done.stderr}")
    cut = log.read_text(encoding="utf-8").split()
    # In the order of the table: unwanted, super, unicast.
    t.equal([state for state, before in zip(cut, [None] + cut) if state != before], ["off", "on", "off"],
            "the generator's device does not cut the super-datagrams of one scenario")
    measured = {one["name"]: one for one in read(out)["scenarios"]}
    t.true(measured["super"]["super_datagrams"] and measured["unicast"]["unicast"], "what they are")
    for name, relays in ("super", {"mcr", "kernel"}), ("unicast", {"mcr", "nftables"}):
        t.equal(set(measured[name]["backends"]), relays, f"relays of {name}")
        for relay, one in measured[name]["backends"].items():
            t.true(one["rate_pps"]["min"] > 0, f"{name}: {relay} relays nothing")
            t.equal(len(one["p99_us_at_50"]["rounds"]), 1, f"{name}, {relay}: latency at half the rate")
    # A machine without idle time gives no figure.
    for relay, one in measured.get("unwanted", {"backends": {}})["backends"].items():
        t.true(set(one) & {"added_cpu_ns", "added_tasks_ns"}, f"{relay}: {one}")


@scenario("a relay that is not installed is named at once and in the report, and is no pass",
          deadline_s=120, alone=True)
def absent(t):
    out = t.run_dir / "out.json"
    gates = reference(t, socat=1000, mcr_per_packet=0.01)
    done = bench(t, "--scenario", "plain", "--rounds", 1, "--trial-ms", 50, "--check",
                 "--reference", gates, "--json", out, PATH="/nonexistent")
    t.equal(done.returncode, 1, f"status: {done.stdout}{done.stderr}")
    t.equal(done.stderr.splitlines()[:2],
            ["mcrbench: socat is left out: socat: No such file or directory",
             "mcrbench: kernel is left out: smcrouted: No such file or directory"], "left out")
    t.equal(done.stdout.splitlines()[2:4],
            ["left out: socat (socat: No such file or directory)",
             "left out: kernel (smcrouted: No such file or directory)"], "in the table")
    report = read(out)
    t.equal(report["left_out"],
            [{"backend": "socat", "reason": "socat: No such file or directory"},
             {"backend": "kernel", "reason": "smcrouted: No such file or directory"}], "in JSON")
    t.true(set(report["scenarios"][0]["backends"]) >= {"mcr", "mcr-per-packet"}, "the others")
    # All that was measured is good: only the missing relay makes the status.
    t.equal({one["to"]: one["verdict"] for one in report["ratios"]},
            {"mcr-per-packet": "passed", "socat": "not measured"}, "verdicts")


@scenario("without MCR the others are measured", deadline_s=60)
def no_mcr(t):
    program = installation(t, mcrsink="bin", mcrgen="bin")
    out = t.run_dir / "out.json"
    done = bench(t, "--scenario", "plain", "--rounds", 1, "--trial-ms", 50, "--json", out,
                 program=program)
    t.equal(done.returncode, 1, f"status: {done.stderr}")
    report = read(out)
    t.equal([one["backend"] for one in report["left_out"]],
            ["mcr", "mcr-per-packet", "recv-send", "mcr-kernel"], "left out")
    t.equal(set(report["scenarios"][0]["backends"]), {"socat", "kernel"}, "relays")


@scenario("as it is installed, with the daemon in sbin", deadline_s=60)
def installed(t):
    program = installation(t, mcrd="sbin", mcrsink="bin", mcrgen="bin")
    done = bench(t, "--scenario", "plain", "--backend", "mcr", "--rounds", 1, "--trial-ms", 50,
                 program=program)
    t.equal(done.returncode, 0, f"status: {done.stderr}")
    t.true("\n  mcr  " in done.stdout, done.stdout)


@scenario("nothing to measure with is one line, without delay", deadline_s=60)
def nothing(t):
    done = bench(t, "--backend", "socat", PATH="/nonexistent")
    t.equal((done.returncode, done.stdout, done.stderr.splitlines()),
            (2, "", ["mcrbench: socat is left out: socat: No such file or directory",
                     "mcrbench: none of the relays to be measured is installed"]), "no relay")
    program = installation(t, mcrd="bin", mcrsink="bin")
    # Well below the time that a sink waits for a first datagram.
    done = bench(t, "--scenario", "plain", "--backend", "mcr", program=program, deadline_s=8)
    t.equal((done.returncode, done.stdout, done.stderr),
            (1, "", "mcrbench: plain, mcr: mcrgen: No such file or directory\n"), "no generator")


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
    (["--profile", "slow"], "--profile: 'slow' is none of smoke, quick, full, kernel-path, check"),
    (["--rounds", "0"], "--rounds: '0' is not a number from 1"),
    (["--gen-cpu", "9999"], "--gen-cpu: '9999' is not a number"),
    (["--mcr-config-extra", "{"], "--mcr-config-extra: '{' is not a JSON object"),
    (["--check", "--reference", "/nonexistent"], "--check: /nonexistent: No such file"),
    (["--backend", "mcr,cat"],
     "--backend: 'cat' is none of mcr, mcr-per-packet, recv-send, socat, kernel, mcr-kernel, nftables"),
    (["--scenario", "gro,latency", "--backend", "mcr,socat"],
     "--backend: no scenario that is measured can use 'socat'"),
    (["--scenario", "plain,latency", "--backend", "socat"],
     "--scenario: none of socat can carry 'latency'"),
    (["--check", "--backend", "kernel"],
     "--check: no ratio of the reference is between two relays that are measured"),
    (["--check", "--scenario", "join"], "--check: no ratio of the reference is between"),
    (["--check", "--scenario", "gro", "--burst", "24"], "--check: no ratio of the reference is"),
    (["--burst", "8,65"], "--burst: '65' is not a number from 1 to 64"),
    (["--scenario", "gro,flows", "--burst", "8"], "--burst: 'flows' has no bursts"),
    (["--svg"], "--svg needs a value"),
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
