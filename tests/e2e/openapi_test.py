"""/openapi.json: valid by an outside judge, and true of what the server answers (docs/api.md)."""

import json
import os

import claims
from cluster_case import ClusterCase
from weft import ROOT

try:
    import jsonschema
except ImportError:
    jsonschema = None
try:
    from openapi_spec_validator import OpenAPIV31SpecValidator
except ImportError:
    OpenAPIV31SpecValidator = None

NETWORK = {"ipv4": "10.9.0.0/16", "backend": {"type": "vxlan"}}
NODE = {"addresses": ["192.0.2.1"], "labels": {"a": "b"}, "conditions": [{"type": "Ready", "status": "True"}]}
ENDPOINT = {"node": "n1", "mac": "02:00:00:00:00:01", "pod": {"namespace": "ns", "name": "p", "labels": {"k": "v"}}}


class OpenApi(ClusterCase):
    servers = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.document = cls.api.get("/openapi.json").json

    def test_it_is_the_file_in_the_tree(self):
        answer = self.api.get("/openapi.json")
        self.assertEqual(answer.headers["content-type"], "application/json")
        with open(os.path.join(ROOT, "api", "openapi.json"), "rb") as file:
            self.assertEqual(answer.body, file.read())

    def test_a_validator_of_openapi_3_1_takes_it(self):
        if OpenAPIV31SpecValidator is None:
            self.skipTest("the Python package openapi-spec-validator is not installed, and Debian has none")
        self.assertEqual(self.document["openapi"], "3.1.0")
        faults = [fault.message for fault in OpenAPIV31SpecValidator(self.document).iter_errors()]
        self.assertEqual(faults, [])

    def test_its_schemas_are_json_schemas(self):
        if jsonschema is None:
            self.skipTest("the Python package jsonschema is not installed")
        for name, schema in self.document["components"]["schemas"].items():
            with self.subTest(schema=name):
                jsonschema.Draft202012Validator.check_schema(schema)

    # ---- what is answered ----

    def template_of(self, method, path):
        """The document's path for this one: the one with the fewest names in braces."""
        parts = path.split("?")[0].strip("/").split("/")
        found = []
        for template in self.document["paths"]:
            pieces = template.strip("/").split("/")
            if pieces[-1] == "{key}" and len(parts) > len(pieces):
                fits = parts[: len(pieces) - 1] == pieces[:-1]
            else:
                fits = len(pieces) == len(parts) and all(a == b or a[0] == "{" for a, b in zip(pieces, parts))
            if fits and method.lower() in self.document["paths"][template]:
                found.append((template.count("{"), template))
        self.assertTrue(found, f"{method} {path} is not in the document")
        return min(found)[1]

    def resolve(self, value):
        while "$ref" in value and value["$ref"].startswith("#/"):
            target = self.document
            for part in value["$ref"][2:].split("/"):
                target = target[part]
            value = target
        return value

    def check(self, schema, value):
        whole = {**schema, "components": self.document["components"]}
        checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
        faults = [
            f"{'/'.join(map(str, fault.absolute_path))}: {fault.message}"
            for fault in jsonschema.Draft202012Validator(whole, format_checker=checker).iter_errors(value)
        ]
        self.assertEqual(faults, [])

    def call(self, method, path, body=None, headers=None, status=None):
        """Asks, and holds the answer (and a JSON request that was taken) against the document."""
        operation = self.document["paths"][self.template_of(method, path)][method.lower()]
        answer = self.api.request(method, path, body, headers)
        if status is not None:
            self.assertEqual(answer.status, status, answer)
        self.assertIn(str(answer.status), operation["responses"], f"{method} {path}: {answer}")
        response = self.resolve(operation["responses"][str(answer.status)])
        content_type = answer.headers["content-type"].split(";")[0]
        media = response["content"].get(content_type) or response["content"].get("*/*")
        self.assertIsNotNone(media, f"{method} {path} answers {content_type}")
        if content_type.endswith("json"):
            self.check(media["schema"], answer.json)
        if isinstance(body, dict) and answer.status < 300:
            content = self.resolve(operation["requestBody"])["content"]
            self.check(content["application/json"]["schema"], body)
        for name in response.get("headers", {}):
            if name not in ("ETag", "X-Stale-Ms"):
                self.assertIn(name.lower(), answer.headers, f"{method} {path}")
        return answer

    def test_answers_are_as_it_says(self):
        if jsonschema is None:
            self.skipTest("the Python package jsonschema is not installed")
        self.call("PUT", "/v1/networks/doc", NETWORK, status=201)
        self.call("PUT", "/v1/networks/doc", NETWORK, status=200)
        self.call("GET", "/v1/networks/doc", status=200)
        self.call("GET", "/v1/networks", status=200)
        lease = self.call("POST", "/v1/subnets/doc/acquire", {
            "node": "n1", "public_ip": "192.0.2.1", "backend_type": "vxlan", "backend_data": {"vni": 1}}, status=201)
        subnet = lease.json["key"]
        self.call("POST", f"/v1/{subnet}/renew", {"node": "n1", "epoch": lease.json["epoch"]}, status=200)
        self.call("GET", f"/v1/{subnet}", status=200)
        self.call("GET", "/v1/subnets/doc", status=200)
        self.call("PUT", "/v1/subnets/doc/10.9.9.0-24", {"node": "n9", "reserved": True}, status=201)
        self.call("PUT", "/v1/nodes/n1", NODE, status=201)
        self.call("GET", "/v1/nodes?limit=1", status=200)
        self.call("PUT", "/v1/endpoints/doc/10.9.1.2", ENDPOINT, status=201)
        self.call("GET", "/v1/endpoints/doc?selector=k%3Dv", status=200)
        self.call("PUT", "/v1/kv/doc/a", b"\x00\x01", {"Content-Type": "text/x"}, status=201)
        self.call("GET", "/v1/kv/doc/a", status=200)
        self.call("GET", "/v1/kv/doc/a?meta=true", status=200)
        self.call("GET", "/v1/kv?limit=all", status=200)
        self.call("DELETE", "/v1/kv/doc/a", status=200)
        self.call("DELETE", f"/v1/{subnet}?node=n1&epoch={lease.json['epoch']}", status=200)
        self.call("PUT", "/v1/services/ns/web", {"selector": {"a": "b"}, "ports": [{"port": 80}]}, status=201)
        self.call("GET", "/v1/services", status=200)
        self.call("PUT", "/v1/policies/ns/deny", {"podSelector": {}, "policyTypes": ["Ingress"]}, status=201)
        self.call("GET", "/v1/policies/ns", status=200)
        self.call("GET", "/v1/cluster", status=200)
        self.call("GET", "/healthz", status=200)
        self.call("GET", "/readyz?verbose", status=200)
        self.call("GET", "/metrics", status=200)

    def test_leases_and_transactions_are_as_it_says(self):
        if jsonschema is None:
            self.skipTest("the Python package jsonschema is not installed")
        lease = self.call("POST", "/v1/leases", {"ttl_s": 60}, status=201).json["id"]
        self.call("POST", f"/v1/leases/{lease}/renew", status=200)
        self.call("PUT", f"/v1/kv/leased?lease={lease}", b"1", status=201)
        self.call("GET", "/v1/kv/leased?meta=true", status=200)
        self.call("GET", f"/v1/leases/{lease}", status=200)
        self.call("GET", "/v1/leases", status=200)
        self.call("DELETE", f"/v1/leases/{lease}", status=200)
        self.call("GET", f"/v1/leases/{lease}", status=404)
        self.call("POST", "/v1/txn", {
            "if": [{"key": "kv/t", "version": 0}],
            "then": [{"put": {"key": "kv/t", "value": "1"}}, {"get": {"prefix": "kv/t"}}],
            "else": [{"delete": {"key": "kv/t"}}],
        }, status=200)
        self.call("POST", "/v1/txn", {"then": [{"put": {"key": "kv/t"}}]}, status=422)

    def test_problems_are_as_it_says(self):
        if jsonschema is None:
            self.skipTest("the Python package jsonschema is not installed")
        self.call("GET", "/v1/kv/none", status=404)
        self.call("GET", "/v1/cluster?x=1", status=400)
        self.call("GET", "/v1/cluster", headers={"Accept": "text/html"}, status=406)
        self.call("PUT", "/v1/nodes/p", b"{", status=400)
        self.call("PUT", "/v1/nodes/p", {"a": 1}, status=422)
        self.call("PUT", "/v1/nodes/p", b"{}", {"Content-Type": "text/html"}, status=415)
        self.call("PUT", "/v1/nodes/p", {}, status=201)
        self.call("PUT", "/v1/nodes/p", {}, {"If-None-Match": "*"}, status=412)
        self.call("PUT", "/v1/kv/big", b"x" * (512 * 1024 + 1), status=413)
        self.call("DELETE", "/v1/kv/p?recursive=true&confirm=9", status=409)
        self.call("POST", "/v1/subnets/none/acquire", {"node": "n"}, status=404)
        self.call("GET", "/v1/kv?min_revision=1000000&timeout=100ms", status=504)

    def test_events_are_as_it_says(self):
        if jsonschema is None:
            self.skipTest("the Python package jsonschema is not installed")
        schema = {"$ref": "#/components/schemas/event"}
        start = self.api.put("/v1/kv/event", b"1").json["revision"]
        with self.api.watch(f"/v1/kv?watch=true&from={start}&previous=true") as watch:
            self.check(schema, watch.next())
            self.api.put("/v1/kv/event", b"2")
            self.api.delete("/v1/kv/event")
            for event in watch.take(2):
                self.check(schema, event)

    def test_a_false_answer_would_be_found(self):
        if jsonschema is None:
            self.skipTest("the Python package jsonschema is not installed")
        node = self.api.put("/v1/nodes/false", NODE).json
        schema = {"$ref": "#/components/schemas/node_object"}
        self.check(schema, node)
        for name, value in (("revision", "1"), ("labels", {"a": 1}), ("addresses", "x"), ("version", None)):
            with self.subTest(field=name), self.assertRaises(AssertionError):
                self.check(schema, {**node, name: value})
        del node["key"]
        with self.assertRaises(AssertionError):
            self.check(schema, node)
        self.assertGreater(len(json.dumps(self.document)), 10000)


claims.main()
