"""What is measured against what, under which load, and what must be reached."""

import os
from dataclasses import dataclass

import contenders


@dataclass(frozen=True)
class Load:
    """One load of a scenario; `bar` is the highest ratio of CPU time per operation to the peer's."""

    pipeline: int
    value_size: int = 256
    bar: float | None = None
    # Commands of the load generator with weights, instead of GETs and SETs, and how many keys they use.
    mix: str | None = None
    keys: int | None = None

    @property
    def label(self):
        if self.mix:
            return f"pipeline {self.pipeline}, {self.mix}"
        return f"pipeline {self.pipeline}, {self.value_size} B"


@dataclass(frozen=True)
class Side:
    """One of the two sides: its name in the tables, how it is started, and the cores of its generators."""

    name: str
    start: object
    generators: tuple = (frozenset({1}),)


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    ours: Side
    peer: Side
    loads: tuple

    @property
    def sides(self):
        return (self.ours, self.peer)


def two_thread_sides():
    """With four cores two workers and two generators have one each; with fewer they compete."""
    cores = os.cpu_count() or 1
    server = {0, 1} if cores > 1 else {0}
    generators = (frozenset({2}), frozenset({3})) if cores >= 4 else (frozenset(server),)

    def start(threads):
        on = server if threads > 1 or cores < 4 else {0}
        return lambda lab: contenders.ringtail_server(lab, threads, on)

    return (Side("2 threads", start(2), generators), Side("1 thread", start(1), generators))


# Each with the keys that it uses: lists that grow stay short, lists of 100 fit memory.
COMMANDS = (
    ("LPUSH:1", None), ("LPUSH:1,LPOP:1", None), ("SADD:1", None), ("HSET:1", None), ("ZADD:1", None),
    ("ZRANGE10:1", 10_000), ("LRANGE100:1", 10_000), ("INCR:1", None), ("MSET10:1", None),
)


def all_scenarios():
    return (
        Scenario(
            "server", "data server against redis-server",
            Side("ringtail-server", contenders.ringtail_server),
            Side("redis-server", contenders.redis_server),
            (Load(64, 32, 0.5), Load(16, 256, 0.8), Load(1, 256, 1.0))),
        Scenario(
            "commands", "data server against redis-server, by command",
            Side("ringtail-server", contenders.ringtail_server),
            Side("redis-server", contenders.redis_server),
            tuple(Load(64, 32, 0.7, mix, keys) for mix, keys in COMMANDS) + (Load(64, 32, 1.0, "EVAL:1"),)),
        Scenario(
            "proxy", "proxy before three redis-servers against twemproxy",
            Side("ringtail-proxy", contenders.ringtail_proxy),
            Side("nutcracker", contenders.nutcracker),
            (Load(16, 256, 0.55), Load(1, 256, 1.0))),
        Scenario(
            "tls", "proxy with TLS in front against haproxy + twemproxy",
            Side("ringtail-proxy", lambda lab: contenders.ringtail_proxy(lab, tls=True)),
            Side("haproxy+nutcracker", contenders.haproxy_and_nutcracker),
            (Load(16, 256, 0.45), Load(1, 256, 0.45))),
        Scenario("threads", "two worker threads against one", *two_thread_sides(), (Load(16), Load(1))),
    )


def stall_sides():
    """Two workers, so that there are clients on the thread that does the work and on another one."""
    cores = set(range(os.cpu_count() or 1))
    return (("ours", Side("ringtail-server", lambda lab: contenders.ringtail_server(lab, 2, cores))),
            ("peer", Side("redis-server", lambda lab: contenders.redis_server(lab, cores))))


# What the proxy does over several members: the bars of each figure, at least or at most.
ACROSS_BARS = {
    "transactions": (("rate_ratio", "rate of MULTI of 4 writes over 3 members to that on one", 0.25, True, "×"),
                     ("p99_ratio", "p99 of the same", 3.0, False, "×")),
    "frozen": (("ratio", "p99 of requests to the others, from 100 ms after a freeze, to before", 1.2, False, "×"),),
    "half load": (("added_us", "p99.9 that the proxy adds at half load", 150.0, False, "µs"),),
    "idle": (("kib_each", "memory of an idle TLS client", 12.0, False, "KiB"),
             ("ratio", "throughput of 1,000 active ones beside 10,000 idle ones", 0.95, True, "×")),
}
MGET_BAR = 3.0
PEER_BAR = 1.0

# The HTTP door: to the proxy's own protocol, at pipeline 1 and 100, and to a service of FastAPI.
HTTP_GET_BAR = 0.5
HTTP_BATCH_BAR = 0.3
HTTP_SERVICE_BAR = 10.0

# What durability costs: figures of ours, or their ratios to the peer's, at least or at most.
DURABLE_BARS = {
    "log": tuple(bar for pipeline in (64, 16, 1) for bar in (
        ("ours", f"p{pipeline}_share", f"SETs/s with everysec to those without a log, pipeline {pipeline}", 0.85, True, "×"),
        ("ratios", f"p{pipeline}_share", f"the same to the peer's, pipeline {pipeline}", 1.0, True, "×"))),
    "log always": (("ratios", "sets_per_second", "SETs/s, to the peer's", 1.5, True, "×"),),
    "backup": (("ours", "longest_ms", "longest wait of others", 5.0, False, "ms"),
               ("ours", "extra_mib", "memory", 64.0, False, "MiB"),
               ("ratios", "seconds", "time, to the peer's", 1.0, False, "×"),
               ("ratios", "restart_seconds", "time of a restart from it, to the peer's", 0.5, False, "×")),
    "restart from log": (("ratios", "restart_seconds", "time, to the peer's", 0.5, False, "×"),),
    "first sync": (("ours", "p99_moved", "p99 of writes beside it to that without", 1.2, False, "×"),
                   ("ratios", "mb_per_second", "speed, to the peer's", 1.0, True, "×")),
    "replica": (("ratios", "cpu_us", "CPU for each SET, pipeline 64, to the peer's", 0.7, False, "×"),),
}

# Memory: 1 M keys of 12 B with 64 B values, below the peer's.
MEMORY_KEYS = 1_000_000
MEMORY_VALUE = 64
MEMORY_BAR = 1.0
MEMORIES = (
    ("1 M keys of 64 B", None), ("1 M hashes of 5 fields", "HSET5:1"), ("1 M sorted sets of 5", "ZADD5:1"),
    ("a sorted set of 1 M", "ZFILL:1"),
)

# PUBLISH: subscribers, messages, and messages at once; deliveries a second at least the peer's.
FANOUT_SUBSCRIBERS = 1000
FANOUT_MESSAGES = 300
FANOUT_PIPELINES = (1, 16)
FANOUT_BAR = 1.0

# Dropping what has 1 M parts: how long others may wait, in milliseconds.
STALL_BAR_MS = 5.0

# Two threads against one: the least ratio of ops/s, and the highest of p99.
THREADS_BAR = 1.7
THREADS_P99_BAR = 1.0

# The store alone: nanoseconds for each operation, the published figures of the system Ringtail descends from.
STORE_BARS = {"GET": 76, "SET": 565, "LPUSH": 305, "LINDEX": 93, "HSET": 105, "HGET": 83}
