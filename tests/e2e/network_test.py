"""Networks, nodes and endpoints: defaults, validation, what their leases forbid."""

import claims
from cluster_case import ClusterCase


class OneServer(ClusterCase):
    servers = 1


class Networks(OneServer):
    def acquire(self, network, node, **fields):
        return self.api.post(f"/v1/subnets/{network}/acquire", {"node": node, **fields})

    def test_defaults_are_filled_in_as_flannel_would(self):
        put = self.api.put("/v1/networks/defaults", {"ipv4": "10.244.0.0/16"}, headers={"If-None-Match": "*"})
        self.assertEqual(put.status, 201)
        stored = put.json
        expected = {
            "name": "defaults",
            "ipv4": "10.244.0.0/16",
            "subnet_len": 24,
            "subnet_min": "10.244.1.0",
            "subnet_max": "10.244.255.0",
            "lease_ttl_s": 86400,
            "backend": {"type": "vxlan", "vni": 1, "port": 8472},
        }
        self.assertEqual({name: stored.get(name) for name in expected}, expected)
        self.assertEqual((stored["version"], stored["created_revision"]), (1, stored["revision"]))
        self.assertEqual(stored["key"], "networks/defaults")
        self.assertEqual(self.api.get("/v1/networks/defaults").json, stored)

    def test_the_contracts_own_example_works(self):
        body = {
            "ipv4": "10.244.0.0/16", "subnet_len": 24, "lease_ttl_s": 86400,
            "backend": {"type": "vxlan", "vni": 1, "port": 8472},
        }  # fmt: skip
        self.assertEqual(self.api.put("/v1/networks/example", body).status, 201)

    def test_what_was_answered_may_be_sent_back(self):
        stored = self.api.put("/v1/networks/back", {"ipv6": "2001:db8::/48"}).json
        again = self.api.put("/v1/networks/back", stored)
        self.assertEqual(again.status, 200, again)
        self.assertEqual(again.json["ipv6_subnet_min"], "2001:db8:0:1::")
        self.assertEqual(again.json["version"], 2)

    def test_what_cannot_be_a_network_is_422(self):
        for body, pointer in (
            ({}, "/ipv4"),
            ({"ipv4": "10.244.0.0/29"}, "/ipv4"),
            ({"ipv4": "10.244.0.0/26", "subnet_len": 24}, "/subnet_len"),
            ({"ipv4": "10.244.0.0/16", "subnet_len": 31}, "/subnet_len"),
            ({"ipv4": "10.244.0.0/16", "subnet_min": "10.245.0.0"}, "/subnet_min"),
            ({"ipv4": "10.244.0.0/16", "subnet_max": "10.244.7.1"}, "/subnet_max"),
            ({"ipv4": "10.244.0.0/16", "lease_ttl_s": 4}, "/lease_ttl_s"),
            ({"ipv4": "10.244.0.0/16", "backend": {"type": "teleport"}}, "/backend/type"),
        ):
            with self.subTest(body=body):
                answer = self.api.put("/v1/networks/bad", body)
                self.assertEqual((answer.status, answer.code), (422, "invalid"), answer)
                self.assertEqual(answer.json["errors"][0]["pointer"], pointer)
        self.assertEqual(self.api.get("/v1/networks/bad").status, 404)

    def test_a_bad_name_is_refused(self):
        for name in ("Default", "a.b", "-a", "a" * 64):
            answer = self.api.put(f"/v1/networks/{name}", {"ipv4": "10.244.0.0/16"})
            self.assertEqual((answer.status, answer.code), (422, "invalid"), answer)

    def test_a_change_that_leaves_a_lease_outside_is_409(self):
        self.api.put("/v1/networks/shrink", {"ipv4": "10.10.0.0/16"})
        self.acquire("shrink", "edge-1", prefer="10.10.200.0/24")
        for body in (
            {"ipv4": "10.10.0.0/17"},
            {"ipv4": "10.10.0.0/16", "subnet_max": "10.10.199.0"},
            {"ipv4": "10.10.0.0/16", "subnet_len": 25},
        ):
            with self.subTest(body=body):
                answer = self.api.put("/v1/networks/shrink", body)
                self.assertEqual((answer.status, answer.code), (409, "conflict"), answer)
                self.assertEqual(answer.json["outcome"], "not_applied")
        self.assertEqual(self.api.put("/v1/networks/shrink", {"ipv4": "10.8.0.0/13"}).status, 200)

    def test_a_change_that_keeps_all_leases_inside_is_taken(self):
        self.api.put("/v1/networks/keep", {"ipv4": "10.11.0.0/16"})
        self.acquire("keep", "edge-1", prefer="10.11.9.0/24")
        body = {"ipv4": "10.11.0.0/16", "subnet_min": "10.11.9.0", "subnet_max": "10.11.9.0", "lease_ttl_s": 600}
        self.assertEqual(self.api.put("/v1/networks/keep", body).status, 200)

    def test_a_network_with_leases_is_deleted_only_by_force(self):
        self.api.put("/v1/networks/gone", {"ipv4": "10.12.0.0/16"})
        self.acquire("gone", "edge-1")
        answer = self.api.delete("/v1/networks/gone")
        self.assertEqual((answer.status, answer.code), (409, "conflict"), answer)
        self.assertEqual(self.api.get("/v1/networks/gone").status, 200)
        self.assertEqual(self.api.delete("/v1/networks/gone?force=true").status, 200)
        self.assertEqual(self.api.get("/v1/networks/gone").status, 404)
        self.assertEqual(self.api.get("/v1/subnets/gone").json["items"], [])

    def test_a_network_without_leases_is_deleted(self):
        self.api.put("/v1/networks/empty", {"ipv4": "10.13.0.0/16"})
        answer = self.api.delete("/v1/networks/empty")
        self.assertEqual((answer.status, answer.json["deleted"]), (200, 1))

    def test_networks_are_listed(self):
        self.api.put("/v1/networks/list-b", {"ipv4": "10.14.0.0/16"})
        self.api.put("/v1/networks/list-a", {"ipv4": "10.15.0.0/16"})
        items = self.api.get("/v1/networks?prefix=list-").json["items"]
        self.assertEqual([item["key"] for item in items], ["networks/list-a", "networks/list-b"])
        self.assertEqual(items[0], self.api.get("/v1/networks/list-a").json)


