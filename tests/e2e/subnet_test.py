"""Subnet leases: who gets which, when, and who loses it (docs/api.md, "Semantics", 2 to 4)."""

import concurrent.futures
import ipaddress
import time

import claims
from cluster_case import ClusterCase
from weft import wait_until

TTL_S = 5  # the least that a network takes


class WithServer(ClusterCase):
    servers = 1
    flags = ("--lease-quarantine-s", "0")

    def network(self, name, **fields):
        answer = self.api.put(f"/v1/networks/{name}", {"ipv4": "10.244.0.0/16", **fields})
        self.assertIn(answer.status, (200, 201), answer)
        return name

    def acquire(self, network, node, status=(200, 201), **fields):
        answer = self.api.post(f"/v1/subnets/{network}/acquire", {"node": node, **fields})
        self.assertIn(answer.status, status if isinstance(status, tuple) else (status,), answer)
        return answer.json

    def path(self, lease):
        return f"/v1/subnets/{lease['network']}/{lease['subnet'].replace('/', '-')}"

    def renew(self, lease, **changes):
        body = {"node": lease["node"], "epoch": lease["epoch"], **changes}
        return self.api.post(self.path(lease) + "/renew", body)

    def release(self, lease, **changes):
        fields = {"node": lease["node"], "epoch": lease["epoch"], **changes}
        return self.api.delete(f"{self.path(lease)}?node={fields['node']}&epoch={fields['epoch']}")

    def wait_expired(self, lease):
        """Until the lease is no longer there, however long its quarantine is."""
        return wait_until(
            f"{lease['subnet']} expires", lambda: self.api.get(self.path(lease)).status == 404, TTL_S + 15
        )


