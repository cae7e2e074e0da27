# SPDX-License-Identifier: MIT
"""Measures each event as often as asked for; every trial is kept."""

import sys
import time

from mcrlab.rules import add, output, rule
from mcrlab.session import session

from . import drift, links, report, streams

PLACES = ("a", "b")  # the input of one stream, the output of another


def _steady(counted):
    """The figures of a stream that an event does not concern."""
    return {key: counted[key] for key in ("sent", "lost", "sink_dropped", "repeated", "reordered",
                                          "longest_gap_ms")}


# --- drift ---

def _drift_rules(t, relay):
    """The bystander's rule on both workers' side, and one to be damaged: (its id, its worker)."""
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000), name="bystander"))
    rule_id = add(t, relay, rule("239.1.1.2", 5000, output("239.2.2.2", 6000)))["rule_id"]
    [number] = [one["workers"][0] for one in relay.rpc("ListRules")["rules"]
                if one["rule_id"] == rule_id]
    return rule_id, number


DRIFTS = {
    "changes-while-stopped":
        (lambda t, relay, rule_id, number: drift.stop_during_changes(t, relay, number),
         "a worker stopped during 100 rule changes, from when it goes on"),
    "rule-corrupted":
        (lambda t, relay, rule_id, number: drift.corrupt_rule(t, relay, number, rule_id),
         "a rule changed in a worker's memory"),
    "output-corrupted":
        (lambda t, relay, rule_id, number: drift.corrupt_destination(
            t, relay, number, "239.2.2.2", 6000, "239.2.2.99"),
         "a destination changed in a worker's memory"),
    "channel-full":
        (lambda t, relay, rule_id, number: drift.fill_channel(
            t, relay, number, lambda: "worker busy" in relay.stderr()),
         "20 changes into a full channel, from when it has room"),
    "command-lost":
        (lambda t, relay, rule_id, number: drift.lose_command(t, relay, number, "239.1.2.3"),
         "a command taken from a worker's channel"),
    "snapshot-cut":
        (lambda t, relay, rule_id, number: drift.cut_snapshot(t, relay, number, "239.1.2.3"),
         "a snapshot that is cut short"),
    "always-late":
        (lambda t, relay, rule_id, number: drift.refuse_all(t, relay, number, "239.1.2.3"),
         "a worker that takes no snapshot; it is restarted"),
    "always-wrong":
        (lambda t, relay, rule_id, number: drift.corrupt_again_and_again(t, relay, number, rule_id),
         "a table that is changed again and again; its worker is restarted"),
}


def drift_trial(t, what, rate, size):
    """One fault; what the stream beside it lost is counted, too."""
    relay = t.mcrd("relay", num_workers=2)
    rule_id, number = _drift_rules(t, relay)
    sink = t.sink("sink", "eth0", "239.2.2.1", 6000, rcvbuf=links.SINK_BUFFER_BYTES)
    gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=rate, size=size)
    t.wait_until(lambda: sink.received() > 0, 5, "the stream beside it flows")
    repair = what(t, relay, rule_id, number)
    sent = gen.stop()
    report_beside = sink.finish(0, quiet_ms=streams.QUIET_MS)
    beside = streams.account(sent, report_beside, t.conservation(relay))
    one = relay.rpc("ListWorkers")["workers"][number]
    return {"repair_ms": round(repair.seconds * 1000, 1), "lost_beside": beside["lost"],
            "beside": _steady(beside),
            **{name: one[name] for name in ("drift_detected", "drift_repaired", "worker_restarts")}}


# --- links ---

class Link:
    """How an event of a link is brought about and measured: away, then back."""

    def __init__(self, what, away, state, back, begin=None, prepare=None, source_ip=None,
                 places=PLACES):
        self.what = what
        self.away, self.state, self.back = away, state, back
        self.begin = begin      # once, before the first
        self.prepare = prepare  # each time, before it comes back
        self.source_ip = source_ip
        self.places = places

    def trial(self, sides, name):
        """The time from its being back to the stream's flowing again under an active rule."""
        self.away(sides, name)
        sides.becomes(name, self.state)
        if self.prepare:
            self.prepare(sides, name)
        sides.returns(name, self.back(sides, name))
        return {}


class Untouching(Link):
    """Events that may not cost a datagram even of the stream that they are about."""

    def __init__(self, what, act, **more):
        super().__init__(what, None, "active", None, **more)
        self.act = act

    def trial(self, sides, name):
        t, sink = sides.t, sides.sinks[name]
        sides.halt(name)
        links.quiet(t, sink)
        had = sink.report()
        sides.send(name)
        since = self.act(sides, name)
        links.settled(t, sides.relay)
        sides.returns(name, since)
        sent = sides.gens.pop(name).stop()["sent"]
        links.quiet(t, sink)
        now = sink.report()
        return {"lost": sent - (now["unique"] - had["unique"]) -
                (now["sink_drops"] - had["sink_drops"])}


EVENTS_OF_OTHERS = links.link_events("other", 500) + links.address_events("other", 500)


def _mtu(sides, name):
    """None of them is too small for the stream."""
    for size in ("9000", "4000", "1500"):
        since = links.ip(sides.t, "relay", "link", "set", links.DEVICE[name], "mtu", size)
    return since


def _burst(sides, _name):
    return links.batch(sides.t, "relay", EVENTS_OF_OTHERS)


def _burst_and_up(sides, name):
    return links.batch(sides.t, "relay", EVENTS_OF_OTHERS + [f"link set {links.DEVICE[name]} up"])