class NodesAndEndpoints(OneServer):
    def test_a_node_needs_nothing_but_a_name(self):
        put = self.api.put("/v1/nodes/edge-1", {})
        self.assertEqual((put.status, put.json["name"]), (201, "edge-1"))

    def test_a_node_comes_back_whole(self):
        body = {
            "addresses": ["192.0.2.11", "2001:db8::11"],
            "labels": {"zone": "b", "arch": "arm64"},
            "agent_version": "0.1.0",
            "boot_id": "5f0a3c11",
            "conditions": [{"type": "Ready", "status": "True", "reason": "fine"}],
        }
        self.api.put("/v1/nodes/whole", body)
        stored = self.api.get("/v1/nodes/whole").json
        self.assertEqual({name: stored[name] for name in body}, body)

    def test_selectors_choose_by_label(self):
        for name, zone in (("z-1", "a"), ("z-2", "b"), ("z-3", "a")):
            self.api.put(f"/v1/nodes/{name}", {"labels": {"zone": zone, "name": name}})
        self.api.put("/v1/nodes/z-4", {})
        for selector, names in (
            ("zone%3Da", ["z-1", "z-3"]),
            ("zone!%3Da", ["z-2", "z-4"]),
            ("zone%3Da,name!%3Dz-1", ["z-3"]),
            ("zone%3Dnone", []),
        ):
            with self.subTest(selector=selector):
                items = self.api.get(f"/v1/nodes?prefix=z-&selector={selector}").json["items"]
                self.assertEqual([item["name"] for item in items], names)

    def test_a_selector_that_finds_little_among_much_is_answered_in_steps(self):
        count = 20_001  # one more than are looked at in one step
        for first in range(0, count, 128):
            operations = [
                {"put": {"key": f"nodes/many-{i:05}", "object": {"labels": {"last": str(i == count - 1)}}}}
                for i in range(first, min(first + 128, count))
            ]
            self.assertEqual(self.api.post("/v1/txn", {"then": operations}).status, 200)
        path = "/v1/nodes?prefix=many-&selector=last%3DTrue"
        step = self.api.get(path).json
        self.assertEqual(step["items"], [])
        rest = self.api.get(f"{path}&continue={step['continue']}").json
        whole = self.api.get(f"{path}&limit=all").json
        for found in (rest, whole):
            self.assertEqual([item["name"] for item in found["items"]], [f"many-{count - 1}"])
            self.assertNotIn("continue", found)

    def test_an_endpoint_comes_back_whole(self):
        body = {
            "node": "edge-1",
            "container_id": "0123abcd",
            "ifname": "eth0",
            "mac": "02:00:5e:10:00:01",
            "pod": {"namespace": "shop", "name": "web-0", "uid": "u-1", "labels": {"app": "web"}},
            "epoch": 31,
        }
        self.assertEqual(self.api.put("/v1/endpoints/default/10.244.7.2", body).status, 201)
        stored = self.api.get("/v1/endpoints/default/10.244.7.2").json
        self.assertEqual({name: stored[name] for name in body}, body)
        self.assertEqual((stored["network"], stored["ip"]), ("default", "10.244.7.2"))
        listed = self.api.get("/v1/endpoints/default").json["items"]
        self.assertEqual(listed, [stored])
        self.assertEqual(self.api.get("/v1/endpoints").json["items"], [stored])
        self.assertEqual(self.api.delete("/v1/endpoints/default/10.244.7.2").status, 200)

    def test_what_is_no_endpoint_is_refused(self):
        for path, body in (
            ("10.244.7.02", {}),
            ("10.244.7.2", {"mac": "02:00"}),
            ("10.244.7.2", {"pod": {"namespace": "Shop"}}),
            ("10.244.7.2", {"ifname": "sixteen-letters-"}),
        ):
            with self.subTest(path=path, body=body):
                answer = self.api.put(f"/v1/endpoints/default/{path}", body)
                self.assertEqual((answer.status, answer.code), (422, "invalid"), answer)


claims.main()
