# SPDX-License-Identifier: MIT
"""A client that changes a rule every 50 ms, whatever happens to the control process."""

import contextlib
import random
import threading
import time

from mcrlab import RpcError
from mcrlab.process import ProcessError

PERIOD_S = 0.05
MOST = 60


class Changes(threading.Thread):
    """Adds, replaces and removes rules of its own until stop(); remembers what it was told."""

    def __init__(self, relay, seed):
        super().__init__(daemon=True)
        self.relay = relay
        self.random = random.Random(seed)
        self.present = {}  # rule id: group
        self.doubtful = set()
        self.count = 0
        self.reconnected = 0
        self.trouble = None
        self._next = 0
        self._client = None
        self._end = threading.Event()

    def run(self):
        try:
            due = time.monotonic()
            while not self._end.wait(max(0, due - time.monotonic())):
                self._one()
                due = max(due + PERIOD_S, time.monotonic() - 1)
        except Exception as error:  # the main thread reports it
            self.trouble = error

    def _one(self):
        if self._client is None:
            with contextlib.suppress(OSError, ProcessError):
                self._client = self.relay.connect(deadline_s=5)
            return
        method, params, group = self._choose()
        try:
            answer = self._client.call(method, params)
        except (OSError, ProcessError):
            # Control is gone, and with it the answer.
            self.doubtful.add(group)
            self._client.close()
            self._client = None
            self.reconnected += 1
            return
        except RpcError as error:
            # After a lost answer: it was done, or was not.
            if group not in self.doubtful:
                raise RuntimeError(f"{method} {params}: {error}") from error
            self.present.pop(params.get("rule_id"), None)
            return
        self._note(method, answer, group)
        self.count += 1

    def _choose(self):
        if self.present and (len(self.present) >= MOST or self.random.random() < 0.4):
            rule_id = self.random.choice(sorted(self.present))
            return "RemoveRule", {"rule_id": rule_id}, self.present[rule_id]
        if self.present and self.random.random() < 0.3:
            group = self.random.choice(sorted(self.present.values()))
            return "AddRule", self._rule(group) | {"replace": True}, group
        group = f"239.50.{self._next // 250 % 250}.{self._next % 250 + 1}"
        self._next += 1
        return "AddRule", self._rule(group), group

    def _rule(self, group):
        out = self.random.choice(("out0", "out1", "out0"))
        # The input is part of a rule's identity: the same group always has the same.
        interface = "in0" if int(group.rsplit(".", 1)[1]) % 2 else "in1"
        return {"input": {"interface": interface, "group": group, "port": 5000},
                "outputs": [{"interface": out, "group": "239.60.0.1", "port": 6000,
                             "ttl": self.random.randint(1, 9)}]}

    def _note(self, method, answer, group):
        if method == "RemoveRule":
            self.present.pop(answer["rule_id"], None)
        else:
            self.present[answer["rule_id"]] = group

    def stop(self):
        """No more changes; raises what went wrong."""
        self._end.set()
        self.join(30)
        if self._client:
            self._client.close()
        if self.trouble:
            raise self.trouble