class Leases(WithServer):
    def test_the_contracts_own_example_works(self):
        network = self.network("example")
        lease = self.acquire(
            network, "edge-1", 201, public_ip="192.0.2.11", prefer="10.244.7.0/24", backend_type="vxlan",
            backend_data={"vni": 1, "vtep_mac": "02:00:00:00:00:01"},
        )  # fmt: skip
        expected = {
            "network": network, "subnet": "10.244.7.0/24", "node": "edge-1", "public_ip": "192.0.2.11",
            "backend_type": "vxlan", "backend_data": {"vni": 1, "vtep_mac": "02:00:00:00:00:01"},
            "ttl_s": 86400, "reserved": False, "epoch": lease["revision"],
            "key": f"subnets/{network}/10.244.7.0-24",
        }  # fmt: skip
        self.assertEqual({name: lease.get(name) for name in expected}, expected)
        self.assertRegex(lease["expires_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        self.assertEqual(self.api.get(self.path(lease)).json, lease)

    def test_an_unknown_network_is_404(self):
        answer = self.api.post("/v1/subnets/nowhere/acquire", {"node": "edge-1"})
        self.assertEqual((answer.status, answer.code), (404, "not_found"))

    def test_a_request_that_names_no_node_is_422(self):
        network = self.network("nameless")
        for body, pointer in (({}, "/node"), ({"node": "Edge 1"}, "/node"), ({"node": "a", "prefer": "x"}, "/prefer")):
            answer = self.api.post(f"/v1/subnets/{network}/acquire", body)
            self.assertEqual((answer.status, answer.code), (422, "invalid"))
            self.assertEqual(answer.json["errors"][0]["pointer"], pointer)

    def test_the_lowest_address_is_given_first(self):
        network = self.network("lowest")
        subnets = [self.acquire(network, f"edge-{i}", 201)["subnet"] for i in range(4)]
        self.assertEqual(subnets, [f"10.244.{i}.0/24" for i in (1, 2, 3, 4)])

    def test_the_same_node_gets_its_own_lease_again_with_a_new_epoch(self):
        network = self.network("again")
        first = self.acquire(network, "edge-1", 201, public_ip="192.0.2.1")
        second = self.acquire(network, "edge-1", 200, public_ip="192.0.2.2", prefer="10.244.99.0/24")
        self.assertEqual(second["subnet"], first["subnet"])
        self.assertGreater(second["epoch"], first["epoch"])
        self.assertEqual(second["public_ip"], "192.0.2.2")
        self.assertEqual(second["epoch"], second["revision"])

    def test_prefer_is_taken_when_it_is_free(self):
        network = self.network("prefer")
        self.assertEqual(self.acquire(network, "edge-1", prefer="10.244.7.0/24")["subnet"], "10.244.7.0/24")
        self.assertEqual(self.acquire(network, "edge-2", prefer="10.244.7.0/24")["subnet"], "10.244.1.0/24")

    def test_a_prefer_that_is_no_subnet_of_the_network_is_422(self):
        network = self.network("misfit")
        for prefer in ("10.99.0.0/24", "10.244.7.0/25", "2001:db8::/64"):
            answer = self.api.post(f"/v1/subnets/{network}/acquire", {"node": "edge-1", "prefer": prefer})
            self.assertEqual((answer.status, answer.code), (422, "invalid"), answer)
            self.assertEqual(answer.json["errors"][0]["pointer"], "/prefer")
        self.assertEqual(self.api.get(f"/v1/subnets/{network}").json["items"], [])

    def test_renewing_keeps_the_epoch_and_is_no_event(self):
        network = self.network("renew")
        lease = self.acquire(network, "edge-1")
        before = self.api.get("/v1/kv").revision
        answer = self.renew(lease)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual((answer.json["epoch"], answer.json["subnet"]), (lease["epoch"], lease["subnet"]))
        self.assertGreaterEqual(answer.json["expires_at"], lease["expires_at"])
        self.assertEqual(self.api.get("/v1/kv").revision, before)

    def test_an_old_epoch_is_lease_lost_never_an_overwrite(self):
        network = self.network("fence")
        old = self.acquire(network, "edge-1")
        new = self.acquire(network, "edge-1")
        for answer in (
            self.renew(old),
            self.release(old),
            self.renew(new, node="edge-2"),
            self.release(new, node="edge-2"),
            self.renew(new, epoch=new["epoch"] + 1),
        ):
            self.assertEqual((answer.status, answer.code), (409, "lease_lost"), answer)
            self.assertEqual(answer.json["outcome"], "not_applied")
        self.assertEqual(self.api.get(self.path(new)).json["epoch"], new["epoch"])
        self.assertEqual(self.renew(new).status, 200)

    def test_a_released_subnet_is_free_at_once(self):
        network = self.network("release")
        lease = self.acquire(network, "edge-1", prefer="10.244.7.0/24")
        self.assertEqual(self.release(lease).status, 200)
        self.assertEqual(self.api.get(self.path(lease)).status, 404)
        answer = self.renew(lease)
        self.assertEqual((answer.status, answer.code), (409, "lease_lost"))
        self.assertEqual(self.acquire(network, "edge-2", 201, prefer="10.244.7.0/24")["subnet"], "10.244.7.0/24")
        self.assertEqual(self.release(lease).code, "lease_lost")

    def test_the_operator_removes_a_lease_whatever_its_state(self):
        network = self.network("operator")
        lease = self.acquire(network, "edge-1")
        self.assertEqual(self.api.delete(self.path(lease)).status, 200)
        self.assertEqual(self.renew(lease).code, "lease_lost")
        self.assertEqual(self.api.delete(self.path(lease)).status, 404)

    def test_of_the_used_ones_the_least_recently_used_is_given(self):
        network = self.network("lru", ipv4="10.20.0.0/26", subnet_len=28, subnet_min="10.20.0.0")
        leases = {f"edge-{i}": self.acquire(network, f"edge-{i}") for i in range(4)}
        for node in ("edge-2", "edge-0", "edge-3"):
            self.assertEqual(self.release(leases[node]).status, 200)
        order = [self.acquire(network, f"late-{i}")["subnet"] for i in range(3)]
        self.assertEqual(order, [leases[node]["subnet"] for node in ("edge-2", "edge-0", "edge-3")])

    def test_a_subnet_that_was_never_used_counts_as_the_oldest(self):
        network = self.network("fresh", ipv4="10.21.0.0/26", subnet_len=28, subnet_min="10.21.0.0")
        used = self.acquire(network, "edge-0")
        self.assertEqual(used["subnet"], "10.21.0.0/28")
        self.release(used)
        self.assertEqual(self.acquire(network, "edge-1")["subnet"], "10.21.0.16/28")

    def test_a_pool_can_be_exhausted_and_recovers(self):
        network = self.network("tiny", ipv4="10.22.0.0/26", subnet_len=28, subnet_min="10.22.0.0")
        leases = [self.acquire(network, f"edge-{i}", 201) for i in range(4)]
        answer = self.api.post(f"/v1/subnets/{network}/acquire", {"node": "edge-9"})
        self.assertEqual((answer.status, answer.code), (409, "pool_exhausted"), answer)
        self.assertEqual(answer.json["outcome"], "not_applied")
        self.acquire(network, "edge-0", 200)
        self.release(leases[2])
        self.assertEqual(self.acquire(network, "edge-9", 201)["subnet"], leases[2]["subnet"])

    def test_one_public_ip_has_one_node(self):
        network = self.network("address")
        lease = self.acquire(network, "edge-1", public_ip="192.0.2.11")
        answer = self.api.post(f"/v1/subnets/{network}/acquire", {"node": "edge-2", "public_ip": "192.0.2.11"})
        self.assertEqual((answer.status, answer.code), (409, "address_in_use"), answer)
        other = self.network("address2", ipv4="10.245.0.0/16")
        self.acquire(other, "edge-2", 201, public_ip="192.0.2.11")
        self.release(lease)
        self.acquire(network, "edge-2", 201, public_ip="192.0.2.11")

    def test_many_at_once_get_subnets_that_do_not_overlap(self):
        network = self.network("rush")
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            leases = list(pool.map(lambda i: self.acquire(network, f"edge-{i}", 201), range(100)))
        subnets = sorted(ipaddress.ip_network(lease["subnet"]) for lease in leases)
        self.assertEqual(subnets, [ipaddress.ip_network(f"10.244.{i}.0/24") for i in range(1, 101)])
        self.assertEqual(len({lease["epoch"] for lease in leases}), 100)

    def test_dual_stack_leases_have_both(self):
        network = self.network("dual", ipv6="2001:db8::/48")
        lease = self.acquire(network, "edge-1", 201, public_ip="192.0.2.1", public_ip_v6="2001:db8:f::1")
        self.assertEqual((lease["subnet"], lease["subnet_v6"]), ("10.244.1.0/24", "2001:db8:0:1::/64"))
        self.assertEqual(lease["public_ip_v6"], "2001:db8:f::1")
        other = self.acquire(network, "edge-2", 201)
        self.assertNotEqual(other["subnet_v6"], lease["subnet_v6"])

    def test_an_ipv6_network_leases_ipv6_subnets(self):
        answer = self.api.put("/v1/networks/six", {"ipv6": "2001:db8::/48"})
        self.assertEqual(answer.status, 201, answer)
        lease = self.acquire("six", "edge-1", 201)
        self.assertEqual(lease["subnet"], "2001:db8:0:1::/64")
        self.assertEqual(self.renew(lease).status, 200)
        self.assertEqual(self.release(lease).status, 200)

    def test_leases_are_listed_and_watched(self):
        network = self.network("seen")
        start = self.api.get(f"/v1/subnets/{network}").json
        self.assertEqual(start["items"], [])
        with self.api.watch(f"/v1/subnets/{network}?watch=true&from={start['revision']}") as watch:
            lease = self.acquire(network, "edge-1")
            self.renew(lease)
            self.release(lease)
            put, delete = watch.take(2)
        self.assertEqual((put["type"], put["kind"], put["key"]), ("PUT", "subnet", lease["key"]))
        self.assertEqual(put["object"], lease)
        self.assertEqual((delete["type"], delete["key"]), ("DELETE", lease["key"]))


class Reservations(WithServer):
    def reserve(self, network, subnet, node, **fields):
        return self.api.put(f"/v1/subnets/{network}/{subnet}", {"node": node, "reserved": True, **fields})

    def test_a_reserved_subnet_goes_to_its_node_and_to_no_other(self):
        network = self.network("reserve")
        answer = self.reserve(network, "10.244.1.0-24", "edge-9")
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual((answer.json["reserved"], answer.json["epoch"]), (True, 0))
        self.assertEqual(self.acquire(network, "edge-1")["subnet"], "10.244.2.0/24")
        self.assertEqual(self.acquire(network, "edge-2", prefer="10.244.1.0/24")["subnet"], "10.244.3.0/24")
        lease = self.acquire(network, "edge-9", prefer="10.244.50.0/24")
        self.assertEqual((lease["subnet"], lease["reserved"]), ("10.244.1.0/24", True))
        self.assertNotIn("expires_at", lease)

    def test_the_nodes_own_lease_becomes_a_reservation_with_the_same_epoch(self):
        network = self.network("become")
        lease = self.acquire(network, "edge-1")
        answer = self.reserve(network, "10.244.1.0-24", "edge-1")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual((answer.json["epoch"], answer.json["reserved"]), (lease["epoch"], True))
        self.assertEqual(self.renew(lease).status, 200)

    def test_anothers_lease_cannot_be_reserved(self):
        network = self.network("taken")
        self.acquire(network, "edge-1")
        answer = self.reserve(network, "10.244.1.0-24", "edge-2")
        self.assertEqual((answer.status, answer.code), (409, "conflict"), answer)
        self.reserve(network, "10.244.2.0-24", "edge-3")
        answer = self.reserve(network, "10.244.2.0-24", "edge-4")
        self.assertEqual((answer.status, answer.code), (409, "conflict"), answer)

    def test_of_several_reservations_prefer_decides_else_the_lowest(self):
        network = self.network("several")
        for subnet in ("10.244.8.0-24", "10.244.6.0-24", "10.244.7.0-24"):
            self.reserve(network, subnet, "edge-1")
        lease = self.acquire(network, "edge-1", prefer="10.244.7.0/24")
        self.assertEqual(lease["subnet"], "10.244.7.0/24")
        self.release(lease)
        self.assertEqual(self.acquire(network, "edge-1", prefer="10.244.99.0/24")["subnet"], "10.244.6.0/24")

    def test_a_reservation_outlives_its_holders_release_and_ends_by_the_operator(self):
        network = self.network("outlive")
        self.reserve(network, "10.244.1.0-24", "edge-1")
        lease = self.acquire(network, "edge-1")
        self.assertEqual(self.release(lease).status, 200)
        kept = self.api.get(self.path(lease))
        self.assertEqual((kept.status, kept.json["reserved"], kept.json["node"]), (200, True, "edge-1"))
        self.assertEqual(self.acquire(network, "edge-2")["subnet"], "10.244.2.0/24")
        self.assertEqual(self.api.delete(self.path(lease)).status, 200)
        self.assertEqual(self.api.get(self.path(lease)).status, 404)

    def test_a_reservation_outside_the_network_is_refused(self):
        network = self.network("outside")
        for subnet in ("10.99.0.0-24", "10.244.7.0-25", "10.244.0.0-16"):
            answer = self.reserve(network, subnet, "edge-1")
            self.assertEqual((answer.status, answer.code), (422, "invalid"), answer)
        answer = self.reserve("nowhere", "10.244.7.0-24", "edge-1")
        self.assertIn(answer.status, (404, 422), answer)

    def test_a_put_that_reserves_nothing_is_422(self):
        network = self.network("nothing")
        answer = self.api.put(f"/v1/subnets/{network}/10.244.7.0-24", {"node": "edge-1"})
        self.assertEqual((answer.status, answer.code), (422, "invalid"), answer)


class Expiry(WithServer):
    def test_a_lease_that_is_not_renewed_expires_no_earlier_than_its_ttl(self):
        network = self.network("expire", lease_ttl_s=TTL_S)
        with self.api.watch(f"/v1/subnets/{network}?watch=true", timeout=TTL_S + 6) as watch:
            watch.next()
            lease = self.acquire(network, "edge-1", 201)
            answered = time.monotonic()
            self.assertEqual(lease["ttl_s"], TTL_S)
            _, delete = watch.take(2)
            lived = time.monotonic() - answered
        self.assertEqual((delete["type"], delete["key"]), ("DELETE", lease["key"]))
        self.assertGreaterEqual(lived, TTL_S - 0.1, "the lease ended early")
        self.assertLess(lived, TTL_S + 10)
        self.assertEqual(self.renew(lease).code, "lease_lost")

    def test_a_renewed_lease_lives_on(self):
        network = self.network("live", lease_ttl_s=TTL_S)
        lease = self.acquire(network, "edge-1")
        end = time.monotonic() + TTL_S + 3
        while time.monotonic() < end:
            self.assertEqual(self.renew(lease).status, 200)
            time.sleep(1)  # a node's rhythm, not a wait for something
        self.assertEqual(self.api.get(self.path(lease)).status, 200)

    def test_a_reservation_does_not_expire(self):
        network = self.network("keepsake", lease_ttl_s=TTL_S)
        self.api.put(f"/v1/subnets/{network}/10.244.1.0-24", {"node": "edge-1", "reserved": True})
        held = self.acquire(network, "edge-1")
        other = self.acquire(network, "edge-2")
        self.wait_expired(other)
        self.assertEqual(self.api.get(self.path(held)).json["epoch"], held["epoch"])

    def test_without_quarantine_an_expired_subnet_can_be_given_at_once(self):
        network = self.network("quick", ipv4="10.30.0.0/26", subnet_len=28, lease_ttl_s=TTL_S)
        leases = [self.acquire(network, f"edge-{i}") for i in range(3)]
        for lease in leases:
            self.wait_expired(lease)
        again = [self.acquire(network, f"late-{i}", 201)["subnet"] for i in range(3)]
        self.assertEqual(sorted(again), sorted(lease["subnet"] for lease in leases))


class Quarantine(WithServer):
    quarantine_s = 5
    flags = ("--lease-quarantine-s", str(quarantine_s))

    def test_an_expired_subnet_rests_before_another_gets_it(self):
        network = self.network("rest", ipv4="10.31.0.0/26", subnet_len=28, lease_ttl_s=TTL_S)
        leases = [self.acquire(network, f"edge-{i}") for i in range(3)]
        for lease in leases[1:]:
            self.renew(lease)
        self.wait_expired(leases[0])
        expired = time.monotonic()
        for lease in leases[1:]:
            self.renew(lease)
        answer = self.api.post(f"/v1/subnets/{network}/acquire", {"node": "late"})
        self.assertEqual((answer.status, answer.code), (409, "pool_exhausted"), answer)

        def try_again():
            for lease in leases[1:]:
                self.renew(lease)
            return self.api.post(f"/v1/subnets/{network}/acquire", {"node": "late"}).status == 201

        wait_until("the end of the quarantine", try_again, self.quarantine_s + 15)
        self.assertGreaterEqual(time.monotonic() - expired, self.quarantine_s - 2.5)  # a busy machine notices late

    def test_the_former_holder_may_come_back_meanwhile(self):
        network = self.network("back", lease_ttl_s=TTL_S)
        lease = self.acquire(network, "edge-1", prefer="10.244.7.0/24")
        self.wait_expired(lease)
        self.assertNotEqual(self.acquire(network, "edge-2", prefer="10.244.7.0/24")["subnet"], lease["subnet"])
        again = self.acquire(network, "edge-1", 201, prefer="10.244.7.0/24")
        self.assertEqual(again["subnet"], lease["subnet"])
        self.assertGreater(again["epoch"], lease["epoch"])
        self.assertEqual(self.renew(lease).code, "lease_lost")


class Failover(WithServer):
    servers = 3

    def kill_leader(self):
        leader = self.cluster.leader()
        leader.kill()
        self.addCleanup(self.cluster.settle)
        self.addCleanup(leader.start)  # cleanups run backwards
        return [member.api for member in self.cluster.members if member is not leader]

    def test_a_change_of_leader_does_not_shorten_a_lease(self):
        network = self.network("survive", lease_ttl_s=TTL_S)
        lease = self.acquire(network, "edge-1", 201)
        answered = time.monotonic()
        watcher, other = self.kill_leader()
        with watcher.watch(f"/v1/subnets/{network}?watch=true&from={lease['revision']}", timeout=TTL_S + 15) as watch:
            [delete] = watch.take(1)
            lived = time.monotonic() - answered
        self.assertEqual((delete["type"], delete["key"]), ("DELETE", lease["key"]))
        self.assertGreaterEqual(lived, TTL_S - 0.1, "the lease ended early")
        self.assertLess(lived, TTL_S + 10)
        self.assertEqual(other.post(self.path(lease) + "/renew", {"node": "edge-1", "epoch": lease["epoch"]}).status, 409)

    def test_a_lease_is_renewed_through_a_change_of_leader(self):
        network = self.network("through", lease_ttl_s=TTL_S)
        lease = self.acquire(network, "edge-1")
        apis = self.kill_leader()
        body = {"node": "edge-1", "epoch": lease["epoch"]}

        def renew():
            return all(api.post(self.path(lease) + "/renew", body).status == 200 for api in apis)

        wait_until("renewals on both servers", renew, 15)

    def test_nodes_that_join_while_the_leader_dies_never_share_a_subnet(self):
        network = self.network("join")
        held = {}

        def join(number):
            node = f"edge-{number}"
            for attempt in range(200):
                api = self.cluster.members[(number + attempt) % self.servers].api
                try:
                    answer = api.post(f"/v1/subnets/{network}/acquire?timeout=2s", {"node": node}, timeout=4)
                except OSError:
                    continue
                if answer.status in (200, 201):
                    held[node] = answer.json["subnet"]
                    return
                self.assertIn(answer.status, (503, 504), answer)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            joining = [pool.submit(join, number) for number in range(60)]
            wait_until("some have joined", lambda: len(held) > 10, 20)
            apis = self.kill_leader()
            for future in joining:
                future.result(60)
        self.assertEqual(len(held), 60)
        self.assertEqual(len(set(held.values())), 60, "two nodes hold one subnet")

        def listed():
            answer = apis[0].get(f"/v1/subnets/{network}")
            return answer.json["items"] if answer.status == 200 else None

        items = wait_until("the list", listed, 10)
        self.assertEqual({item["node"]: item["subnet"] for item in items}, held)


claims.main()
