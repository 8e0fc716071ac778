"""Networks of every shape: both address families, IPv6 only, no tunnel. Pods talk in each (NETWORK.md 1 and 4)."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fleet import Fleet, wait_until  # noqa: E402
import claims  # noqa: E402


class FleetCase(claims.TestCase):
    network = None

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(nodes=2, network=cls.network)
        try:
            cls.fleet.start()
            cls.pods = [node.attach(f"pod-{node.name}") for node in cls.fleet.nodes]
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

    def addresses(self, pod):
        return [item["address"].split("/")[0] for item in pod.result["ips"]]

    def reach_each_other(self):
        one, two = self.pods
        for address in self.addresses(two):
            wait_until(f"{address} answers", lambda: one.can_ping(address, 1), 10)
        for address in self.addresses(one):
            self.assertTrue(two.can_ping(address), address)


class DualStack(FleetCase):
    network = {"ipv4": "10.244.0.0/16", "ipv6": "fd00:10:244::/48", "lease_ttl_s": 60}

    def test_pods_have_both_families_and_reach_each_other(self):
        result = self.pods[0].result
        self.assertEqual([item["address"].split("/")[1] for item in result["ips"]], ["32", "128"])
        self.assertEqual([item["dst"] for item in result["routes"]], ["0.0.0.0/0", "::/0"])
        self.reach_each_other()

    def test_both_endpoints_are_published_and_taken_back(self):
        node = self.fleet.nodes[0]
        pod = node.attach("pod-both")
        paths = [f"/v1/endpoints/default/{address}" for address in self.addresses(pod)]
        wait_until("both are there", lambda: [self.fleet.store("GET", path)[0] for path in paths] == [200, 200], 5)
        node.detach(pod)
        wait_until("both are gone", lambda: [self.fleet.store("GET", path)[0] for path in paths] == [404, 404], 5)

    def test_check_passes(self):
        node, pod = self.fleet.nodes[0], self.pods[0]
        answer = node.call("CHECK", pod.name, pod.namespace.path, config=node.config(prevResult=pod.result))
        self.assertEqual(answer.status, 0, answer.text)


class Ipv6Only(FleetCase):
    network = {"ipv6": "fd00:10:244::/48", "lease_ttl_s": 60}

    def test_pods_have_ipv6_only_and_reach_each_other(self):
        self.assertEqual([item["gateway"] for item in self.pods[0].result["ips"]], ["fe80::1"])
        self.reach_each_other()


class HostGateway(FleetCase):
    network = {"ipv4": "10.244.0.0/16", "lease_ttl_s": 60, "backend": {"type": "host-gw"}}

    def test_pods_reach_each_other_by_way_of_their_nodes_without_a_tunnel(self):
        self.reach_each_other()
        one, two = self.fleet.nodes
        self.assertEqual(one.ip("route", "get", self.addresses(self.pods[1])[0])[0]["gateway"], two.host.address)
        self.assertEqual(one.ip("link", "show", "type", "vxlan"), [])
        self.assertEqual(self.pods[0].show("link", "show", "eth0")[0]["mtu"], 1500)


del FleetCase
claims.main()
