"""etcd as the benchmark drives it: its JSON gateway, plain HTTP, its defaults."""

import base64
import json

import programs


def _b64(text):
    return base64.b64encode(text.encode()).decode()


def _body(**fields):
    return json.dumps(fields, separators=(",", ":"))


class Etcd:
    name = "etcd"

    def command(self, member, members, timers):
        """The command line of one server. `timers`: (heartbeat, election) in ms; None for the defaults."""
        peer_url = f"http://127.0.0.1:{member.peer_port}"
        cluster = ",".join(f"{other.name}=http://127.0.0.1:{other.peer_port}" for other in members)
        options = ["--heartbeat-interval", str(timers[0]), "--election-timeout", str(timers[1])] if timers else []
        return [
            programs.etcd(),
            *("--name", member.name, "--data-dir", member.data_dir),
            *("--listen-client-urls", member.url, "--advertise-client-urls", member.url),
            *("--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url),
            *("--initial-cluster", cluster, "--initial-cluster-state", "new"),
            *options,
        ]

    def leader_of(self, member):
        """The name of the leader, as this server sees it; None without one."""
        leader = member.call("POST", "/v3/maintenance/status", "{}").json().get("leader")
        for other in member.call("POST", "/v3/cluster/member/list", "{}").json()["members"]:
            if leader and other["ID"] == leader:
                return other.get("name")
        return None

    def put(self, key, value):
        return "POST", "/v3/kv/put", _body(key=_b64(key), value=_b64(value))

    def read(self, key):
        return "POST", "/v3/kv/range", _body(key=_b64(key))

    def stale_read(self, key):
        return "POST", "/v3/kv/range", _body(key=_b64(key), serializable=True)

    def lease_grant(self, ttl_s):
        return "POST", "/v3/lease/grant", _body(TTL=ttl_s)

    def lease_id(self, answer):
        return answer["ID"]

    def lease_renew(self, lease_id):
        return "POST", "/v3/lease/keepalive", _body(ID=lease_id)

    def network(self, name, prefix):
        """flannel's config, as its etcd backend reads it."""
        return self.put(f"/{name}/config", _body(Network=prefix, SubnetLen=24, Backend={"Type": "vxlan"}))
