"""Connections of clients that misbehave: bytes are sent as the test says, and ends are noticed."""

import contextlib
import os
import resource
import select
import socket
import time


def allow_descriptors():
    """As many open files as this process may have. Returns how many."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Crowd:
    """Many connections to one address; when each was closed by the server is noted."""

    def __init__(self, api, count, receive_size=None):
        self.sockets = []
        self.closed_s = {}  # seconds after the beginning, by index
        self.poll = select.poll()
        self.began = time.monotonic()
        self.indexes = {}
        for index in range(count):
            connection = socket.socket()
            if receive_size:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_size)
            connection.settimeout(10)
            connection.connect((api.host, api.port))
            connection.setblocking(False)
            self.sockets.append(connection)
            self.indexes[connection.fileno()] = index
            self.poll.register(connection, select.POLLIN)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in self.sockets:
            connection.close()

    def send(self, data):
        """To all that are open."""
        for index, connection in enumerate(self.sockets):
            if index not in self.closed_s:
                with contextlib.suppress(OSError):
                    connection.send(data)

    def _note_end(self, index, descriptor):
        self.closed_s[index] = time.monotonic() - self.began
        self.poll.unregister(descriptor)

    def watch(self, seconds):
        """Reads for a while, and notes who was closed."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            for descriptor, _ in self.poll.poll(left * 1000):
                index = self.indexes[descriptor]
                try:
                    if not self.sockets[index].recv(65536):
                        self._note_end(index, descriptor)
                except BlockingIOError:
                    continue
                except OSError:
                    self._note_end(index, descriptor)

    @property
    def open_count(self):
        return len(self.sockets) - len(self.closed_s)


def memory_kib(pid, what="VmRSS"):
    """Resident memory of a process; VmHWM: its greatest."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(what + ":"))


def cpu_s(pid):
    """Processor time that a process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def forget_peak(pid):
    """VmHWM counts from here on."""
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")
