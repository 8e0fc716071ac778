"""Pods on two nodes: traffic, and what survives the loss of agent, device, route and store (NETWORK.md 1, 4
and 9; RELIABILITY.md S8 to S10)."""

import concurrent.futures
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fleet import Fleet, wait_until  # noqa: E402
import claims  # noqa: E402

TCP_SERVER = """
import socket
server = socket.create_server(("0.0.0.0", 8080))
while True:
    connection, peer = server.accept()
    connection.sendall(peer[0].encode())
    connection.close()
"""
TCP_CLIENT = """
import socket, sys
connection = socket.create_connection((sys.argv[1], 8080), timeout=5)
sys.stdout.write(connection.recv(100).decode())
"""


def crc32c(content):
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Pods(claims.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(nodes=2)
        try:
            cls.fleet.start()
            cls.one, cls.two = cls.fleet.nodes
            cls.a, cls.b = cls.one.attach("pod-a"), cls.two.attach("pod-b")
            wait_until("the nodes know each other", lambda: cls.a.can_ping(cls.b.ip, 1), 15)
        except BaseException:
            print("\n".join(f"# {line}" for line in cls.fleet.log_tails()))
            cls.fleet.close()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.fleet.close()

    @classmethod
    def diagnose(cls):
        return cls.fleet.log_tails()

    def endpoint(self, ip):
        return self.fleet.store("GET", f"/v1/endpoints/default/{ip}")

    # ---- traffic ----

    def test_pods_of_different_nodes_reach_each_other(self):
        self.assertTrue(self.a.can_ping(self.b.ip))
        self.assertTrue(self.b.can_ping(self.a.ip))

    def test_pods_of_one_node_reach_each_other(self):
        other = self.one.attach("pod-neighbour")
        self.assertTrue(self.a.can_ping(other.ip))
        self.assertTrue(other.can_ping(self.a.ip))
        self.one.detach(other)

    def test_nodes_reach_all_pods_and_pods_their_node(self):
        for node in (self.one, self.two):
            for pod in (self.a, self.b):
                done = node.host.run(["ping", "-n", "-c", "1", "-W", "2", pod.ip], check=False)
                self.assertEqual(done.returncode, 0, f"{node.name} to {pod.ip}: {done.stdout}")
        self.assertTrue(self.a.can_ping(self.one.host.address))

    def test_a_tcp_server_sees_the_address_of_the_pod(self):
        server = self.b.namespace.start("tcp-server", [sys.executable, "-c", TCP_SERVER])
        wait_until("it listens", lambda: self.b.run(["ss", "-Htln", "sport = :8080"]).stdout.strip(), 10)
        seen = self.a.run([sys.executable, "-c", TCP_CLIENT, self.b.ip]).stdout
        server.stop()
        self.assertEqual(seen, self.a.ip)

    def test_a_full_packet_fits_and_a_larger_one_does_not(self):
        mtu = self.a.show("link", "show", "eth0")[0]["mtu"]
        self.assertEqual(mtu, 1450)
        for size, fits in ((mtu - 28, True), (mtu - 27, False)):
            done = self.a.run(["ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", str(size), self.b.ip], check=False)
            self.assertEqual(done.returncode == 0, fits, f"{size} bytes: {done.stdout}{done.stderr}")

    def test_traffic_to_an_absent_pod_does_not_loop(self):
        absent = self.a.ip.rsplit(".", 1)[0] + ".250"
        done = self.b.run(["ping", "-n", "-c", "1", "-W", "2", absent], check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("Time to live exceeded", done.stdout)

    # ---- attaching and detaching ----

    def test_the_pod_has_its_address_route_and_gateway(self):
        link = self.a.show("link", "show", "eth0")[0]
        listed = next(item for item in self.a.result["interfaces"] if item.get("sandbox"))
        self.assertEqual((link["address"], link["mtu"]), (listed["mac"], listed["mtu"]))
        addresses = [item for item in self.a.show("addr", "show", "eth0")[0]["addr_info"] if item["family"] == "inet"]
        self.assertEqual([(item["local"], item["prefixlen"]) for item in addresses], [(self.a.ip, 32)])
        route = self.a.show("route", "show", "default")[0]
        self.assertEqual((route["gateway"], route["dev"]), ("169.254.1.1", "eth0"))
        neighbour = self.a.show("neigh", "show", "169.254.1.1")[0]
        self.assertEqual(neighbour["state"], ["PERMANENT"])

    def test_a_detached_pod_leaves_nothing_and_twice_is_fine(self):
        before = self.one.host_ends()
        pod = self.one.attach("pod-short")
        self.assertEqual(len(self.one.host_ends()), len(before) + 1)
        self.assertIn(pod.ip, self.one.our_routes())
        self.one.detach(pod)
        self.one.detach(pod)
        self.assertEqual(self.one.host_ends(), before)
        self.assertNotIn("pod-short", self.one.attachments())
        self.assertEqual([link["ifname"] for link in pod.show("link", "show")], ["lo"])
        wait_until("its route goes", lambda: pod.ip not in self.one.our_routes(), 2)

    def test_a_pod_whose_namespace_went_first_is_detached(self):
        pod = self.one.attach("pod-gone")
        self.fleet.world.namespaces.remove(pod.namespace)
        self.one.host.run(["ip", "netns", "delete", pod.namespace.netns])
        answer = self.one.call("DEL", "pod-gone", pod.namespace.path)
        self.assertEqual(answer.status, 0, answer.text)
        self.assertEqual(self.one.call("DEL", "pod-gone").status, 0, "and without CNI_NETNS")
        self.assertNotIn("pod-gone", self.one.attachments())

    def test_addresses_are_given_in_turn_and_never_twice(self):
        pods = [self.one.attach(f"pod-turn-{i}") for i in range(4)]
        self.one.detach(pods[0])
        again = self.one.attach("pod-turn-again")
        self.assertEqual(len({pod.ip for pod in [*pods, again]}), 5)
        for pod in [*pods[1:], again]:
            self.one.detach(pod)

    def test_many_pods_attach_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            pods = list(pool.map(lambda i: self.one.attach(f"pod-many-{i}"), range(16)))
        self.assertEqual(len({pod.ip for pod in pods}), 16)
        self.assertEqual(set(self.one.our_routes()) & {pod.ip for pod in pods}, {pod.ip for pod in pods})
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(self.one.detach, pods))
        self.assertFalse([name for name in self.one.attachments() if name.startswith("pod-many")])

    def test_an_endpoint_follows_its_pod(self):
        pod = self.one.attach("pod-seen")
        wait_until("it is published", lambda: self.endpoint(pod.ip)[0] == 200, 5)
        endpoint = self.endpoint(pod.ip)[1]
        self.assertEqual((endpoint["node"], endpoint["container_id"], endpoint["ifname"]), ("n1", "pod-seen", "eth0"))
        self.assertEqual(endpoint["pod"], {"namespace": "test", "name": "pod-seen", "uid": "uid-pod-seen"})
        self.one.detach(pod)
        wait_until("it is taken back", lambda: self.endpoint(pod.ip)[0] == 404, 5)

    # ---- the kernel's objects come back ----

    def test_a_deleted_tunnel_is_back_within_five_seconds(self):
        self.one.host.run(["ip", "link", "delete", "weft.1"])
        wait_until("traffic flows", lambda: self.a.can_ping(self.b.ip, 1), 5)
        self.assertTrue(self.b.can_ping(self.a.ip))

    def test_deleted_routes_are_back_within_five_seconds(self):
        routes = self.one.our_routes()
        self.one.host.run(["ip", "route", "flush", "proto", "87"])
        wait_until("the routes are back", lambda: self.one.our_routes() == routes, 5)

    def test_a_foreign_route_is_left_alone(self):
        self.one.host.run(["ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.22"])
        self.one.host.run(["ip", "link", "delete", "weft.1"])
        wait_until("the tunnel is back", lambda: self.one.ip("link", "show", "weft.1"), 5)
        self.assertTrue(self.one.ip("route", "show", "198.51.100.0/24"))
        self.one.host.run(["ip", "route", "delete", "198.51.100.0/24"])

    # ---- the agent goes and comes ----

    def restart_agent(self, how):
        before = (self.one.our_routes(), self.one.ip("link", "show", "weft.1")[0]["address"], self.one.attachments())
        stream = self.a.namespace.start("ping-stream", ["ping", "-n", "-i", "0.05", "-W", "1", self.b.ip])
        wait_until("it flows", lambda: "time=" in stream.log_text(), 5)
        how()
        self.assertTrue(self.a.can_ping(self.b.ip), "pods talk while the agent is away")
        self.one.start()
        time.sleep(0.5)  # the new agent has looked several times
        stream.signal(signal.SIGINT)
        wait_until("ping ends", lambda: not stream.is_running(), 3)
        self.assertIn(" 0% packet loss", stream.log_text())
        after = (self.one.our_routes(), self.one.ip("link", "show", "weft.1")[0]["address"], self.one.attachments())
        self.assertEqual(after, before)

    def test_a_restarted_agent_keeps_subnet_mac_pods_and_routes(self):
        self.restart_agent(lambda: self.assertEqual(self.one.agent.stop(), 0))

    def test_a_killed_agent_keeps_subnet_mac_pods_and_routes(self):
        self.restart_agent(self.one.agent.kill)

    def test_without_the_agent_add_says_where_it_looked_and_del_succeeds(self):
        pod = self.one.attach("pod-left")
        self.one.agent.stop()
        late = self.fleet.world.add_pod("pod-late")
        answer = self.one.call("ADD", "pod-late", late.path)
        self.assertEqual((answer.status, answer.code), (1, 11))
        self.assertIn(self.one.socket, answer.json["msg"])
        self.one.detach(pod)
        self.one.detach(pod)
        self.assertEqual([link["ifname"] for link in pod.show("link", "show")], ["lo"])
        self.one.start()
        self.assertNotIn("pod-left", self.one.attachments())
        wait_until("its endpoint goes", lambda: self.endpoint(pod.ip)[0] == 404, 5)
        self.assertEqual(os.listdir(self.one.socket + ".released"), [])

    def test_a_release_left_behind_spares_the_pod_that_came_since(self):
        pod = self.one.attach("pod-again")
        self.one.agent.stop()
        self.one.detach(pod)
        self.one.start()
        answer = self.one.call("ADD", "pod-again", pod.namespace.path)
        self.assertEqual(answer.status, 0, answer.text)
        time.sleep(2.5)  # longer than a resync
        self.assertIn("pod-again", self.one.attachments())
        self.assertEqual(self.one.call("DEL", "pod-again", pod.namespace.path).status, 0)

    def test_an_agent_killed_among_attaches_gives_no_address_twice(self):
        def attach(number):
            name = f"pod-storm-{number}"
            namespace = self.fleet.world.add_pod(name)

            def added():
                answer = self.one.call("ADD", name, namespace.path)
                return answer.status == 0 and answer.json["ips"][0]["address"].split("/")[0]

            return name, namespace, wait_until(f"{name} is attached", added, 30)

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            storm = [pool.submit(attach, number) for number in range(18)]
            for _ in range(3):
                time.sleep(0.15)
                self.one.agent.kill()
                self.one.start(wait=False)
            pods = [future.result() for future in storm]
        self.assertEqual(len({address for _, _, address in pods}), len(pods))
        known = self.one.attachments()
        self.assertEqual({name: known[name]["ip"] for name, _, _ in pods}, {name: ip for name, _, ip in pods})
        wait_until("all host routes", lambda: {ip for _, _, ip in pods} <= set(self.one.our_routes()), 5)
        for name, namespace, _ in pods:
            self.assertEqual(self.one.call("DEL", name, namespace.path).status, 0)

    def test_a_pod_that_went_without_del_is_freed_by_the_agent_itself(self):
        pod = self.one.attach("pod-crashed")
        self.one.agent.stop()
        self.age_record("pod-crashed")
        self.fleet.world.namespaces.remove(pod.namespace)
        self.one.host.run(["ip", "netns", "delete", pod.namespace.netns])
        self.one.start()
        wait_until("its address is free", lambda: "pod-crashed" not in self.one.attachments(), 10)

    def age_record(self, name):
        """Makes a record's reservation old: the agent waits a minute before it takes a pod for dead."""
        path = os.path.join(self.one.folder, "state", "addresses")
        with open(path, "rb") as file:
            content = file.read().split(b"\n", 1)[1]
        lines = [json.loads(line) for line in content.splitlines()]
        for line in lines:
            if line.get("attachment", {}).get("container_id") == name:
                line["attachment"]["reserved_ms"] = 1
        content = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        with open(path, "wb") as file:
            file.write(b"weft-durable 1 crc32c=%08x size=%d\n" % (crc32c(content), len(content)) + content)

    # ---- the store goes and comes ----

    def test_without_the_store_pods_come_go_and_talk(self):
        going = self.one.attach("pod-going")
        wait_until("it is published", lambda: self.endpoint(going.ip)[0] == 200, 5)
        self.fleet.stop_store()
        coming = self.one.attach("pod-coming")
        self.one.detach(going)
        self.assertTrue(coming.can_ping(self.a.ip))
        self.assertTrue(coming.can_ping(self.b.ip))
        self.fleet.start_store()
        wait_until("the new pod is published", lambda: self.endpoint(coming.ip)[0] == 200, 20)
        wait_until("the old one is taken back", lambda: self.endpoint(going.ip)[0] == 404, 20)
        self.one.detach(coming)

    def test_an_agent_starts_without_the_store(self):
        subnet = self.one.get("/v1/status")["lease"]["subnet"]
        self.fleet.stop_store()
        self.one.agent.stop()
        self.one.start()
        self.assertEqual(self.one.get("/v1/status")["lease"]["subnet"], subnet)
        pod = self.one.attach("pod-alone")
        self.assertTrue(pod.can_ping(self.a.ip))
        self.assertTrue(pod.can_ping(self.b.ip))
        self.fleet.start_store()
        wait_until("the pod is published", lambda: self.endpoint(pod.ip)[0] == 200, 20)
        self.assertEqual(self.one.get("/v1/status")["lease"]["subnet"], subnet)
        self.one.detach(pod)

    def test_a_damaged_copy_of_the_store_is_ignored(self):
        path = os.path.join(self.one.folder, "state", "store")
        self.one.agent.stop()
        with open(path, "r+b") as copy:
            copy.seek(-20, os.SEEK_END)
            copy.write(b"X")
        self.one.start()
        self.assertIn("local copy of the store is damaged", self.one.agent.log_text())
        self.assertTrue(self.a.can_ping(self.b.ip))

    # ---- the lease ----

    def test_a_lost_lease_is_acquired_again_and_pods_stay(self):
        status = self.one.get("/v1/status")["lease"]
        key = status["subnet"].replace("/", "-")
        self.assertEqual(self.fleet.store("DELETE", f"/v1/subnets/default/{key}")[0], 200)
        wait_until("it is acquired again", lambda: self.one.get("/v1/status")["lease"].get("epoch", 0) > status["epoch"],
                   10)
        self.assertIn("subnet lease lost", self.one.agent.log_text())
        self.assertEqual(self.one.get("/v1/status")["lease"]["subnet"], status["subnet"])
        wait_until("traffic flows", lambda: self.a.can_ping(self.b.ip, 1), 5)

    def test_subnet_env_is_flannels(self):
        with open(self.one.subnet_env) as text:
            lines = dict(line.strip().split("=", 1) for line in text)
        subnet = self.one.get("/v1/status")["lease"]["subnet"]
        self.assertEqual(lines["FLANNEL_NETWORK"], "10.244.0.0/16")
        self.assertEqual(lines["FLANNEL_SUBNET"], subnet.replace(".0/", ".1/"))
        self.assertEqual(lines["FLANNEL_MTU"], "1450")


class Leaving(claims.TestCase):
    """A node of its own: it is taken apart."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(nodes=1)
        cls.fleet.start()
        cls.node = cls.fleet.nodes[0]

    @classmethod
    def tearDownClass(cls):
        cls.fleet.close()

    def start_another(self, **flags):
        """A second agent, of another node name, whose flags replace the first one's; its exit and its log."""
        command = self.node.agent_command("--log-level", "error")
        for name, value in {"node": "n9", **flags}.items():
            command[command.index("--" + name.replace("_", "-")) + 1] = value
        done = self.node.host.run(command, check=False, timeout=10)
        return done.returncode, done.stderr

    def test_a_second_agent_is_refused_and_the_first_goes_on(self):
        if not self.node.agent.is_running():
            self.node.start()
        elsewhere = os.path.join(self.node.folder, "other")
        flags = {"socket": elsewhere + ".sock", "run_dir": elsewhere}
        for more in ({}, {"state_dir": elsewhere}):
            status, log = self.start_another(**flags, **more)
            self.assertEqual(status, 1, log)
            self.assertIn("another weft-agent runs on this host", log)
        done = self.node.host.run(self.node.agent_command("--cleanup"), check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertTrue(self.node.our_routes())

    def test_a_state_directory_has_one_agent(self):
        if not self.node.agent.is_running():
            self.node.start()
        elsewhere = self.fleet.world.add_pod("elsewhere")
        done = elsewhere.run(self.node.agent_command("--log-level", "error"), check=False, timeout=10)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("another weft-agent uses this state directory", done.stderr)

    def test_cleanup_removes_all_that_the_agent_made(self):
        self.node.attach("pod-x")
        gone = self.node.attach("pod-y")
        self.node.agent.stop()
        self.node.detach(gone)
        self.assertTrue(self.node.our_routes())
        done = self.node.host.run(self.node.agent_command("--cleanup"), check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.node.our_routes(), {})
        self.assertEqual([link["ifname"] for link in self.node.ip("link", "show")], ["lo", "eth0"])
        self.assertFalse(os.path.exists(self.node.subnet_env))
        self.assertEqual(os.listdir(os.path.join(self.node.folder, "state")), [])
        self.assertEqual(os.listdir(os.path.dirname(self.node.socket)), [])


claims.main()