def _overrun_down(sides, name):
    links.overrun(sides, f"link set {links.DEVICE[name]} down")


def _overrun_up(sides, name):
    return links.overrun(sides, f"link set {links.DEVICE[name]} up")


LINKS = {
    "link-down": Link("the link goes down and comes up", links.down, "paused", links.up),
    "carrier": Link("the carrier is lost and comes back", links.carrier_off, "paused",
                    links.carrier_on),
    "recreate": Link("the interface is deleted and created anew", links.unplug, "unresolved",
                     links.up, prepare=links.plug),
    "rename": Link("the interface is renamed, and back", links.rename_away, "unresolved",
                   links.rename_back),
    "address": Link("the address of an output's source_ip goes and comes", links.address_off,
                    "unresolved", links.address_on, source_ip="10.90.2.1", places=("b",)),
    "mtu": Untouching("the MTU changes: 9000, 4000, 1500", _mtu),
    "burst": Untouching("1,000 events of other links and addresses", _burst),
    "burst-and-up": Link("the same while the link is down; the last brings it up", links.down,
                         "paused", _burst_and_up),
    "overrun": Link("events that the kernel had to drop: down and up among them", _overrun_down,
                    "paused", _overrun_up, begin=links.small_netlink_buffer),
}


def link_trials(t, event, times, rate, size):
    """All of one event, under one daemon, and what the steady stream lost meanwhile."""
    sides = links.Sides(t, event.source_ip, size, rate)
    if event.begin:
        event.begin(sides)
    trials = []
    for name in event.places:
        sides.send(name)
        for _ in range(times):
            noticed = event.trial(sides, name)
            trials.append({"of": {"a": "input", "b": "output"}[name],
                           "recovery_ms": round(sides.back[-1] * 1000, 1), **noticed})
        sides.whole(name)
    sent = sides.steady_gen.stop()
    found = sides.steady_sink.finish(0, quiet_ms=streams.QUIET_MS)
    return trials, _steady(streams.account(sent, found, t.conservation(sides.relay)))


# --- all of it ---

KINDS = ("streams", "drift", "links")
NAMES = {**{name: what for name, (_, what) in streams.EVENTS.items()},
         **{name: what for name, (_, what) in DRIFTS.items()},
         **{name: one.what for name, one in LINKS.items()}}


class Bench:
    """One run: what to measure, and what was measured."""

    def __init__(self, names, times, rate, size, random):
        self.names, self.times, self.rate, self.size, self.random = names, times, rate, size, random
        self.results = {kind: {} for kind in KINDS}

    def run(self):
        start = time.monotonic()
        for name in self.names:
            began = time.monotonic()
            if name in streams.EVENTS:
                self._stream(name)
            elif name in DRIFTS:
                self._drift(name)
            else:
                self._link(name)
            print(f"bench-faults: {name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
        return time.monotonic() - start

    def _keep(self, kind, name, trials, fields, **more):
        self.results[kind][name] = {"what": NAMES[name], **report.summary(trials, fields), **more,
                                    "trials": trials}

    def _stream(self, name):
        trials = []
        for _ in range(self.times):
            with session("chain3") as t:
                trials.append(streams.trial(t, streams.EVENTS[name][0], self.rate, self.size,
                                            self.random))
        self._keep("streams", name, trials, ("lost", "counted", "sink_dropped", "repeated",
                                             "reordered", "restarts", "longest_gap_ms", "over_ms"))

    def _drift(self, name):
        trials = []
        for _ in range(self.times):
            with session("chain3") as t:
                trials.append(drift_trial(t, DRIFTS[name][0], self.rate, self.size))
        self._keep("drift", name, trials, ("repair_ms", "lost_beside"))

    def _link(self, name):
        with session(links.LAB) as t:
            trials, steady = link_trials(t, LINKS[name], self.times, self.rate, self.size)
        fields = ("recovery_ms",) + (("lost",) if "lost" in trials[0] else ())
        self._keep("links", name, trials, fields, steady=steady)

    # The report

    def text(self):
        """Three tables, of what was measured."""
        rows = {kind: [(name, one["what"], one) for name, one in self.results[kind].items()]
                for kind in KINDS}
        for _, _, one in rows["links"]:
            one["steady_lost"] = report.spread([one["steady"]["lost"]])
        parts = []
        if rows["streams"]:
            parts.append(report.table(
                f"one stream, {self.rate:,} datagrams of {self.size:,} bytes a second",
                (("lost", "lost"), ("of it counted", "counted"), ("sink dropped", "sink_dropped"), ("repeated", "repeated"),
                 ("reordered", "reordered"), ("restarts", "restarts"), ("longest gap, ms", "longest_gap_ms"),
                 ("over after, ms", "over_ms")), rows["streams"]))
        if rows["drift"]:
            parts.append(report.table("drift", (("repaired after, ms", "repair_ms"),
                                                ("lost beside it", "lost_beside")), rows["drift"]))
        if rows["links"]:
            parts.append(report.table("links", (("back after, ms", "recovery_ms"),
                                                ("lost", "lost"),
                                                ("lost on others", "steady_lost")), rows["links"]))
        return "\n\n".join(parts)

    def silence_lost(self):
        """Datagrams lost, by relay or sink, in the trials without an event."""
        return sum(one["lost"] + one["sink_dropped"]
                   for one in self.results["streams"].get("none", {}).get("trials", []))
