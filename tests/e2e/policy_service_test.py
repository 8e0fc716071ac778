"""Policies and services: taken, checked, kept, listed, watched and served (docs/api.md, "Policies", "Services")."""

import copy
import json
import os
import subprocess

import claims
from cluster_case import ClusterCase
from weft import BIN, Cluster


def manifest(name, namespace, spec, **metadata):
    """As `kubectl get networkpolicy -o json` prints it."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}\n"},
            "creationTimestamp": "2024-05-01T10:00:00Z",
            "generation": 1,
            "managedFields": [{"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {}}}],
            "name": name,
            "namespace": namespace,
            "resourceVersion": "4711",
            "uid": "c3b1d9a2-1f5e-4d53-8a6c-0d1f5b7e9a10",
            **metadata,
        },
        "spec": spec,
    }


def tcp(*ports):
    return [{"protocol": "TCP", "port": port} for port in ports]


# The well-known recipes (kubernetes.io, "Network Policies"; ahmetb/kubernetes-network-policy-recipes).
RECIPES = {
    "default-deny-ingress": {"podSelector": {}, "policyTypes": ["Ingress"]},
    "allow-all-ingress": {"podSelector": {}, "ingress": [{}], "policyTypes": ["Ingress"]},
    "default-deny-egress": {"podSelector": {}, "policyTypes": ["Egress"]},
    "allow-all-egress": {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]},
    "default-deny-all": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    "web-deny-all": {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"], "ingress": []},
    "api-allow": {
        "podSelector": {"matchLabels": {"app": "bookstore", "role": "api"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "bookstore"}}}]}],
    },
    "deny-from-other-namespaces": {
        "podSelector": {"matchLabels": {}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {}}]}],
    },
    "web-allow-all-namespaces": {
        "podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"namespaceSelector": {}}]}],
    },
    "web-allow-production": {
        "podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"purpose": "production"}}}]}],
    },
    "web-allow-all-ns-monitoring": {
        "podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Ingress"],
        "ingress": [
            {
                "from": [
                    {
                        "podSelector": {"matchLabels": {"type": "monitoring"}},
                        "namespaceSelector": {"matchLabels": {"team": "operations"}},
                    }
                ]
            }
        ],
    },
    "api-allow-5000": {
        "podSelector": {"matchLabels": {"app": "apiserver"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"role": "monitoring"}}}], "ports": tcp(5000)}],
    },
    "foo-deny-external-egress": {
        "podSelector": {"matchLabels": {"app": "foo"}},
        "policyTypes": ["Egress"],
        "egress": [
            {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
            {"to": [{"namespaceSelector": {}}]},
        ],
    },
    "allow-dns": {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [
            {
                "to": [
                    {
                        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                    }
                ],
                "ports": [{"protocol": "UDP", "port": "dns"}, {"protocol": "TCP", "port": "dns-tcp"}],
            }
        ],
    },
    "test-network-policy": {
        "podSelector": {"matchLabels": {"role": "db"}},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            {
                "from": [
                    {"ipBlock": {"cidr": "172.17.0.0/16", "except": ["172.17.1.0/24"]}},
                    {"namespaceSelector": {"matchLabels": {"project": "myproject"}}},
                    {"podSelector": {"matchLabels": {"role": "frontend"}}},
                ],
                "ports": tcp(6379),
            }
        ],
        "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/24"}}], "ports": tcp(5978)}],
    },
    "multi-port-egress": {
        "podSelector": {"matchLabels": {"role": "db"}},
        "policyTypes": ["Egress"],
        "egress": [
            {
                "to": [{"ipBlock": {"cidr": "10.0.0.0/24"}}],
                "ports": [{"protocol": "TCP", "port": 32000, "endPort": 32768}],
            }
        ],
    },
    "egress-namespaces": {
        "podSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]},
        "policyTypes": ["Egress"],
        "egress": [
            {
                "to": [
                    {
                        "namespaceSelector": {
                            "matchExpressions": [
                                {"key": "namespace", "operator": "In", "values": ["frontend", "backend"]}
                            ]
                        }
                    }
                ]
            }
        ],
    },
    "ipv6": {
        "podSelector": {},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"ipBlock": {"cidr": "2001:db8::/32", "except": ["2001:db8:1::/48"]}}]}],
    },
}

ENVELOPE = ("key", "revision", "created_revision", "version")


def bare(item):
    return {name: value for name, value in item.items() if name not in ENVELOPE}


class ThreeServers(ClusterCase):
    def put(self, path, body, status=201):
        answer = self.api.put(f"/v1/{path}", body)
        self.assertEqual(answer.status, status, answer)
        return answer.json

    def refused(self, path, body, pointer):
        with self.subTest(path=path, body=body):
            answer = self.api.put(f"/v1/{path}", body)
            self.assertEqual((answer.status, answer.code), (422, "invalid"), answer)
            self.assertEqual(answer.json["errors"][0]["pointer"], pointer)
            self.assertEqual(answer.json["outcome"], "not_applied")
            self.assertEqual(self.api.get(f"/v1/{path}").status, 404)


class Policies(ThreeServers):
    def test_the_known_recipes_come_back_as_they_were_said(self):
        for name, spec in RECIPES.items():
            with self.subTest(recipe=name):
                self.put(f"policies/recipes/{name}", manifest(name, "recipes", spec))
                for api in self.apis:
                    stored = api.get(f"/v1/policies/recipes/{name}").json
                    self.assertEqual(bare(stored), {"namespace": "recipes", "name": name, **spec})
        listed = self.api.get("/v1/policies/recipes").json["items"]
        self.assertEqual([item["name"] for item in listed], sorted(RECIPES))

    def test_the_spec_alone_is_the_same_policy(self):
        for name, spec in RECIPES.items():
            with self.subTest(recipe=name):
                whole = self.put(f"policies/whole/{name}", manifest(name, "whole", spec))
                self.assertEqual(bare(self.put(f"policies/whole/{name}", spec, 200)), bare(whole))

    def test_what_was_answered_may_be_sent_back(self):
        spec = RECIPES["test-network-policy"]
        stored = self.put("policies/back/a", manifest("a", "back", spec, labels={"team": "net"}))
        again = self.put("policies/back/a", stored, 200)
        self.assertEqual((bare(again), again["version"]), (bare(stored), 2))

    def test_a_manifest_of_another_place_is_refused(self):
        spec = RECIPES["default-deny-all"]
        self.refused("policies/place/a", manifest("b", "place", spec), "/metadata/name")
        self.refused("policies/place/a", manifest("a", "elsewhere", spec), "/metadata/namespace")
        wrong = manifest("a", "place", spec)
        wrong["apiVersion"] = "extensions/v1beta1"
        self.refused("policies/place/a", wrong, "/apiVersion")

    def test_what_kubernetes_refuses_is_refused_with_its_pointer(self):
        spec = copy.deepcopy(RECIPES["test-network-policy"])
        spec["ingress"][0]["from"][0]["ipBlock"]["except"].append("192.0.2.0/24")
        self.refused(
            "policies/bad/a", manifest("a", "bad", spec), "/spec/ingress/0/from/0/ipBlock/except/1"
        )
        self.refused("policies/bad/a", {"podSelector": {}, "ingress": [{"from": [{}]}]}, "/ingress/0/from/0")
        self.refused("policies/bad/a", {"egress": [{"ports": [{"endPort": 80}]}]}, "/egress/0/ports/0/endPort")
        self.refused("policies/bad/a", {"order": 10}, "/order")

    def test_absent_policy_types_are_filled_in(self):
        stored = self.put("policies/types/a", {"podSelector": {}, "egress": [{}]})
        self.assertEqual(stored["policyTypes"], ["Ingress", "Egress"])

    def test_cluster_wide_policies_have_order_selector_and_action(self):
        body = {
            "order": 10,
            "selector": "app == 'web' && kubernetes.io/metadata.name not in {'kube-system'}",
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"ipBlock": {"cidr": "169.254.169.254/32"}}], "action": "Deny"}, {"action": "Pass"}],
        }
        stored = self.put("policies/_cluster/no-metadata", body)
        self.assertEqual(bare(stored), {"name": "no-metadata", "action": "Allow", **body})
        self.assertEqual(self.api.get("/v1/policies/_cluster").json["items"], [stored])
        self.refused("policies/_cluster/a", {"selector": "app = 'web'"}, "/selector")
        self.refused("policies/_cluster/a", {"podSelector": {}}, "/podSelector")

    def test_a_bad_name_is_refused(self):
        for path in ("Shop/a", "a.b/a", "_other/a", "shop/A"):
            answer = self.api.put(f"/v1/policies/{path}", {})
            self.assertEqual((answer.status, answer.code), (422, "invalid"), answer)

    def test_selectors_choose_by_label(self):
        for name, team in (("a", "net"), ("b", "shop"), ("c", "net")):
            self.put(f"policies/labels/{name}", manifest(name, "labels", {}, labels={"team": team}))
        items = self.api.get("/v1/policies/labels?selector=team%3Dnet").json["items"]
        self.assertEqual([item["name"] for item in items], ["a", "c"])

    def test_watchers_on_every_server_see_each_change(self):
        start = self.api.get("/v1/policies").json["revision"]
        put = self.put("policies/watched/a", RECIPES["allow-all-ingress"])
        changed = self.put("policies/watched/a", RECIPES["web-deny-all"], 200)
        deleted = self.api.delete("/v1/policies/watched/a")
        self.assertEqual((deleted.status, deleted.json["deleted"]), (200, 1))
        for api in self.apis:
            with api.watch(f"/v1/policies/watched?watch=true&from={start}") as watch:
                events = watch.take(3)
            self.assertEqual([event["type"] for event in events], ["PUT", "PUT", "DELETE"])
            self.assertEqual({event["kind"] for event in events}, {"policy"})
            self.assertEqual([event.get("object") for event in events], [put, changed, None])
            self.assertEqual(events[2]["key"], "policies/watched/a")

    def test_conditions_hold(self):
        stored = self.put("policies/conditions/a", {})
        answer = self.api.put("/v1/policies/conditions/a", {}, headers={"If-None-Match": "*"})
        self.assertEqual((answer.status, answer.json["current"]), (412, stored))
        headers = {"If-Match": f'"{stored["revision"]}"'}
        self.assertEqual(self.api.delete("/v1/policies/conditions/a", headers=headers).status, 200)

    def test_a_transaction_checks_them_too(self):
        spec = RECIPES["default-deny-all"]
        put = {"put": {"key": "policies/txn/a", "object": manifest("a", "txn", spec)}}
        answer = self.api.post("/v1/txn", {"if": [], "then": [put], "else": []})
        self.assertEqual((answer.status, answer.json["succeeded"]), (200, True), answer)
        stored = self.api.get("/v1/policies/txn/a").json
        self.assertEqual(bare(stored), {"namespace": "txn", "name": "a", **spec})
        put["put"]["object"]["spec"] = {"ingress": [{"from": [{}]}]}
        answer = self.api.post("/v1/txn", {"if": [], "then": [put], "else": []})
        self.assertEqual((answer.status, answer.code), (422, "invalid"), answer)
        self.assertEqual(answer.json["errors"][0]["pointer"], "/then/0/put/object/spec/ingress/0/from/0")

    def test_a_large_policy_is_kept(self):
        peers = [{"ipBlock": {"cidr": f"10.{i // 256}.{i % 256}.0/24"}} for i in range(1024)]
        stored = self.put("policies/large/a", {"egress": [{"to": peers}]})
        self.assertEqual(stored["egress"], [{"to": peers}])
        self.refused("policies/large/b", {"egress": [{"to": peers + peers[:1]}]}, "/egress/0/to")


    def test_the_command_line_takes_manifests_and_shows_tables(self):
        weft = [os.path.join(BIN, "weft"), "--server", self.cluster.members[1].url]
        body = json.dumps(manifest("db", "table", RECIPES["test-network-policy"])).encode()
        put = [*weft, "put", "policies/table/db", "-f", "-"]
        subprocess.run(put, input=body, capture_output=True, timeout=30, check=True)
        listed = subprocess.run([*weft, "list", "policies/table"], capture_output=True, timeout=30, check=True)
        title, row = listed.stdout.decode().splitlines()
        self.assertEqual(title.split(), ["NAMESPACE", "NAME", "POD-LABELS", "TYPES", "REVISION"])
        self.assertEqual(row.split()[:4], ["table", "db", "role=db", "Ingress,Egress"])


class Services(ThreeServers):
    def test_each_form_comes_back_whole(self):
        port = {"name": "http", "port": 80, "target_port": "web", "protocol": "TCP"}
        endpoint = {"address": "10.244.1.5", "hostname": "db-0", "node": "edge-1", "ready": True}
        for name, body in (
            ("selector", {"selector": {"app": "web"}, "cluster_ip": "10.96.0.10", "ports": [port]}),
            ("headless", {"headless": True, "selector": {"app": "web"}, "labels": {"team": "shop"}}),
            ("listed", {"headless": True, "endpoints": [endpoint, {"address": "2001:db8::5", "ready": False}]}),
            ("none", {"headless": True, "endpoints": []}),
            ("external", {"external_name": "db.example.org"}),
        ):
            with self.subTest(service=name):
                self.put(f"services/forms/{name}", body)
                for api in self.apis:
                    stored = bare(api.get(f"/v1/services/forms/{name}").json)
                    self.assertEqual(stored, {"namespace": "forms", "name": name, "headless": False, **body})

    def test_defaults_are_filled_in(self):
        stored = self.put("services/defaults/a", {"selector": {"app": "web"}, "ports": [{"port": 80}]})
        self.assertEqual(stored["ports"], [{"port": 80, "target_port": 80, "protocol": "TCP"}])
        stored = self.put("services/defaults/b", {"headless": True, "endpoints": [{"address": "10.0.0.1"}]})
        self.assertEqual(stored["endpoints"], [{"address": "10.0.0.1", "ready": True}])

    def test_what_cannot_be_a_service_is_422(self):
        ports = [{"port": 80}]
        for body, pointer in (
            ({"ports": ports}, "/selector"),
            ({"ports": ports, "selector": {"a": "b"}, "endpoints": []}, "/endpoints"),
            ({"ports": ports, "selector": {"a": "b"}, "headless": True, "cluster_ip": "10.96.0.1"}, "/cluster_ip"),
            ({"external_name": "a.example", "cluster_ip": "10.96.0.1"}, "/cluster_ip"),
            ({"selector": {"a": "b"}}, "/ports"),
            ({"selector": {"a": "b"}, "ports": ports + [{"port": 81, "name": "x"}]}, "/ports/0/name"),
        ):
            self.refused("services/bad/a", body, pointer)

    def test_names_are_dns_labels(self):
        for path in ("Shop/a", "shop/a.b", "shop/-a", "_cluster/a", f"shop/{'a' * 64}"):
            answer = self.api.put(f"/v1/services/{path}", {"external_name": "a.example"})
            self.assertEqual((answer.status, answer.code), (422, "invalid"), answer)

    def test_they_are_listed_watched_and_deleted(self):
        start = self.api.get("/v1/services").json["revision"]
        stored = [
            self.put(f"services/listed/{name}", {"external_name": f"{name}.example", "labels": {"name": name}})
            for name in ("a", "b")
        ]
        self.assertEqual(self.api.get("/v1/services/listed").json["items"], stored)
        chosen = self.api.get("/v1/services/listed?selector=name!%3Da").json["items"]
        self.assertEqual(chosen, stored[1:])
        self.assertEqual(self.api.delete("/v1/services/listed/a").status, 200)
        self.assertEqual(self.api.get("/v1/services/listed/a").status, 404)
        for api in self.apis:
            with api.watch(f"/v1/watch?prefix=services/listed/&from={start}") as watch:
                events = watch.take(3)
            self.assertEqual([event["type"] for event in events], ["PUT", "PUT", "DELETE"])
            self.assertEqual([event["kind"] for event in events], ["service"] * 3)
            self.assertEqual([event.get("object") for event in events], [*stored, None])


class AfterARestart(claims.TestCase):
    def test_both_kinds_are_as_they_were(self):
        cluster = Cluster(1)
        self.addCleanup(cluster.close)
        cluster.start()
        api = cluster.members[0].api
        for name, spec in RECIPES.items():
            api.put(f"/v1/policies/kept/{name}", spec)
        api.put("/v1/services/kept/none", {"headless": True, "endpoints": []})
        before = [api.get(f"/v1/{collection}").json["items"] for collection in ("policies", "services")]
        self.assertEqual([len(items) for items in before], [len(RECIPES), 1], json.dumps(before))
        cluster.members[0].kill()
        cluster.members[0].start()
        cluster.settle()
        after = [api.get(f"/v1/{collection}").json["items"] for collection in ("policies", "services")]
        self.assertEqual(after, before)


claims.main()
