"""The story that scripts/demo tells: see its --help. Each chapter is a function; a failed step raises
world.Failed and ends the demo with status 1, after everything has been removed."""

import glob
import json
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
from world import Failed, Process, World, run, wait_until  # noqa: E402

BIN = os.path.join(ROOT, "build", "bin")
NETWORK = {"ipv4": "10.244.0.0/16", "lease_ttl_s": 3600}
SERVERS = {"s1": "192.0.2.11", "s2": "192.0.2.12", "s3": "192.0.2.13"}
NODES = {"n1": "192.0.2.21", "n2": "192.0.2.22", "n3": "192.0.2.23"}
PODS_PER_NODE = 2
API_PORT, RAFT_PORT = 7480, 7481
KEPT_STATE = os.path.join(tempfile.gettempdir(), "weft-demo-kept.json")

PAGE_SERVER = """
import http.server
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"hello {self.client_address[0]}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.HTTPServer(("0.0.0.0", 80), Page).serve_forever()
"""


class Story:
    """Prints what happens, and when."""

    def __init__(self):
        self.began = time.monotonic()
        self.figures = []

    def chapter(self, title):
        print(f"\n== {title}", flush=True)

    def tell(self, text):
        print(f"   {time.monotonic() - self.began:5.1f} s  {text}", flush=True)

    def show(self, text):
        for line in text.rstrip().splitlines():
            print(f"            | {line}", flush=True)

    def figure(self, name, value):
        """A measured time, told now and again at the end."""
        self.figures.append((name, value))
        self.tell(f"{name}: {value}")

    def end(self):
        print("\n== The figures", flush=True)
        for name, value in self.figures:
            print(f"   {name:<58} {value}", flush=True)
        print(f"\nAll steps succeeded in {time.monotonic() - self.began:.1f} s.", flush=True)


def members_of(addresses, api_port=API_PORT, raft_port=RAFT_PORT):
    return [f"--member={name},{address}:{raft_port},http://{address}:{api_port}"
            for name, address in addresses.items()]


class Store:
    """The servers, and the command line that asks them. `run` runs a command where the servers can be
    reached: in a namespace, or here."""

    def __init__(self, urls, runner):
        self.urls = urls
        self.runner = runner
        self.servers = {}  # name -> Process

    def weft(self, *arguments, check=True, urls=None, timeout=20.0):
        command = [os.path.join(BIN, "weft"), "--server", ",".join(urls or self.urls), *arguments]
        return self.runner(command, check=check, timeout=timeout)

    def cluster(self, urls=None):
        """GET /v1/cluster from the first of `urls` that answers; None when none does."""
        done = self.weft("-o", "json", "get", "cluster", check=False, urls=urls)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def leader(self):
        """The name of the leader that a majority can be reached through; None while there is none."""
        cluster = self.cluster()
        name = cluster and cluster.get("leader")
        return name if name and self.servers[name].is_running() else None

    def wait_for_leader(self, seconds):
        return wait_until("a leader is elected", self.leader, seconds)

    def write(self, key, value):
        self.weft("put", f"kv/{key}", value)

    def write_until_accepted(self, key, value, seconds):
        """Writes until a server says yes; returns the seconds that it took."""
        began = time.monotonic()
        wait_until("a write is accepted", lambda: self.weft(
            "--timeout", "1", "put", f"kv/{key}", value, check=False).returncode == 0, seconds)
        return time.monotonic() - began

    def expect(self, key, value, urls=None):
        got = self.weft("get", f"kv/{key}", urls=urls).stdout.rstrip("\n")
        if got != value:
            raise Failed(f"kv/{key} is '{got}', not '{value}'")


