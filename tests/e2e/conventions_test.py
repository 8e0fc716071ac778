"""What every call has in common: headers, problems, limits (docs/api.md, "Conventions")."""

import json
import socket

import claims
from cluster_case import ClusterCase

NETWORK = {"ipv4": "10.244.0.0/16"}



class Conventions(ClusterCase):
    servers = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api.put("/v1/kv/there", b"x")

    def refuse(self, method, path, status, code, body=None, headers=None, is_write=None):
        """Sends a request that must fail, and checks what all failures have in common. Returns it."""
        before = self.api.get("/v1/kv/there").revision
        answer = self.api.request(method, path, body, headers=headers)
        self.assertEqual((answer.status, answer.code), (status, code), answer)
        problem = answer.json
        self.assertEqual(problem["status"], status)
        for member in ("type", "title", "detail", "hint"):
            self.assertTrue(problem[member], f"{member} is empty: {problem}")
        self.assertIn(problem["retryable"], (True, False))
        self.assertEqual(problem["request_id"], answer.headers["x-request-id"])
        if is_write is None:
            is_write = method in ("PUT", "POST", "DELETE")
        self.assertEqual(problem.get("outcome"), "not_applied" if is_write else None, problem)
        self.assertEqual(self.api.get("/v1/kv/there").revision, before, "it changed something")
        return answer

    # ---- headers ----

    def test_every_answer_says_who_where_and_when(self):
        for answer in (
            self.api.get("/v1/kv/there"),
            self.api.get("/v1/kv/absent"),
            self.api.get("/v1/kv"),
            self.api.put("/v1/kv/headers", b"1"),
            self.api.get("/v1/networks"),
        ):
            with self.subTest(answer=answer):
                self.assertEqual(answer.headers["x-served-by"], "s1")
                self.assertEqual(answer.headers["x-leader"], "s1")
                self.assertGreater(int(answer.headers["x-term"]), 0)
                self.assertGreater(answer.revision, 0)
                self.assertTrue(answer.headers["x-request-id"])

    def test_request_ids_are_unique(self):
        ids = {self.api.get("/v1/kv/there").headers["x-request-id"] for _ in range(20)}
        self.assertEqual(len(ids), 20)

    def test_an_object_carries_its_revision_as_etag(self):
        put = self.api.put("/v1/kv/etag", b"1")
        self.assertEqual(put.etag, f'"{put.json["revision"]}"')
        get = self.api.get("/v1/kv/etag")
        self.assertEqual(get.etag, put.etag)
        self.api.put("/v1/networks/etag", NETWORK)
        network = self.api.get("/v1/networks/etag")
        self.assertEqual(network.etag, f'"{network.json["revision"]}"')
        self.assertIsNone(self.api.get("/v1/kv").etag)

    def test_head_answers_as_get_without_a_body(self):
        get = self.api.get("/v1/kv/there")
        head = self.api.request("HEAD", "/v1/kv/there")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.etag, get.etag)
        self.assertEqual(head.headers["content-length"], str(len(get.body)))
        self.assertEqual(self.api.request("HEAD", "/v1/kv/absent").status, 404)

    def test_head_of_a_stream_claims_no_length(self):  # RFC 9110 8.6: only what GET would send
        for path in ("/v1/kv?limit=all", "/v1/kv?watch=true", "/v1/watch", "/v1/snapshot"):
            with self.subTest(path=path):
                head = self.api.request("HEAD", path)
                self.assertEqual((head.status, head.body), (200, b""))
                self.assertNotIn("content-length", head.headers)
                self.assertEqual(head.headers["transfer-encoding"], "chunked")
        requests = b"HEAD /v1/watch HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.0\r\n\r\n"
        answer = self.api.raw(requests)
        self.assertTrue(answer.endswith(b"\r\n\r\nok\n"), "the connection goes on: %r" % answer)

    # ---- JSON ----

    def test_malformed_json_is_refused_at_its_byte(self):
        for body, offset in (
            (b"", 0),
            (b'{"ipv4":', 8),
            (b'{"ipv4":"10.244.0.0/16"} x', 25),
            (b'{"ipv4":"a","ipv4":"b"}', 12),
            (b'{"ipv4":"\xff"}', 9),
            (b'{"subnet_len":01}', 14),
            (b'{"a":"\\u0000"}', 6),
            (b"[" * 33 + b"]" * 33, 32),
        ):
            with self.subTest(body=body):
                answer = self.refuse("PUT", "/v1/networks/bad", 400, "bad_json", body)
                self.assertEqual(answer.json["offset"], offset)

    def test_depth_32_is_json_and_33_is_not(self):
        path = "/v1/subnets/none/acquire"
        for depth, code in ((31, "not_found"), (32, "bad_json")):
            data = b"[" * depth + b"]" * depth
            body = b'{"node":"edge-1","backend_data":' + data + b"}"
            answer = self.api.post(path, body)
            self.assertEqual(answer.code, code, answer)

    def test_20000_values_are_json_and_one_more_is_not(self):
        path = "/v1/subnets/none/acquire"
        for count, code in ((20000 - 3, "not_found"), (20000 - 2, "bad_json")):
            data = b"[" + b",".join([b"0"] * count) + b"]"  # beside it: the object, the node, the list
            answer = self.api.post(path, b'{"node":"edge-1","backend_data":' + data + b"}")
            self.assertEqual(answer.code, code, answer)

    def test_a_body_without_content_type_is_json(self):
        answer = self.api.put("/v1/networks/untyped", json.dumps(NETWORK).encode())
        self.assertEqual(answer.status, 201, answer)

    def test_a_json_content_type_may_have_parameters(self):
        for content_type in ("application/json", "application/json; charset=utf-8", "Application/JSON"):
            headers = {"Content-Type": content_type}
            answer = self.api.put("/v1/networks/typed", NETWORK, headers=headers)
            self.assertIn(answer.status, (200, 201), answer)

    def test_another_content_type_is_415_and_the_hint_says_what_to_send(self):
        for content_type in ("application/x-www-form-urlencoded", "text/plain", "application/jsonx"):
            headers = {"Content-Type": content_type}
            body = json.dumps(NETWORK).encode()
            answer = self.refuse("PUT", "/v1/networks/form", 415, "unsupported_media_type", body, headers)
            self.assertIn("application/json", answer.json["hint"])

    def test_an_invalid_body_names_every_field_by_its_pointer(self):
        for body, pointers in (
            ({"Network": "10.244.0.0/16"}, ["/Network"]),
            ({"ipv4": 7}, ["/ipv4"]),
            ({"ipv4": "10.244.0.1/16"}, ["/ipv4"]),
            ({"ipv4": "10.244.0.0/26", "subnet_len": 24}, ["/subnet_len"]),
            ({"ipv4": "10.244.0.0/16", "backend": {"type": "vxlan", "VNI": 1}}, ["/backend/VNI"]),
            ({"ipv4": "10.244.0.0/16", "lease_ttl_s": 1, "a/b": 1}, ["/a~1b", "/lease_ttl_s"]),
            ([], [""]),
            ("text", [""]),
        ):
            with self.subTest(body=body):
                answer = self.refuse("PUT", "/v1/networks/bad", 422, "invalid", json.dumps(body).encode())
                errors = answer.json["errors"]
                found = sorted(error["pointer"] for error in errors)
                self.assertEqual([p for p in found if p in pointers], sorted(pointers), errors)
                self.assertTrue(all(error["message"] for error in errors))

    # ---- requests ----

    def test_an_unknown_query_parameter_is_400(self):
        self.refuse("GET", "/v1/kv/there?color=red", 400, "bad_request")
        self.refuse("GET", "/v1/kv?watch=true&frm=1", 400, "bad_request")
        self.refuse("PUT", "/v1/kv/a?color=red", 400, "bad_request", b"1")
        self.refuse("GET", "/v1/cluster?x=1", 400, "bad_request")

    def test_parameters_out_of_range_are_400(self):
        for query in (
            "timeout=61s", "timeout=abc", "timeout=", "timeout=-1s", "limit=10001", "limit=-1", "limit=x",
            "consistency=maybe", "min_revision=x", "min_revision=9007199254740992",
        ):  # fmt: skip
            with self.subTest(query=query):
                self.refuse("GET", f"/v1/kv?{query}", 400, "bad_request")

    def test_the_bounds_of_parameters_themselves_pass(self):
        for query in ("timeout=60s", "timeout=500ms", "timeout=2", "limit=10000", "limit=all", "limit=1"):
            with self.subTest(query=query):
                self.assertEqual(self.api.get(f"/v1/kv?{query}").status, 200)

    def test_unknown_paths_are_404_without_an_outcome(self):
        for method in ("GET", "PUT", "DELETE"):
            for path in ("/", "/v1", "/v2/kv/a", "/v1/gizmos/a", "/v1/networks/a/b"):
                with self.subTest(method=method, path=path):
                    self.refuse(method, path, 404, "not_found", is_write=False)

    def test_absent_objects_are_404(self):
        self.refuse("GET", "/v1/kv/absent", 404, "not_found")
        self.refuse("GET", "/v1/networks/absent", 404, "not_found")
        self.refuse("DELETE", "/v1/kv/absent", 404, "not_found")
        self.refuse("DELETE", "/v1/networks/absent", 404, "not_found")

    def test_a_wrong_method_is_405_and_allow_names_the_right_ones(self):
        for method, path, allowed in (
            ("POST", "/v1/kv/a", {"GET", "HEAD", "PUT", "DELETE"}),
            ("POST", "/v1/networks/a", {"GET", "HEAD", "PUT", "DELETE"}),
            ("PUT", "/v1/networks", {"GET", "HEAD"}),
            ("DELETE", "/v1/cluster", {"GET", "HEAD"}),
            ("PATCH", "/v1/networks/a", {"GET", "HEAD", "PUT", "DELETE"}),
        ):
            with self.subTest(method=method, path=path):
                answer = self.refuse(method, path, 405, "method_not_allowed", is_write=False)
                self.assertEqual(set(answer.headers["allow"].replace(" ", "").split(",")), allowed)

    def test_a_header_that_has_one_value_comes_once(self):
        for name, first, second in (
            ("Idempotency-Key", "a", "b"),
            ("If-Match", '"1"', '"2"'),
            ("If-None-Match", "*", "*"),
            ("Content-Type", "application/json", "text/plain"),
        ):
            with self.subTest(name=name):
                head = f"PUT /v1/nodes/twice HTTP/1.1\r\nHost: x\r\n{name}: {first}\r\n{name}: {second}\r\n"
                answer = self.api.raw(head.encode() + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}")
                self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
                self.assertIn(b'"code":"bad_request"', answer)
                self.assertIn(b'"outcome":"not_applied"', answer)
        head = "GET /v1/watch HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 1\r\nLast-Event-ID: 2\r\n"
        answer = self.api.raw(head.encode() + b"Connection: close\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        self.assertEqual(self.api.get("/v1/nodes/twice").status, 404)

    def test_a_call_without_a_body_takes_an_empty_object(self):
        lease = self.api.post("/v1/leases", {"ttl_s": 60}).json["id"]
        for body in (b"", b"{}", b" {} \n"):
            answer = self.api.post(f"/v1/leases/{lease}/renew", body, headers={"Content-Type": "application/json"})
            self.assertEqual(answer.status, 200, body)
        for body in (b"{1}", b"null", b'{"ttl_s":5}', b"{}{}"):
            self.refuse("POST", f"/v1/leases/{lease}/renew", 400, "bad_request", body)
        self.refuse("DELETE", f"/v1/leases/{lease}", 400, "bad_request", b"x")
        self.assertEqual(self.api.delete(f"/v1/leases/{lease}", body=b"{}").status, 200)

    def test_a_failed_condition_shows_the_current_object(self):
        put = self.api.put("/v1/networks/cond", NETWORK)
        stale = {"If-Match": f'"{put.json["revision"] - 1}"'}
        answer = self.refuse("PUT", "/v1/networks/cond", 412, "precondition_failed", NETWORK, stale)
        self.assertEqual(answer.json["current"]["revision"], put.json["revision"])
        self.assertEqual(answer.json["current"]["ipv4"], "10.244.0.0/16")
        self.refuse("PUT", "/v1/networks/cond", 412, "precondition_failed", NETWORK, {"If-None-Match": "*"})
        self.refuse("DELETE", "/v1/networks/cond", 412, "precondition_failed", headers=stale)
        self.refuse("PUT", "/v1/networks/new", 412, "precondition_failed", NETWORK, {"If-Match": '"1"'})

    def test_malformed_conditions_are_400(self):
        for headers in ({"If-Match": "x"}, {"If-Match": '"x"'}, {"If-None-Match": '"1"'}):
            with self.subTest(headers=headers):
                self.refuse("PUT", "/v1/kv/cond", 400, "bad_request", b"1", headers)

    def test_bad_escapes_in_a_path_are_400(self):
        for path in ("/v1/kv/%", "/v1/kv/%zz", "/v1/kv/%00", "/v1/kv/%ff"):
            with self.subTest(path=path):
                answer = self.api.get(path)
                self.assertEqual(answer.status, 400, answer)
                self.assertNotIn("outcome", answer.json)
                self.refuse("PUT", path, 400, "bad_request", b"1")

    # ---- limits ----

    def test_a_value_of_512_KiB_passes_and_one_byte_more_is_413(self):
        size = 512 * 1024
        self.assertEqual(self.api.put("/v1/kv/large", b"v" * size).status, 201)
        self.assertEqual(len(self.api.get("/v1/kv/large").body), size)
        self.refuse("PUT", "/v1/kv/large", 413, "too_large", b"v" * (size + 1))

    def test_a_key_of_1024_bytes_passes_and_one_more_is_413(self):
        key = "k" * (1024 - len("kv/"))
        self.assertEqual(self.api.put(f"/v1/kv/{key}", b"1").status, 201)
        self.assertEqual(self.api.get(f"/v1/kv/{key}?meta=true").json["key"], f"kv/{key}")
        self.refuse("PUT", f"/v1/kv/{key}k", 413, "too_large", b"1")

    def test_a_body_over_1_MiB_is_413_before_it_is_read(self):
        head = f"PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: {1024 * 1024 + 1}\r\n\r\n"
        answer = self.api.raw(head.encode())
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer[:200])
        self.assertIn(b'"too_large"', answer)

    def test_a_chunked_body_over_1_MiB_is_413(self):
        with socket.create_connection(("127.0.0.1", self.api.port), 10) as connection:
            connection.sendall(b"PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            received = b""
            try:
                for _ in range(17):
                    connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            except OSError:
                pass
            try:
                received = connection.recv(65536)
            except OSError:
                pass
        self.assertTrue(received.startswith(b"HTTP/1.1 413 "), received[:200])

    def test_a_write_that_is_too_large_to_be_read_was_not_applied(self):
        for head, status in (
            ("PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n", 413),
            ("POST /v1/txn HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n", 413),
            ("DELETE /v1/kv/a HTTP/1.1\r\n" + "".join(f"X-{i}: 1\r\n" for i in range(65)) + "\r\n", 431),
            ("GET /v1/kv/a HTTP/1.1\r\n" + "".join(f"X-{i}: 1\r\n" for i in range(65)) + "\r\n", 431),
        ):
            with self.subTest(head=head[:20]):
                answer = self.api.raw(head.encode())
                self.assertTrue(answer.startswith(b"HTTP/1.1 %d " % status), answer[:200])
                self.assertEqual(b'"outcome":"not_applied"' in answer, not head.startswith("GET"), answer)

    def request_with_headers(self, lines):
        head = "GET /v1/kv/there HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + "".join(lines) + "\r\n"
        return self.api.raw(head.encode())

    def test_64_headers_pass_and_65_are_431(self):
        answer = self.request_with_headers([f"X-{i}: 1\r\n" for i in range(62)])
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer[:200])
        answer = self.request_with_headers([f"X-{i}: 1\r\n" for i in range(63)])
        self.assertTrue(answer.startswith(b"HTTP/1.1 431 "), answer[:200])
        self.assertIn(b'"headers_too_large"', answer)

    def test_headers_over_16_KiB_are_431(self):
        answer = self.request_with_headers([f"X-Long: {'a' * 15000}\r\n"])
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer[:200])
        answer = self.request_with_headers([f"X-Long: {'a' * 16384}\r\n"])
        self.assertTrue(answer.startswith(b"HTTP/1.1 431 "), answer[:200])

    # ---- the connection ----

    def test_pipelined_requests_are_answered_in_order(self):
        requests = b"".join(
            f"PUT /v1/kv/pipe/{i} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n{i}".encode() for i in range(8)
        )
        last = b"GET /v1/kv/pipe/7 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answer = self.api.raw(requests + last)
        self.assertEqual(answer.count(b"HTTP/1.1 201 "), 8, answer)
        places = [answer.index(b'"kv/pipe/%d"' % i) for i in range(8)]
        self.assertEqual(places, sorted(places))
        self.assertTrue(answer.endswith(b"7"), answer[-100:])

    def test_requests_that_could_be_smuggled_are_refused(self):
        for head in (
            "GET /v1/kv/there HTTP/1.1\r\n\r\n",
            "GET /v1/kv/there HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            "GET /v1/kv/there HTTP/1.1\r\nHost : x\r\n\r\n",
            "nonsense\r\n\r\n",
        ):
            with self.subTest(head=head):
                answer = self.api.raw(head.encode(), timeout=5)
                self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer[:200])

    def test_a_body_is_asked_for_when_the_client_waits(self):
        with socket.create_connection(("127.0.0.1", self.api.port), 10) as connection:
            connection.sendall(
                b"PUT /v1/kv/continue HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                b"Expect: 100-continue\r\nConnection: close\r\n\r\n"
            )
            self.assertTrue(connection.recv(1024).startswith(b"HTTP/1.1 100 "))
            connection.sendall(b"ok")
            self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 201 "))

    # ---- health ----

    def test_health_and_readiness_are_answered(self):
        self.assertEqual(self.api.get("/healthz").status, 200)
        self.assertEqual(self.api.get("/readyz").status, 200)
        verbose = self.api.get("/readyz?verbose")
        self.assertEqual(verbose.status, 200)
        self.assertGreater(len(verbose.body), 0)

    def test_the_cluster_describes_itself(self):
        cluster = self.api.get("/v1/cluster").json
        self.assertEqual(cluster["leader"], "s1")
        self.assertEqual(cluster["quorum"], {"needed": 1, "reachable": 1})
        for member in ("id", "name", "term", "revision", "commit_index", "applied_index"):
            self.assertIn(member, cluster)
        self.assertEqual(len(cluster["members"]), 1)
        member = cluster["members"][0]
        self.assertEqual((member["name"], member["role"], member["state"]), ("s1", "voter", "leader"))
        for name in ("id", "api_url", "raft_address", "version"):
            self.assertIn(name, member)


claims.main()
