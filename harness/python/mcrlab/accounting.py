# SPDX-License-Identifier: MIT
"""The account of datagrams: the conservation law, a sink's report, and mcrlab check."""

import os

from .expect import Failure, wait_until
from .rights import is_root


def _only_overflowed(got, expected):
    """Is all that a sink's report lacks what its own socket had no room for?"""
    dropped = got["sink_drops"]
    return got["received"] + dropped == expected["received"] and \
        got["unique"] + got["short"] == got["received"] and got["short"] <= expected["short"] and \
        not (got["duplicated"] or got["reordered"] or got["corrupt"])


def unaccounted(stats):
    """Breaches of the conservation law in an answer to GetStats, as a list of texts."""
    totals = stats["totals"]
    found = []
    accounted = totals["matched"] + sum(totals["drops"].values())
    if totals["received"] != accounted:
        found.append(f"received {totals['received']}, but matched and drops are {accounted}: "
                     f"{totals}")
    for rule in stats["rules"]:
        for number, output in enumerate(rule["outputs"]):
            accounted = output["sent"] + sum(output["send_drops"].values())
            if output["matched"] != accounted:
                found.append(f"rule {rule['rule_id']} output {number}: matched "
                             f"{output['matched']}, but sent and send drops are {accounted}: "
                             f"{output}")
    return found


class Accounting:
    """Judges the account of a scenario.

    For a class that is also Programs and Expectations.
    """

    def clean(self, report, received, what="sink", short=0):
        """Exactly this many datagrams, each once, in order and as it was sent, or Failure.

        `short` is how many of them were sent with a payload of less than 32 bytes: such a one
        holds no whole header, so that the sink can only count it.

        Without root a sink's receive buffer is a few milliseconds of traffic.  Where a busy machine
        let just that overflow, the scenario is skipped: what was to be judged is not known.
        """
        expected = {"received": received, "unique": received - short, "lost": 0, "duplicated": 0,
                    "reordered": 0, "corrupt": 0, "short": short, "sink_drops": 0}
        got = {key: report[key] for key in expected}
        if got["sink_drops"] and not is_root() and _only_overflowed(got, expected):
            self.skip(f"{what}: {got['sink_drops']} datagrams overflowed the small receive buffer "
                      "of a sink without root")
        self.equal(got, expected, what)

    def conservation(self, relay, deadline_s=2):
        """Every datagram is accounted for: received = matched + drops, and for every output.

        Returns the answer to GetStats of which that is true; Failure when there is none in time.
        With MCR_PATH a note says how much of it the kernel relayed.
        """
        found = ["no statistics"]

        def holds():
            stats = relay.stats()
            found[:] = unaccounted(stats)
            return not found and stats
        try:
            stats = wait_until(holds, deadline_s, "conservation")
        except Failure:
            raise Failure("conservation: " + "; ".join(found)) from None
        if os.environ.get("MCR_PATH"):
            self.note(f"the kernel relayed {stats['kernel_path']['received']} of "
                      f"{stats['totals']['matched']} datagrams")
        return stats

    def check(self, relay, deadline_s=3):
        """All that mcrlab check looks at: conservation, agreement, memberships, descriptors."""
        done = self.mcrlab("check", "--socket-path", relay.socket_path, "--lab", self.lab.name,
                           "--node", relay.node, "--deadline-ms", int(deadline_s * 1000),
                           check=False, deadline_s=deadline_s + 20)
        if done.returncode != 0:
            raise Failure("; ".join((done.stdout + done.stderr).strip().splitlines()))
