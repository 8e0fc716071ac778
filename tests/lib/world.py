"""A small world of hosts for demonstrations and tests: an underlay switch and hosts, each a network
namespace, all under one random name; pods are namespaces without a cable. Whatever is started here is
stopped by World.close, by process id, and every namespace is removed. Needs root.

    with World() as world:
        host = world.add_host("s1", "192.0.2.11")
        server = host.start("weftd", ["build/bin/weftd", ...])
"""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time

UNDERLAY_LENGTH = 24
STOP_SECONDS = 5.0
POLL_SECONDS = 0.02


class Failed(Exception):
    """A step did not come out as it should; the message is for people."""


def run(command, timeout=20.0, check=True, stdin=None, env=None):
    """Runs a command to its end. Returns the CompletedProcess, texts decoded."""
    done = subprocess.run(command, input=stdin, env=env, timeout=timeout, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(command)}\nexit {done.returncode}: {done.stdout}{done.stderr}".strip())
    return done


def wait_until(what, condition, seconds):
    """Polls until condition() is true; returns its value. Raises Failed when the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise Failed(f"{what}: not within {seconds:g} s")
        time.sleep(POLL_SECONDS)


class Process:
    """A program that runs in a namespace; its output is in `log`."""

    def __init__(self, name, command, log):
        self.name = name
        self.command = command
        self.log = log
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                          start_new_session=True)

    @property
    def pid(self):
        return self.popen.pid

    def is_running(self):
        return self.popen.poll() is None

    def log_text(self):
        with open(self.log, errors="replace") as text:
            return text.read()

    def wait_for_line(self, line, seconds):
        def seen():
            if line in self.log_text().splitlines():
                return True
            if not self.is_running():
                raise Failed(f"{self.name} ended (exit {self.popen.returncode}):\n{self.log_text()}")
            return False

        wait_until(f"{self.name} prints '{line}'", seen, seconds)

    def signal(self, number):
        self.popen.send_signal(number)

    def kill(self):
        """SIGKILL, and waits for the end."""
        self.popen.kill()
        self.popen.wait(STOP_SECONDS)

    def stop(self):
        """SIGTERM, then SIGKILL when that takes too long. Returns the exit status."""
        if self.is_running():
            self.popen.send_signal(signal.SIGCONT)
            self.popen.terminate()
            try:
                self.popen.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait(STOP_SECONDS)
        return self.popen.returncode


class Namespace:
    """A network namespace: a host, or a pod."""

    def __init__(self, world, name):
        self.world = world
        self.name = name
        self.netns = f"{world.prefix}-{name}"
        world.namespaces.append(self)  # first: what is half made is removed too
        run(["ip", "netns", "add", self.netns])
        run(["ip", "-n", self.netns, "link", "set", "lo", "up"])

    @property
    def path(self):
        return f"/run/netns/{self.netns}"

    def command(self, command):
        """The command line that runs `command` in here."""
        return ["ip", "netns", "exec", self.netns, *command]

    def run(self, command, **options):
        return run(self.command(command), **options)

    def start(self, name, command):
        """Starts a program in here; World.close stops it."""
        process = Process(name, self.command(command), os.path.join(self.world.directory, f"{name}.log"))
        self.world.processes.append(process)
        return process


class Host(Namespace):
    """A machine on the underlay."""

    def __init__(self, world, name, address):
        super().__init__(world, name)
        self.address = address
        self.port = f"port-{name}"[:15]
        switch = world.switch.netns
        run(["ip", "link", "add", "eth0", "netns", self.netns, "type", "veth",
             "peer", "name", self.port, "netns", switch])
        run(["ip", "-n", switch, "link", "set", self.port, "master", "switch0", "up"])
        run(["ip", "-n", self.netns, "addr", "add", f"{address}/{UNDERLAY_LENGTH}", "dev", "eth0"])
        run(["ip", "-n", self.netns, "link", "set", "eth0", "up"])

    def cut(self):
        """Drops everything between this host and the others, both ways, without a sign of it."""
        rules = "".join(f"add rule bridge cut {self.name} {way} \"{self.port}\" drop\n"
                        for way in ("iifname", "oifname"))
        self.world.switch.run(["nft", "-f", "-"], stdin=(
            "add table bridge cut\n"
            f"add chain bridge cut {self.name} {{ type filter hook forward priority 0; }}\n" + rules))

    def heal(self):
        self.world.switch.run(["nft", "delete", "chain", "bridge", "cut", self.name])


class World:
    """All of it. Use it as a context manager, or call close."""

    def __init__(self):
        self.prefix = f"weft-{secrets.token_hex(2)}"
        self.directory = tempfile.mkdtemp(prefix=f"{self.prefix}-")
        self.processes = []
        self.namespaces = []
        try:
            self.switch = Namespace(self, "switch")
            run(["ip", "-n", self.switch.netns, "link", "add", "switch0", "type", "bridge"])
            run(["ip", "-n", self.switch.netns, "link", "set", "switch0", "up"])
        except BaseException:
            self.close()  # nobody else can: there is no world yet
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def add_host(self, name, address):
        return Host(self, name, address)

    def add_pod(self, name):
        """A namespace for a plugin to wire: it has only lo."""
        return Namespace(self, name)

    def close(self):
        for process in reversed(self.processes):
            process.stop()
        for namespace in reversed(self.namespaces):
            run(["ip", "netns", "delete", namespace.netns], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
