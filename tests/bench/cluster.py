"""Servers of either store on loopback: free ports, a folder on a real disk, each stopped by its id.

    with Cluster(Weft(), 3, folder) as cluster:
        cluster.leader().call("PUT", "/v1/kv/a", "1")
"""

import contextlib
import ctypes
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from weft import free_ports

START_S = 20.0
POLL_S = 0.005
_CALL_S = 5.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_parent():
    """Runs in a child before exec: no server outlives the benchmark, however that ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Failed(Exception):
    """A load could not be measured; the message says why."""


class Answer:
    def __init__(self, status, body):
        self.status = status
        self.body = body

    def json(self):
        return json.loads(self.body)


def wait_until(what, condition, seconds, poll_s=POLL_S):
    """Polls until condition() is true, and returns its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() >= deadline:
            raise Failed(f"{what}: not within {seconds:g} s")
        time.sleep(poll_s)
    return value


class Member:
    """One server. Its data folder outlives its process."""

    def __init__(self, name, folder, ports):
        self.name = name
        self.data_dir = os.path.join(folder, name)
        self.log_path = os.path.join(folder, f"{name}.log")
        self.port, self.peer_port = ports
        self.command = []
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def start(self):
        """Starts the process and does not wait: when it serves is for the caller to find out."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def kill(self):
        """kill -9, and wait until the process is gone."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait(10)

    def stop_group(self):
        """SIGTERM to a server that has children of its own, then its end."""
        if self.is_running:
            os.killpg(self.pid, signal.SIGTERM)
            self.process.wait(10)

    def call(self, method, path, body="", timeout=_CALL_S):
        """One request on a connection of its own. Raises OSError when no answer comes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body.encode() if body else None)
            response = connection.getresponse()
            return Answer(response.status, response.read())
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    def resident_mib(self):
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
            line = next(line for line in file if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def cpu_s(self):
        """Seconds of processor time that the process has used, all threads."""
        with open(f"/proc/{self.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def log_tail(self):
        with contextlib.suppress(OSError):
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return file.readlines()[-5:]
        return []


class Cluster:
    """`size` servers of one store in a folder of their own below `folder`."""

    def __init__(self, store, size, folder, timers=None):
        self.store = store
        self.folder = tempfile.mkdtemp(prefix=f"{store.name}-", dir=folder)
        ports = free_ports(2 * size)
        self.members = [Member(f"s{i + 1}", self.folder, (ports[2 * i], ports[2 * i + 1])) for i in range(size)]
        for member in self.members:
            member.command = store.command(member, self.members, timers)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        """Starts all that does not run, and waits until a write is acknowledged and all know the leader."""
        for member in self.members:
            if not member.is_running:
                member.start()
        self.settle()

    def settle(self):
        wait_until("all members know the leader", self._agrees, START_S)
        wait_until("a first write", lambda: is_written(self.store, self.members[0]), START_S)

    def _agrees(self):
        self.check()
        try:
            names = {self.store.leader_of(member) for member in self.members}
        except (OSError, ValueError, KeyError):
            return False
        return len(names) == 1 and None not in names

    def check(self):
        """Raises when a server ended by itself."""
        for member in self.members:
            if member.process is not None and member.process.poll() not in (None, -signal.SIGKILL):
                raise Failed(f"{self.store.name} {member.name} ended by itself: {''.join(member.log_tail())}")

    def leader(self):
        return wait_until("a leader", self._find_leader, START_S)

    def _find_leader(self):
        for member in self.members:
            if member.is_running:
                with contextlib.suppress(OSError, ValueError, KeyError):
                    name = self.store.leader_of(member)
                    found = next((other for other in self.members if other.name == name), None)
                    if found is not None and found.is_running:
                        return found
        return None

    def cpu_s(self):
        return sum(member.cpu_s() for member in self.members)

    def kill(self):
        for member in self.members:
            if member.is_running:
                member.process.kill()
        for member in self.members:
            member.kill()

    def close(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def is_written(store, member, timeout=_CALL_S):
    """Whether one small write is acknowledged now."""
    with contextlib.suppress(OSError):
        return member.call(*store.put("first", "x"), timeout=timeout).status in (200, 201)
    return False
