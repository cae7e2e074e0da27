# SPDX-License-Identifier: MIT
"""Streams while they run and when they have ended: the live table, the summary, the verdict."""

import time

from mcrlab import Failure
from mcrlab.process import ProcessError

from . import measure, screen

SAMPLE_S = 1.0


def thousands(number):
    return f"{number:,}"


def count_sent(gen):
    """UDP datagrams that the node of this generator has sent since it came up."""
    try:
        return measure.counter(gen.pid, "Udp.OutDatagrams")
    except OSError as error:
        raise ProcessError(f"{gen.name} ended early, status {gen.wait(1)}: "
                           f"{gen.stderr().strip() or 'it gave no reason'}") from error


class Live:
    """A line for every second.

    `columns` are (title, function) pairs.  They are read from the last to the first, so that
    nothing seems to have arrived before it was sent.  `lost` says how much is missing.
    """

    def __init__(self, columns, lost, interrupts):
        self._columns = columns
        self._lost = lost
        self._interrupts = interrupts
        self._start = time.monotonic()
        self._seconds = 0
        screen.titles(["second"] + [title for title, _ in columns] + ["lost"])

    def run(self, seconds):
        """Print that many lines."""
        for _ in range(seconds):
            self._seconds += 1
            self._interrupts.wait(self._start + self._seconds * SAMPLE_S)
            lost = self._lost()
            self._row([read() for _, read in reversed(self._columns)][::-1], lost)

    def end(self, values, lost):
        """The last line, from the final reports."""
        self._seconds += 1
        self._row(values, lost)

    def _row(self, values, lost):
        screen.row([self._seconds] + [thousands(value) for value in values + [lost]], lost != 0)


def faults(gen, report):
    """Faults of a stream that a sink had joined before it began, as texts."""
    found = [f"{report[key]:,} {text}" for key, text in (
        ("lost", "lost"), ("duplicated", "arrived twice"), ("reordered", "out of order"),
        ("corrupt", "corrupt"), ("short", "cut short"),
        ("sink_drops", "dropped by the receiver itself")) if report[key]]
    if gen["send_errors"]:
        found.append(f"{gen['send_errors']:,} not sent by the generator")
    if gen["sent"] != report["received"]:
        found.append(f"{gen['sent']:,} sent, but {report['received']:,} received")
    return found


def check(name, found, relay):
    """Faults end the demo, with what the relay knows of them."""
    if not found:
        return
    totals = relay.stats()["totals"]
    known = [f"{reason} {number:,}" for kind in ("drops", "send_drops")
             for reason, number in totals[kind].items() if number]
    raise Failure(f"{name}: {'; '.join(found)}.  The relay received {totals['received']:,}, "
                  f"matched {totals['matched']:,}, sent {totals['sent']:,}; its drops: "
                  f"{', '.join(known) or 'none'}")


def summary(gen, report, cpu_s):
    """Rate, loss, latency, CPU of one stream through the relay."""
    latency = report["latency_us"]
    seconds = report["elapsed_s"] or 1
    screen.fact("sent by the source", f"{gen['sent']:,} datagrams")
    screen.fact("received behind the relay", f"{report['received']:,}, lost {report['lost']:,}, "
                f"out of order {report['reordered']:,}, corrupt {report['corrupt']:,}",
                report["lost"] != 0)
    screen.fact("rate at the receiver", f"{report['pps']:,.0f} datagrams/s, "
                f"{report['bytes'] * 8 / seconds / 1e6:.1f} Mb/s of payload")
    screen.fact("latency, source to receiver", ", ".join(
        f"{key} {latency[key]:,.0f}" for key in ("p50", "p90", "p99", "max")) + " µs")
    screen.fact("longest silence between two arrivals", f"{report['longest_gap_ms']:.1f} ms")
    screen.fact("CPU of the relay, all its processes", _cpu(cpu_s, report["received"]))


def _cpu(cpu_s, datagrams):
    if cpu_s is None or not datagrams:
        return "not measured: a process was restarted, or nothing arrived"
    return (f"{cpu_s / datagrams * 1e6:.1f} µs a datagram ({cpu_s * 1e3:.0f} ms, read in steps of "
            f"{measure.cpu_step_seconds() * 1e3:.0f} ms)")
