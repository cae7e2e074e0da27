# SPDX-License-Identifier: MIT
"""mcrd in a node, and its control interface spoken literally."""

import json
import os
import re
import signal
import socket
import subprocess

from . import paths
from .deadline import Deadline
from .proc import children, command_line, state, unread
from .process import Process, ProcessError, pause
from .slow import scaled

# For a relay whose memory is judged: without this the address sanitizer keeps what is freed, up to
# 256 MB of it.
FREED_AT_ONCE = {"ASAN_OPTIONS": ":".join(filter(None, (
    os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=0", "thread_local_quarantine_size_kb=0",
    "allocator_release_to_os_interval_ms=0")))}


# How the supervisor says that a child has ended which was not asked to.
ENDED = re.compile(r"\b((?:control|worker \d+) [^\n;]*?)"
                   r"(; restart in \d+ ms| while shutting down| while it made way for)")
# A child that does not end in time, of the daemon's end or of an upgrade, is killed by the supervisor.
OWN_KILL = re.compile(r"(control|worker \d+) was killed by SIGKILL while (shutting down|it made way for)")


def endings(log):
    """How each child ended that was not asked to, as texts such as 'worker 0 was killed by SIGILL'.

    Children that the supervisor kills because it ends or makes way are left out.
    """
    return [match[1] for match in ENDED.finditer(log) if not OWN_KILL.fullmatch(match[0])]


class RpcError(Exception):
    """An error the daemon answered: code, message, data."""

    def __init__(self, error):
        self.code = error.get("code")
        self.message = error.get("message", "")
        self.data = error.get("data")
        super().__init__(f"{self.code}: {self.message}" + (f" ({self.data})" if self.data else ""))


