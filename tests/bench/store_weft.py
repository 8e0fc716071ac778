"""weft as the benchmark drives it: how its servers are started, and how each load's request looks."""

import json

import programs


class Weft:
    name = "weft"

    def command(self, member, members, timers):
        """The command line of one server. `timers`: (heartbeat, election) in ms; None for the defaults."""
        listed = []
        for other in members:
            listed += ["--member", f"{other.name},127.0.0.1:{other.peer_port},{other.url}"]
        options = ["--heartbeat-ms", str(timers[0]), "--election-ms", str(timers[1])] if timers else []
        return [
            programs.WEFTD,
            *("--name", member.name, "--data-dir", member.data_dir),
            *("--api-listen", f"127.0.0.1:{member.port}", "--raft-listen", f"127.0.0.1:{member.peer_port}"),
            *listed,
            *options,
        ]

    def leader_of(self, member):
        """The name of the leader, as this server sees it; None without one."""
        return member.call("GET", "/v1/cluster").json().get("leader")

    def put(self, key, value):
        return "PUT", f"/v1/kv/{key}", value

    def read(self, key):
        return "GET", f"/v1/kv/{key}", ""

    def stale_read(self, key):
        return "GET", f"/v1/kv/{key}?consistency=stale", ""

    def lease_grant(self, ttl_s):
        return "POST", "/v1/leases", json.dumps({"ttl_s": ttl_s})

    def lease_id(self, answer):
        return answer["id"]

    def lease_renew(self, lease_id):
        return "POST", f"/v1/leases/{lease_id}/renew", ""

    def network(self, name, prefix):
        """Requests that make a network of /24s; bench-join calls it by this name."""
        config = {"ipv4": prefix, "subnet_len": 24, "backend": {"type": "vxlan"}}
        return "PUT", f"/v1/networks/{name}", json.dumps(config)
