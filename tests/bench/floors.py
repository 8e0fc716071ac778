"""What nothing on this machine can beat: a synced append, a round trip on loopback, a static page."""

import os
import socket
import statistics
import tempfile
import time

import generate
import programs
from cluster import Failed, Member, die_with_parent, wait_until
from loads import CONNECTIONS
from weft import free_ports

_APPEND_SIZE = 4096
_ROUND_TRIP_SIZE = 64
_ROUND_TRIPS = 5000
_NGINX_CONFIG = """
{user} daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 1000000000; open_file_cache max=10;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{ listen 127.0.0.1:{port}; root {folder}/pages; }}
}}
"""


def _sync_appends(folder, seconds):
    """Appends of one page, each synced before the next, a second."""
    page = b"x" * _APPEND_SIZE
    count = 0
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            file.write(page)
            os.fdatasync(file.fileno())
            count += 1
        return count / (time.monotonic() - began)


def _echo(listener):
    peer = listener.accept()[0]
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with peer:
        while data := peer.recv(_ROUND_TRIP_SIZE):
            peer.sendall(data)


def _round_trip_us():
    """Another process answers, as a server would."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        child = os.fork()
        if child == 0:
            die_with_parent()
            _echo(listener)
            os._exit(0)
        try:
            return _time_round_trips(listener.getsockname())
        finally:
            os.waitpid(child, 0)


def _time_round_trips(address):
    times = []
    with socket.create_connection(address, 10) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(_ROUND_TRIPS):
            began = time.perf_counter()
            peer.sendall(b"x" * _ROUND_TRIP_SIZE)
            peer.recv(_ROUND_TRIP_SIZE)
            times.append((time.perf_counter() - began) * 1e6)
    return statistics.median(times)


class _StaticPage:
    """Enough of a store for Member: nginx with one page."""

    def __init__(self, folder):
        self.member = Member("nginx", folder, free_ports(2))
        os.makedirs(os.path.join(folder, "pages"))
        with open(os.path.join(folder, "pages", "page"), "w", encoding="utf-8") as file:
            file.write(generate.value())
        config = os.path.join(folder, "nginx.conf")
        with open(config, "w", encoding="utf-8") as file:
            user = "user root;" if os.geteuid() == 0 else ""  # the folder is ours alone
            file.write(_NGINX_CONFIG.format(folder=folder, port=self.member.port, user=user))
        self.member.command = [programs.nginx(), "-c", config, "-e", os.path.join(folder, "nginx.log")]

    def answers(self):
        try:
            return self.member.call("GET", "/page").status == 200
        except OSError:
            return False


def _measure_static_page(results, folder, seconds):
    page = _StaticPage(tempfile.mkdtemp(prefix="nginx-", dir=folder))
    try:
        page.member.start()
        wait_until("nginx's first page", page.answers, 10)
        for connections in CONNECTIONS:
            found = generate.run_wrk(page.member, [("GET", "/page", "")], connections, seconds)
            results.add("floor_static_page", connections, "machine", found["rate"])
    finally:
        page.member.stop_group()


def measure(results, folder, seconds):
    """Once, before the rounds."""
    if results.wants("floor_sync_append"):
        results.add("floor_sync_append", 1, "machine", _sync_appends(folder, seconds))
    if results.wants("floor_loopback_rtt"):
        results.add("floor_loopback_rtt", 1, "machine", _round_trip_us())
    if results.wants("floor_static_page"):
        try:
            _measure_static_page(results, folder, seconds)
        except (Failed, programs.Missing) as fault:
            results.fault("floor_static_page", "machine", fault)