class PingStream:
    """Pings from one pod to another, ten a second, until stopped."""

    def __init__(self, source, address):
        self.process = source.start(f"ping-{address}", ["ping", "-D", "-n", "-i", "0.1", "-W", "1", address])

    def stop(self, least=20):
        """Ends once at least that many have been sent. Returns sent, received, and the longest silence
        in seconds."""
        wait_until("pings between pods", lambda: self.process.log_text().count("time=") >= least - 1, least)
        self.process.signal(signal.SIGINT)
        wait_until("ping ends", lambda: not self.process.is_running(), 3)
        text = self.process.log_text()
        times = [float(match) for match in re.findall(r"^\[([0-9.]+)\].*time=", text, re.M)]
        summary = re.search(r"(\d+) packets transmitted, (\d+) received", text)
        if not summary or not times:
            raise Failed(f"no ping came back:\n{text}")
        silence = max((b - a for a, b in zip(times, times[1:])), default=0.0)
        return int(summary[1]), int(summary[2]), silence


class Cluster:
    """The world of the demo with root: hosts, servers, agents, pods."""

    def __init__(self, world, story):
        self.world = world
        self.story = story
        self.hosts = {}
        self.agents = {}
        self.pods = {}  # name -> {"pod": Namespace, "node": name, "ip": text}
        urls = [f"http://{address}:{API_PORT}" for address in SERVERS.values()]
        self.urls = urls
        self.store = Store(urls, lambda command, **options: self.hosts["n1"].run(command, **options))

    def path(self, *parts):
        path = os.path.join(self.world.directory, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def add_hosts(self):
        for name, address in {**SERVERS, **NODES}.items():
            self.hosts[name] = self.world.add_host(name, address)

    def start_server(self, name):
        address = SERVERS[name]
        server = self.hosts[name].start(f"weftd-{name}-{len(self.world.processes)}", [
            os.path.join(BIN, "weftd"), "--name", name, "--data-dir", self.path(name, "data"),
            "--api-listen", f"{address}:{API_PORT}", "--raft-listen", f"{address}:{RAFT_PORT}",
            "--api-socket", self.path(name, "api.sock"), "--insecure", *members_of(SERVERS)])
        self.store.servers[name] = server
        server.wait_for_line("ready", 10)

    def start_agent(self, name):
        self.agents[name] = self.hosts[name].start(f"agent-{name}", [
            os.path.join(BIN, "weft-agent"), "--node", name, "--server", ",".join(self.urls),
            "--network", "default", "--iface", "eth0", "--state-dir", self.path(name, "state"),
            "--run-dir", self.path(name, "run"), "--socket", self.path(name, "agent.sock"),
            "--subnet-env", self.path(name, "subnet.env")])

    def plugin(self, verb, node, pod_name, netns_path, check=True):
        """Calls weft-cni as a container runtime would; returns its result."""
        env = {"PATH": os.environ["PATH"], "CNI_COMMAND": verb, "CNI_CONTAINERID": pod_name, "CNI_NETNS": netns_path,
               "CNI_IFNAME": "eth0", "CNI_PATH": BIN,
               "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAMESPACE=demo;K8S_POD_NAME={pod_name}"}
        config = {"cniVersion": "1.1.0", "name": "weft", "type": "weft-cni",
                  "agent_socket": self.path(node, "agent.sock")}
        done = self.hosts[node].run([os.path.join(BIN, "weft-cni")], stdin=json.dumps(config), env=env, check=False)
        if check and done.returncode != 0:
            raise Failed(f"{verb} {pod_name} on {node}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def attach(self, node, pod_name):
        pod = self.world.add_pod(pod_name)
        result = self.plugin("ADD", node, pod_name, pod.path)
        address = result["ips"][0]["address"].split("/")[0]
        self.pods[pod_name] = {"pod": pod, "node": node, "ip": address}
        return address

    def ping(self, source, address):
        return source.run(["ping", "-n", "-c", "1", "-W", "2", address], check=False).returncode == 0

    def ping_all(self):
        """Every pod to every pod of the other nodes. Returns how many pairs."""
        pairs = [(a, b) for a in self.pods.values() for b in self.pods.values() if a["node"] != b["node"]]
        silent = [(a, b) for a, b in pairs if not self.ping(a["pod"], b["ip"])]
        if silent:
            a, b = silent[0]
            raise Failed(f"{len(silent)} of {len(pairs)} pairs are silent: {a['ip']} ({a['node']}) to {b['ip']} ({b['node']})")
        return len(pairs)


# ---- the chapters ----

def chapter_store(cluster, story):
    story.chapter("Three servers form a store")
    cluster.add_hosts()
    for name in SERVERS:
        cluster.start_server(name)
    began = time.monotonic()
    leader = cluster.store.wait_for_leader(15)
    story.tell(f"{leader} leads, {time.monotonic() - began:.1f} s after the last server was ready")
    cluster.store.weft("put", "networks/default", json.dumps(NETWORK))
    story.tell(f"the network 'default' is {NETWORK['ipv4']}")
    story.show(cluster.store.weft("status").stdout)


def lease_count(cluster):
    listed = json.loads(cluster.store.weft("-o", "json", "list", "subnets/default").stdout)
    return len(listed["items"])


def chapter_nodes(cluster, story):
    story.chapter("Three nodes lease their subnets")
    began = time.monotonic()
    for name in NODES:
        cluster.start_agent(name)
    wait_until("three leases", lambda: lease_count(cluster) == len(NODES), 15)
    wait_until("subnet.env on each node", lambda: all(
        os.path.exists(cluster.path(name, "subnet.env")) for name in NODES), 10)
    story.figure("three nodes joined in", f"{time.monotonic() - began:.2f} s")
    story.show(cluster.store.weft("list", "subnets/default").stdout)


def chapter_pods(cluster, story):
    story.chapter("Pods are attached by the CNI plugin")
    began = time.monotonic()
    for node in NODES:
        for number in range(1, PODS_PER_NODE + 1):
            address = cluster.attach(node, f"pod-{node}-{number}")
            story.tell(f"pod-{node}-{number} on {node} has {address}")
    story.figure("six pods attached, one after the other, in", f"{time.monotonic() - began:.2f} s")


def chapter_traffic(cluster, story):
    story.chapter("Every pod reaches every pod of the other nodes")
    wait_until("the first ping crosses the nodes", lambda: cluster.ping(
        cluster.pods["pod-n1-1"]["pod"], cluster.pods["pod-n3-1"]["ip"]), 10)
    story.tell(f"{cluster.ping_all()} pairs, each with a ping answered")
    server, client = cluster.pods["pod-n2-1"], cluster.pods["pod-n1-1"]
    page = server["pod"].start("page-server", [sys.executable, "-c", PAGE_SERVER])
    wait_until("the page server listens", lambda: server["pod"].run(
        ["ss", "-Htln", "sport = :80"]).stdout.strip(), 10)
    answer = client["pod"].run(["curl", "-sS", "--max-time", "5", f"http://{server['ip']}/"]).stdout
    page.stop()
    if answer != f"hello {client['ip']}":
        raise Failed(f"the page says '{answer}', not 'hello {client['ip']}': the source address was changed")
    story.tell(f"a page from {server['ip']} over TCP says: {answer} (the pod's own address: no NAT)")


def chapter_kill(cluster, story):
    story.chapter("The leading server is killed")
    leader = cluster.store.leader()
    cluster.store.write("before", "written before the kill")
    pings = PingStream(cluster.pods["pod-n1-1"]["pod"], cluster.pods["pod-n2-1"]["ip"])
    cluster.store.servers[leader].kill()
    story.tell(f"{leader} got SIGKILL")
    gap = cluster.store.write_until_accepted("after", "written after the kill", 15)
    story.figure("writes went on after the leader's death in", f"{gap:.2f} s")
    story.tell(f"{cluster.store.wait_for_leader(10)} leads now")
    cluster.store.expect("before", "written before the kill")
    began = time.monotonic()
    address = cluster.attach("n2", "pod-n2-new")
    story.figure("a new pod was attached meanwhile in", f"{time.monotonic() - began:.2f} s")
    wait_until("the new pod is reached", lambda: cluster.ping(cluster.pods["pod-n3-1"]["pod"], address), 5)
    story.tell(f"pod-n2-new has {address}, and pod-n3-1 reaches it")
    tell_pings(story, pings)
    cluster.start_server(leader)
    wait_until(f"{leader} is back", lambda: caught_up(cluster, leader), 10)
    story.tell(f"{leader} was started again and has caught up")


def tell_pings(story, pings):
    sent, received, silence = pings.stop()
    story.figure("pings between pods meanwhile", f"{received} of {sent} answered, longest silence {silence:.2f} s")
    if received < sent - 1:  # the last one may still be on its way
        raise Failed(f"{sent - received} of {sent} pings between pods were lost")


def caught_up(cluster, name):
    """Whether that server itself answers with the leader's revision."""
    own = cluster.store.cluster([f"http://{SERVERS[name]}:{API_PORT}"])
    leader = cluster.store.leader()
    lead = leader and cluster.store.cluster([f"http://{SERVERS[leader]}:{API_PORT}"])
    return own and lead and own["revision"] == lead["revision"]


def chapter_cut(cluster, story):
    story.chapter("A server is cut off, and comes back")
    name = cluster.store.leader()
    others = [f"http://{address}:{API_PORT}" for other, address in SERVERS.items() if other != name]
    pings = PingStream(cluster.pods["pod-n1-1"]["pod"], cluster.pods["pod-n3-1"]["ip"])
    cluster.hosts[name].cut()
    story.tell(f"the switch drops everything from and to {name}, which leads")
    gap = cluster.store.write_until_accepted("cut", "written while one server is cut off", 20)
    story.figure("writes went on after the leader was cut off in", f"{gap:.2f} s")
    cluster.store.expect("cut", "written while one server is cut off", others)
    story.tell(f"{cluster.ping_all()} pairs of pods reach each other")
    tell_pings(story, pings)
    cluster.hosts[name].heal()
    began = time.monotonic()
    wait_until(f"{name} has caught up", lambda: caught_up(cluster, name), 15)
    story.figure("the server that was cut off had caught up in", f"{time.monotonic() - began:.2f} s")
    cluster.store.expect("cut", "written while one server is cut off", [f"http://{SERVERS[name]}:{API_PORT}"])
    story.show(cluster.store.weft("status").stdout)


def chapter_detach(cluster, story):
    story.chapter("Pods leave")
    for name in ("pod-n2-new", "pod-n1-2"):
        entry = cluster.pods.pop(name)
        for _ in range(2):  # the second must be as fine as the first
            cluster.plugin("DEL", entry["node"], name, entry["pod"].path)
    story.tell("two pods were detached, each asked for twice; the others still talk: "
               f"{cluster.ping_all()} pairs")


# ---- with and without root ----

def print_look_around(cluster):
    some = next(iter(cluster.pods.values()))
    where = f"ip netns exec {cluster.hosts['n1'].netns}"
    print(f"""
It is still running. Look around:
  {where} {BIN}/weft --server {','.join(cluster.urls)} status
  {where} {BIN}/weft --server {','.join(cluster.urls)} list subnets/default
  {where} ip route; {where} bridge fdb show dev weft.1
  ip netns exec {some['pod'].netns} ping <an address from the list above>
  logs: {cluster.world.directory}/*.log
Remove it all with:
  scripts/demo --clean""", flush=True)


def keep(cluster):
    state = {"directory": cluster.world.directory,
             "pids": [process.pid for process in cluster.world.processes if process.is_running()],
             "namespaces": [namespace.netns for namespace in cluster.world.namespaces]}
    with open(KEPT_STATE, "w") as out:
        json.dump(state, out)
    print_look_around(cluster)


def is_ours(pid):
    """Whether that process still is one of our programs (process ids are used again)."""
    try:
        return os.path.realpath(f"/proc/{pid}/exe").startswith((BIN, os.path.realpath(sys.executable)))
    except OSError:
        return False


def clean():
    if not os.path.exists(KEPT_STATE):
        print("There is no demo left to remove.")
        return 0
    with open(KEPT_STATE) as text:
        state = json.load(text)
    for pid in filter(is_ours, state["pids"]):
        os.kill(pid, signal.SIGTERM)
    wait_until("its processes end", lambda: not any(is_ours(pid) for pid in state["pids"]), 10)
    for netns in state["namespaces"]:
        run(["ip", "netns", "delete", netns], check=False)
    shutil.rmtree(state["directory"], ignore_errors=True)
    os.remove(KEPT_STATE)
    print("The demo is removed.")
    return 0


def tell_with_root(story, wants_keep):
    world = World()
    is_kept = False
    try:
        cluster = Cluster(world, story)
        for chapter in (chapter_store, chapter_nodes, chapter_pods, chapter_traffic, chapter_kill,
                        chapter_cut, chapter_detach):
            chapter(cluster, story)
        story.end()
        if wants_keep:
            keep(cluster)
            is_kept = True
    except Failed:
        print_logs(world.directory)
        raise
    finally:
        if not is_kept:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing cuts the cleaning short
            world.close()


def print_logs(directory):
    """The last lines of each program, for who has to find out why."""
    for path in sorted(glob.glob(os.path.join(directory, "*.log"))):
        with open(path, errors="replace") as text:
            lines = text.read().splitlines()[-12:]
        if lines:
            print(f"-- {os.path.basename(path)}", *lines, sep="\n   ", file=sys.stderr)


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def tell_without_root(story):
    """The store alone: three servers on loopback."""
    directory = tempfile.mkdtemp(prefix="weft-demo-")
    ports = free_ports(6)
    members = [f"--member=s{i + 1},127.0.0.1:{ports[i + 3]},http://127.0.0.1:{ports[i]}" for i in range(3)]
    store = Store([f"http://127.0.0.1:{port}" for port in ports[:3]], run)
    try:
        story.chapter("Three servers form a store (without root: on loopback, and no pods)")
        for i in range(3):
            name = f"s{i + 1}"
            store.servers[name] = Process(name, [
                os.path.join(BIN, "weftd"), "--name", name, "--data-dir", os.path.join(directory, name),
                "--api-listen", f"127.0.0.1:{ports[i]}", "--raft-listen", f"127.0.0.1:{ports[i + 3]}",
                "--api-socket", os.path.join(directory, f"{name}.sock"), *members],
                os.path.join(directory, f"{name}.log"))
            store.servers[name].wait_for_line("ready", 10)
        leader = store.wait_for_leader(15)
        store.weft("put", "networks/default", json.dumps(NETWORK))
        store.write("before", "written before the kill")
        story.tell(f"{leader} leads; a network and a key are written")
        story.show(store.weft("status").stdout)
        story.chapter("The leading server is killed")
        store.servers[leader].kill()
        gap = store.write_until_accepted("after", "written after the kill", 15)
        story.figure("writes went on after the leader's death in", f"{gap:.2f} s")
        store.expect("before", "written before the kill")
        story.tell("what was written before is there")
        story.end()
        print("Run it as root to see nodes and pods too.")
    except Failed:
        print_logs(directory)
        raise
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for server in store.servers.values():
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def main(arguments):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell had it ignored
    if "--clean" in arguments:
        return clean()
    story = Story()
    try:
        if os.geteuid() == 0:
            tell_with_root(story, "--keep" in arguments)
        else:
            tell_without_root(story)
    except Failed as failure:
        print(f"\nFAILED: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; everything was removed.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
