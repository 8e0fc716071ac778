"""A small fleet in namespaces: one server, nodes with an agent each, pods attached by the real plugin.

    with Fleet(nodes=2) as fleet:
        pod = fleet.nodes[0].attach("web")
        fleet.nodes[1].attach("client").ping(pod.ip)
"""

import http.client
import json
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from world import Failed, World, run, wait_until  # noqa: E402,F401

ROOT = os.environ.get("WEFT_ROOT") or os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
BIN = os.environ.get("WEFT_BIN") or os.path.join(ROOT, "build", "bin")
STORE_ADDRESS = "192.0.2.10"
API_PORT, RAFT_PORT = 7480, 7481
NETWORK = {"ipv4": "10.244.0.0/16", "lease_ttl_s": 60}
LOG_LINES = 60


def program(name):
    return os.path.join(BIN, name)


class LocalSocket(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self.path)


class Answer:
    """What the plugin printed: its exit status and its JSON."""

    def __init__(self, done):
        self.status = done.returncode
        self.text = done.stdout
        self.stderr = done.stderr
        self.json = json.loads(done.stdout) if done.stdout.strip() else None

    @property
    def code(self):
        return self.json.get("code") if self.json else None


class Pod:
    def __init__(self, node, name, namespace, result):
        self.node, self.name, self.namespace, self.result = node, name, namespace, result
        self.ip = result["ips"][0]["address"].split("/")[0]

    def run(self, command, **options):
        return self.namespace.run(command, **options)

    def can_ping(self, address, seconds=2):
        return self.run(["ping", "-n", "-c", "1", "-W", str(seconds), address], check=False).returncode == 0

    def show(self, *what):
        return json.loads(self.run(["ip", "-j", *what]).stdout)


class Node:
    def __init__(self, fleet, name, address):
        self.fleet, self.name = fleet, name
        self.host = fleet.world.add_host(name, address)
        self.folder = os.path.join(fleet.world.directory, name)
        self.socket = os.path.join(self.folder, "run", "agent.sock")
        self.subnet_env = os.path.join(self.folder, "flannel", "subnet.env")
        self.agent = None
        self.pods = {}

    # ---- the agent ----

    def agent_command(self, *flags):
        return [program("weft-agent"), "--node", self.name, "--server", self.fleet.url, "--network", "default",
                "--iface", "eth0", "--state-dir", os.path.join(self.folder, "state"),
                "--run-dir", os.path.join(self.folder, "run"), "--socket", self.socket,
                "--subnet-env", self.subnet_env, "--address-rest-s", "1", "--resync-s", "2", *flags]

    def start(self, wait=True):
        self.agent = self.host.start(f"agent-{self.name}-{len(self.fleet.world.processes)}", self.agent_command())
        self.agent.wait_for_line("ready", 10)
        if wait:
            wait_until(f"{self.name} can attach pods", lambda: self.get("/v1/status")["can_attach"], 20)

    def get(self, path):
        connection = LocalSocket(self.socket)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def attachments(self):
        return {item["container_id"]: item for item in self.get("/v1/attachments")["items"]}

    # ---- the kernel ----

    def ip(self, *command):
        done = self.host.run(["ip", "-j", *command], check=False)
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else []

    def our_routes(self):
        return {route["dst"]: route for route in self.ip("route", "show", "proto", "87")}

    def host_ends(self):
        return [link["ifname"] for link in self.ip("link", "show", "type", "veth") if link["ifname"].startswith("weft")]

    # ---- the plugin ----

    def config(self, version="1.1.0", **more):
        return {"cniVersion": version, "name": "weft", "type": "weft-cni", "agent_socket": self.socket, **more}

    def call(self, verb, container=None, netns=None, ifname="eth0", args=None, config=None, stdin=None, env=None):
        """One call of the plugin, as a runtime makes it. None leaves a variable out."""
        variables = {"CNI_COMMAND": verb, "CNI_CONTAINERID": container, "CNI_NETNS": netns, "CNI_IFNAME": ifname,
                     "CNI_ARGS": args, "CNI_PATH": BIN, "PATH": os.environ["PATH"], **(env or {})}
        text = stdin if stdin is not None else json.dumps(config if config is not None else self.config())
        return Answer(self.host.run([program("weft-cni")], stdin=text, check=False,
                                    env={name: value for name, value in variables.items() if value is not None}))

    def attach(self, name, **options):
        namespace = self.fleet.world.add_pod(name)
        args = f"IgnoreUnknown=1;K8S_POD_NAMESPACE=test;K8S_POD_NAME={name};K8S_POD_UID=uid-{name}"
        answer = self.call("ADD", name, namespace.path, args=args, **options)
        if answer.status != 0:
            raise Failed(f"ADD {name} on {self.name}: {answer.text}{answer.stderr}\n{self.agent.log_text()[-3000:]}")
        self.pods[name] = Pod(self, name, namespace, answer.json)
        return self.pods[name]

    def detach(self, pod):
        answer = self.call("DEL", pod.name, pod.namespace.path)
        if answer.status != 0:
            raise Failed(f"DEL {pod.name}: {answer.text}{answer.stderr}")
        self.pods.pop(pod.name, None)


class Fleet:
    def __init__(self, nodes=2, network=None):
        self.world = World()
        self.network = network or NETWORK
        self.url = f"http://{STORE_ADDRESS}:{API_PORT}"
        self.store_host = self.world.add_host("store", STORE_ADDRESS)
        self.nodes = [Node(self, f"n{i + 1}", f"192.0.2.{21 + i}") for i in range(nodes)]
        self.server = None

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
        self.start_store()
        wait_until("the network is made", lambda: self.store("PUT", "/v1/networks/default", self.network)[0] in
                   (200, 201), 15)
        for node in self.nodes:
            node.start()

    def close(self):
        self.world.close()

    # ---- the store ----

    def start_store(self):
        self.server = self.store_host.start(f"weftd-{len(self.world.processes)}", [
            program("weftd"), "--name", "s1", "--data-dir", os.path.join(self.world.directory, "data"),
            "--api-listen", f"{STORE_ADDRESS}:{API_PORT}", "--raft-listen", f"{STORE_ADDRESS}:{RAFT_PORT}", "--insecure",
            "--lease-quarantine-s", "0",
            "--member", f"s1,{STORE_ADDRESS}:{RAFT_PORT},http://{STORE_ADDRESS}:{API_PORT}"])
        self.server.wait_for_line("ready", 15)

    def stop_store(self):
        self.server.kill()

    def store(self, method, path, body=None):
        """(status, JSON) of one call to the store; (0, text) when it does not answer."""
        command = ["curl", "-sS", "--max-time", "5", "-X", method, "-w", "\n%{http_code}", self.url + path]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        done = self.store_host.run(command, check=False)
        text, _, status = done.stdout.rpartition("\n")
        return (int(status), json.loads(text) if text.strip() else None) if done.returncode == 0 else (0, done.stderr)

    def items(self, path):
        status, answer = self.store("GET", path)
        return answer["items"] if status == 200 else []

    def log_tails(self):
        lines = []
        for process in self.world.processes:
            if process.name.startswith(("agent", "weftd")):
                lines += [f"--- {process.name}"] + process.log_text().splitlines()[-LOG_LINES:]
        return lines
