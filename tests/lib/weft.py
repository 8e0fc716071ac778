"""A cluster of weftd on loopback: free ports, a temporary folder, every process stopped by its id.

    with Cluster(3) as cluster:
        cluster.leader().api.put("/v1/kv/a", b"1")
"""

import contextlib
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from api import Api

ROOT = os.environ.get("WEFT_ROOT") or os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
BIN = os.environ.get("WEFT_BIN") or os.path.join(ROOT, "build", "bin")
READY_S = 15.0
LEADER_S = 15.0
POLL_S = 0.02
_LOG_LINES = 40
_PR_SET_PDEATHSIG = 1


def wait_until(what, condition, seconds):
    """Polls until condition() is true, and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"{what}: not within {seconds:g} s")
        time.sleep(POLL_S)


def free_ports(count):
    """Ports that nobody listens on, below the range from which the kernel gives out its own."""
    ports = []
    while len(ports) < count:
        port = random.randrange(15000, 32000)
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                if port not in ports:
                    ports.append(port)
    return ports


def _die_with_parent():
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Member:
    """One weftd. Its data folder outlives its process."""

    def __init__(self, name, folder, ports):
        self.name = name
        self.data_dir = os.path.join(folder, name)
        self.log_path = os.path.join(folder, f"{name}.log")
        self.api_port, self.raft_port = ports
        self.api = Api(self.api_port)
        self.process = None
        self.arguments = []
        self.wrapper = []  # a command that runs weftd, such as prlimit

    @property
    def url(self):
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def raft_address(self):
        return f"127.0.0.1:{self.raft_port}"

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def has_crashed(self):
        """It ended, and neither cleanly nor by our kill -9."""
        return self.process is not None and self.process.poll() not in (None, 0, -signal.SIGKILL)

    def spawn(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, os.path.join(BIN, "weftd"), *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

    def start(self):
        self.spawn()
        is_ready = threading.Event()
        threading.Thread(target=self._read_output, args=(self.process.stdout, is_ready), daemon=True).start()
        if not is_ready.wait(READY_S):
            self.kill()
            raise AssertionError(f"{self.name} does not say that it is ready\n" + "\n".join(self.log_tail()))

    @staticmethod
    def _read_output(stream, is_ready):
        for line in stream:
            if line == b"ready\n":
                is_ready.set()

    def kill(self):
        """kill -9, and wait until the process is gone."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait(10)

    def stop(self, seconds=15.0):
        """SIGTERM. Returns the exit status."""
        self.process.terminate()
        return self.process.wait(seconds)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def log_tail(self):
        with contextlib.suppress(OSError):
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return [f"{self.name}: {line.rstrip()}" for line in file.readlines()[-_LOG_LINES:]]
        return []


class Cluster:
    """`size` members; `flags` go to all of them: Cluster(3, "--lease-quarantine-s", "0")."""

    def __init__(self, size, *flags):
        self.folder = tempfile.mkdtemp(prefix="weft-test-")
        ports = free_ports(2 * size)
        self.members = [
            Member(f"s{i + 1}", self.folder, (ports[2 * i], ports[2 * i + 1])) for i in range(size)
        ]
        listed = []
        for member in self.members:
            listed += ["--member", f"{member.name},{member.raft_address},{member.url}"]
        for member in self.members:
            member.arguments = [
                *("--name", member.name, "--data-dir", member.data_dir),
                *("--api-listen", f"127.0.0.1:{member.api_port}", "--raft-listen", member.raft_address),
                *listed,
                *flags,
            ]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        try:
            for member in self.members:
                member.start()
            self.settle()
        except BaseException:
            with contextlib.suppress(AssertionError):
                self.close()
            raise

    def close(self):
        """Stops all. Raises when a server had ended by itself: a crash that no claim noticed."""
        crashed = [member for member in self.members if member.has_crashed]
        logs = [line for member in crashed for line in member.log_tail()]
        for member in self.members:
            member.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        if crashed:
            raise AssertionError("a server ended by itself\n" + "\n".join(logs))

    def leader(self, seconds=LEADER_S):
        """The member that a running server names and that says so itself."""
        return wait_until("a leader", self._find_leader, seconds)

    def _find_leader(self):
        for member in self.members:
            if member.is_running:
                with contextlib.suppress(OSError, ValueError):
                    cluster = member.api.get("/v1/cluster", timeout=1.0).json
                    if cluster.get("leader") == member.name:
                        return member
        return None

    def settle(self, seconds=LEADER_S):
        """Waits until every running member names the same leader: then each takes writes."""

        def names():
            found = {member.api.get("/v1/cluster", timeout=2.0).json.get("leader") for member in running}
            return len(found) == 1 and None not in found

        running = [member for member in self.members if member.is_running]
        wait_until("all members know the leader", names, seconds)

    def followers(self):
        leader = self.leader()
        return [member for member in self.members if member is not leader]

    def log_tails(self):
        return [line for member in self.members for line in member.log_tail()]
