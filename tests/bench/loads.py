"""The table of loads: name, unit, at how many connections, which way is better, and the reach.

`ratio` is weft / etcd. A reach is the ratio that the project wants: at least for rates, at most for
the rest.
"""

from dataclasses import dataclass, field

CONNECTIONS = (1, 16, 64, 256)


@dataclass(frozen=True)
class Load:
    name: str
    unit: str
    connections: tuple = (0,)  # clients at once; 0 where the load is no traffic
    is_rate: bool = False  # more is better
    reach: dict = field(default_factory=dict)  # connections -> ratio
    what: str = ""
    is_slow: bool = False  # --quick measures it in its first round only


LOADS = (
    Load("put", "req/s", CONNECTIONS, True, {64: 4, 256: 4}, "256 bytes to a random one of 10,000 keys"),
    Load("put_p50", "ms", (1,), False, {1: 0.5}, "median time of a put, one at a time"),
    Load("cpu_per_put", "us", (64,), False, {64: 0.3}, "processor time of all members for a put"),
    Load("read", "req/s", CONNECTIONS, True, {64: 7}, "linearizable, of 256 bytes"),
    Load("stale_read", "req/s", CONNECTIONS, True, {64: 7}, "from the local state (etcd: serializable)"),
    Load("lease_grant", "req/s", (64,), True, {}, "a TTL lease of 600 s"),
    Load("lease_renew", "req/s", (64,), True, {}, "a random one of 1,000 leases"),
    Load("watch_last_100", "ms", (100,), False, {}, "from the put to the last of 100 watchers having it"),
    Load("watch_last_1000", "ms", (1000,), False, {1000: 0.3}, "the same with 1,000 watchers"),
    Load("join_100", "s", (100,), False, {}, "100 nodes get a subnet at once"),
    Load("join_100_requests", "req/node", (100,), False, {}, "requests each of them made"),
    Load("join_1000", "s", (1000,), False, {1000: 0.05}, "1,000 nodes get a subnet at once", True),
    Load("join_1000_requests", "req/node", (1000,), False, {}, "requests each of them made", True),
    Load("memory_idle", "MiB", (0,), False, {0: 0.25}, "resident, the leader of an empty cluster"),
    Load("memory_10k_keys", "MiB", (0,), False, {0: 0.25}, "the same with 10,000 keys of 256 bytes"),
    Load("memory_1k_watchers", "MiB", (1000,), False, {1000: 0.25}, "and with 1,000 watchers on it"),
    Load("start_first_write", "s", (1,), False, {1: 0.2}, "one member, from exec to the first acknowledged write"),
    Load("restart_100k_keys", "s", (1,), False, {1: 0.3}, "all killed, from exec to the first acknowledged write"),
    Load("leader_killed_gap", "ms", (1,), False, {1: 0.4}, "without an acknowledged write; timers 100 / 1,000 ms"),
    Load("leader_killed_gap_fast", "ms", (1,), False, {}, "the same; timers 20 / 200 ms", True),
    Load("program_size", "bytes", (0,), False, {0: 0.05}, "the server's program, without symbols"),
)

FLOORS = (
    Load("floor_sync_append", "ops/s", (1,), True, {}, "4 KiB append and fdatasync, one after another"),
    Load("floor_loopback_rtt", "us", (1,), False, {}, "64 bytes there and back over TCP, median"),
    Load("floor_static_page", "req/s", CONNECTIONS, True, {}, "256 bytes from nginx"),
)

NAMES = tuple(load.name for load in LOADS + FLOORS)
SLOW_NAMES = tuple(load.name for load in LOADS if load.is_slow)