class RpcClient:
    """One connection: JSON-RPC 2.0, a message per line.  `raw` sends bytes as they are."""

    def __init__(self, path, deadline_s=10):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(scaled(deadline_s))
        self.socket.connect(str(path))
        self._file = self.socket.makefile("rb")
        self._id = 0

    def raw(self, data):
        """Send bytes, or text as UTF-8, without a look at what they say."""
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def read(self):
        """The next message as a dict; None at the end of the connection."""
        line = self._file.readline()
        return json.loads(line) if line else None

    def call(self, method, params=None):
        """One request; returns its result or raises RpcError.  Notifications are passed over."""
        self._id += 1
        request = {"jsonrpc": "2.0", "id": self._id, "method": method}
        if params is not None:
            request["params"] = params
        self.raw(json.dumps(request) + "\n")
        while True:
            answer = self.read()
            if answer is None:
                raise ProcessError(f"{method}: the connection was closed without an answer")
            if answer.get("id") == self._id:
                break
            if answer.get("id") is None and "error" in answer:
                break
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    def close(self):
        self._file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Relay(Process):
    """mcrd, ready to serve.

    It must exit with status 0 on SIGTERM and log no sanitizer report, and no child of it may end
    that was not asked to, but for those that expect() announces.
    """

    def __init__(self, name, *, lab, node, log_dir, run_dir, num_workers=1, config=None,
                 interface=None, args=(), env=None, ready_s=10, program=None, wrapper=(),
                 owner=None, pin="none"):
        self.node = node
        self.dir = run_dir / name
        self.dir.mkdir(mode=0o755)
        self.socket_path = self.dir / "control.sock"
        self._expected = 0
        self._endings = []  # (pattern, how often) that a scenario has announced
        self._stopped = False
        argv = list(wrapper) + [program or paths.program("mcrd"), "--control-socket-path",
                                self.socket_path]
        if pin:
            argv += ["--pin", pin]
        # The same scenarios for the kernel path (tests/netns/README.md).
        for variable, option in (("MCR_PATH", "--path"), ("MCR_ATTACH", "--attach")):
            if os.environ.get(variable):
                argv += [option, os.environ[variable]]
        if num_workers is not None:
            argv += ["--num-workers", num_workers]
        for one in [interface] if isinstance(interface, str) else interface or []:
            argv += ["--interface", one]
        if config is not None:
            self.config_path = self.dir / "mcr.json"
            self.config_path.write_text(config if isinstance(config, str) else json.dumps(config))
            argv += ["--config", self.config_path]
        if owner is not None:
            self._give_to(owner)
        notify_path = self.dir / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(notify_path))
            notify_path.chmod(0o777)
            super().__init__(name, argv + list(args), lab=lab, node=node, log_dir=log_dir,
                             env=paths.environment(NOTIFY_SOCKET=notify_path, **(env or {})))
            try:
                self._wait_notified(notify, ready_s)
            except BaseException:
                self.close()
                raise
            finally:
                notify_path.unlink()

    def _give_to(self, uid):
        """Its directory and configuration are another user's, and nobody else's."""
        for path in (self.dir, *self.dir.iterdir()):
            path.chmod(0o700 if path.is_dir() else 0o600)
            os.chown(path, uid, uid)

    def _wait_notified(self, notify, deadline_s):
        while True:
            self.wait_fd(notify.fileno(), deadline_s, "ready")
            if "READY=1" in notify.recv(65536).decode(errors="replace").splitlines():
                return

    def connect(self, version="1", deadline_s=10):
        """A connection past its VersionCheck; version=None leaves that to the caller."""
        client = RpcClient(self.socket_path, deadline_s)
        if version is not None:
            try:
                client.call("VersionCheck", {"version": version})
            except BaseException:
                client.close()
                raise
        return client

    def rpc(self, method, params=None, version="1", deadline_s=10):
        """One request on a connection of its own."""
        with self.connect(version, deadline_s) as client:
            return client.call(method, params)

    def ctl(self, *args, check=True, deadline_s=10, **kwargs):
        """Run mcrctl on this daemon; returns the CompletedProcess."""
        argv = [paths.program("mcrctl"), "--socket-path", str(self.socket_path)]
        done = subprocess.run(argv + [str(arg) for arg in args], text=True, capture_output=True,
                              timeout=scaled(deadline_s), env=paths.environment(), check=False, **kwargs)
        if check and done.returncode != 0:
            raise ProcessError(f"mcrctl {' '.join(map(str, args))}: status {done.returncode}: "
                               f"{done.stderr.strip()}")
        return done

    def stats(self):
        """The answer to GetStats, as a dict."""
        return self.rpc("GetStats")

    def _forwarded(self):
        """Has the supervisor written all that its children have logged?

        It reads their pipes and writes at once, so when they are empty and it waits, it has.
        """
        return not unread(self.pid) and state(self.pid) != "R"

    def log(self):
        """All that it and its children have logged so far, as text.

        Lines that a child logs beyond its rate stay in its pipe; this does not wait for them.
        """
        deadline = Deadline(0.1)
        while self.running and state(self.pid) != "T" and not deadline.passed():
            if self._forwarded():
                break
            pause()
        return self.stderr() + self.stdout()

    def children(self, role=None):
        """Pids of its child processes; with a role, those whose argv contains that word."""
        found = children(self.pid)
        if role is None:
            return found
        return [pid for pid in found if any(role in arg for arg in command_line(pid))]

    def expect(self, ending, times=1):
        """A child will end: `ending` is a regular expression for how the log begins to say it.

        expect("worker 0 was killed by SIGKILL") before it is killed; `times` is how often exactly,
        None for any number.  An end that was not announced, or an announced end that does not come,
        is a failure of the scenario.
        """
        self._endings.append((re.compile(ending), times))

    def _unexpected_endings(self):
        """Differences between the endings in the log and those announced, as a list of texts."""
        seen, found = [0] * len(self._endings), []
        for ending in endings(self.log()):
            # Of several that fit, the first that is not complete yet.
            for number, (pattern, times) in enumerate(self._endings):
                if pattern.match(ending) and (times is None or seen[number] < times):
                    seen[number] += 1
                    break
            else:
                found.append(f"{self.name}: {ending}, which was not expected")
        return found + [f"{self.name}: '{pattern.pattern}' was expected {times} times, and seen "
                        f"{count} times"
                        for count, (pattern, times) in zip(seen, self._endings)
                        if times is not None and count != times]

    def kill(self):
        """SIGKILL, as part of a scenario."""
        self._expected = -signal.SIGKILL
        self._stopped = True
        self.send_signal(signal.SIGKILL)
        self.wait(10)

    def stop(self, deadline_s=10, signo=signal.SIGTERM):
        """End it; returns (status, log)."""
        self._stopped = True
        status = super().stop(deadline_s, signo)
        return status, self.log()

    def faults(self):
        """Faults of the relay while it ran and when it ended, as a list of texts."""
        found = super().faults() + self._unexpected_endings()
        if self.returncode != self._expected:
            found.append(f"{self.name}: ended with status {self.returncode}, not {self._expected}")
        left = sorted(os.listdir(self.dir)) if self.dir.exists() else []
        if self._expected == 0:
            left = [name for name in left if name.endswith(".sock")]
            if left:
                found.append(f"{self.name}: left behind {', '.join(left)}")
        return found
