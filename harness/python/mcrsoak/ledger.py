# SPDX-License-Identifier: MIT
"""Which datagrams are missing, when they were sent, and which fault explains them.

A datagram carries flow, sequence number and send time (harness/traffic/payload.h).  The time of one
that is missing lies between those of its neighbours.  It is explained when a fault that may
cost its stream something was under way then.
"""

import bisect
import struct

RECORD = struct.Struct("!I4xIQQ8x")  # length, flow, sequence, time: mcrsink --dump, 32 bytes each
PAYLOAD_BYTES = 32
CHUNK_BYTES = RECORD.size * 65536


class Flow:
    """Arrivals of one flow."""

    def __init__(self):
        self.next = 0
        self.last_ns = 0
        self.gaps = []  # [first missing, first not missing, sent after, sent before], in order
        self.repeated = []

    def arrived(self, sequence, time_ns):
        """A datagram of the flow, in the order of arrival; `time_ns` is when it was sent."""
        if sequence == self.next:
            self.next += 1
            self.last_ns = time_ns
        elif sequence > self.next:
            self.gaps.append([self.next, sequence, self.last_ns, time_ns])
            self.next = sequence + 1
            self.last_ns = time_ns
        else:
            self._late(sequence, time_ns)

    def _late(self, sequence, time_ns):
        """Out of order, or for the second time."""
        at = bisect.bisect_right(self.gaps, sequence, key=lambda gap: gap[0]) - 1
        if at < 0 or sequence >= self.gaps[at][1]:
            self.repeated.append(time_ns)
            return
        first, end, after, before = self.gaps.pop(at)
        if sequence + 1 < end:
            self.gaps.insert(at, [sequence + 1, end, time_ns, before])
        if first < sequence:
            self.gaps.insert(at, [first, sequence, after, time_ns])

    def finish(self, sent, end_ns):
        """Add the gap at the end, if there is one."""
        if sent > self.next:
            self.gaps.append([self.next, sent, self.last_ns, end_ns])


def read(path):
    """{flow: Flow} of what a sink has dumped."""
    flows = {}
    with open(path, "rb") as file:
        while data := file.read(CHUNK_BYTES):
            data = data[:len(data) - len(data) % RECORD.size]
            for length, number, sequence, time_ns in RECORD.iter_unpack(data):
                if length != PAYLOAD_BYTES:
                    raise ValueError(f"{path}: a payload of {length} bytes")
                flow = flows.get(number)
                if flow is None:
                    flow = flows[number] = Flow()
                flow.arrived(sequence, time_ns)
    return flows


class Windows:
    """When which fault may have cost something."""

    def __init__(self):
        self.windows = []

    def add(self, kind, start_ns, end_ns, flows):
        """A fault of this kind may cost these flows what was sent from start to end."""
        self.windows.append((start_ns, end_ns, kind, flows))

    def explain(self, number, after_ns, before_ns):
        """The kind of fault that was under way at some time in between, or None.

        Of several the one that concerns the fewest flows: a link rather than a worker.
        """
        kinds = [(len(flows), kind) for start_ns, end_ns, kind, flows in self.windows
                 if number in flows and start_ns <= before_ns and after_ns <= end_ns]
        return min(kinds)[1] if kinds else None


def judge(flows, windows):
    """(lost by kind of fault, unexplained gaps, repeated by kind of fault, unexplained repeats)."""
    lost, repeated, unexplained, strange = {}, {}, [], 0
    for number, flow in flows.items():
        for first, end, after_ns, before_ns in flow.gaps:
            kind = windows.explain(number, after_ns, before_ns)
            if kind is None:
                unexplained.append((number, first, end - first, before_ns))
            else:
                lost[kind] = lost.get(kind, 0) + end - first
        for time_ns in flow.repeated:
            kind = windows.explain(number, time_ns, time_ns)
            if kind is None:
                strange += 1
            else:
                repeated[kind] = repeated.get(kind, 0) + 1
    return lost, unexplained, repeated, strange
