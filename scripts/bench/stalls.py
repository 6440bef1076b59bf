"""The longest wait of other clients while something large is dropped."""

import gc
import os
import selectors
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import Pipe, Process

ELEMENTS = 1_000_000
# Elements or keys that one request of the filling adds.
AT_ONCE = 1000
# Connections that are probed; they are dealt to the workers in turn.
PROBES = 4
# How long the probes go on after the operation: what is freed off the path of requests is freed meanwhile.
AFTER_SECONDS = 0.5
# From the time that is set to what is filled until it expires: long enough to set it everywhere.
LIFETIME_SECONDS = 4.0


class StallError(Exception):
    """An operation did not do what it should."""


@dataclass(frozen=True)
class Operation:
    """What is done while others are probed. `judged`: others may wait no longer than the bar."""

    name: str
    fill: object
    run: object
    judged: bool = False
    # A command that not every peer has.
    needs: str = "PING"

    def is_known(self, target):
        client = Client(target.port)
        try:
            return self.needs.lower().encode() in client.call("COMMAND", "INFO", self.needs)
        finally:
            client.close()


class Client:
    """A connection that sends requests in batches."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))

    def close(self):
        self.socket.close()

    def call(self, *words):
        return self.batch([words])

    def batch(self, commands):
        """Sends commands, and takes in all replies; the first bytes of them."""
        self.socket.sendall(b"".join(map(encoded, commands)) + b"PING\r\n")
        head = tail = b""
        while tail != b"+PONG\r\n":
            data = self.socket.recv(1 << 20)
            if not data:
                raise StallError("the server closed the connection")
            head = (head + data)[:200] if len(head) < 200 else head
            tail = (tail + data[-7:])[-7:]
        if head.startswith(b"-"):
            raise StallError(head.split(b"\r\n")[0].decode())
        return head


def encoded(words):
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def fill(client, *commands_of_range):
    """Runs the commands that each function gives for a range of numbers, for all numbers."""
    for start in range(0, ELEMENTS, AT_ONCE):
        client.batch([words for commands in commands_of_range
                      for words in commands(range(start, start + AT_ONCE))])


def elements(command, words):
    return lambda client: fill(client, lambda numbers: [(command, "large", *(w for n in numbers for w in words(n)))])


LISTS = elements("RPUSH", lambda n: (f"element:{n}",))
SETS = elements("SADD", lambda n: (f"member:{n}",))
HASHES = elements("HSET", lambda n: (f"field:{n}", n))
SORTED = elements("ZADD", lambda n: (n, f"member:{n}"))
TYPES = {"list": LISTS, "hash": HASHES, "set": SETS, "sorted set": SORTED}


def keys(client):
    fill(client, lambda numbers: [("MSET", *(w for n in numbers for w in (f"key:{n}", n)))])


def keys_with_times(client):
    fill(client, lambda numbers: [("SET", f"key:{n}", n, "EX", 3600 + n) for n in numbers])


def expiring_keys(client):
    """All at the same time."""
    client.until = time.time() + 3 * LIFETIME_SECONDS
    fill(client, lambda numbers: [("SET", f"key:{n}", n, "PXAT", int(client.until * 1000)) for n in numbers])


def expiring_fields(step):
    """Every `step`-th field at the same time."""
    def run(client):
        HASHES(client)
        client.until = time.time() + LIFETIME_SECONDS

        def commands(numbers):
            fields = [f"field:{n}" for n in numbers][::step]
            return [("HPEXPIREAT", "large", int(client.until * 1000), "FIELDS", len(fields), *fields)]
        fill(client, commands)
        if time.time() > client.until - 0.2:
            raise StallError("the machine is too slow: fields expired before all had their time")
    return run


def until_expired(*touch):
    """Goes on until the time is over, then touches what expired."""
    def run(client):
        while time.time() < client.until:
            time.sleep(0.01)
        for _ in range(20):
            client.call(*touch)
            time.sleep(0.05)
    return run


def expire(client):
    client.call("PEXPIRE", "large", 100)
    time.sleep(0.5)


def evict(client):
    """Sets a limit that only the large key's end can meet."""
    used = int(client.call("INFO", "memory").split(b"used_memory:")[1].split(b"\r\n")[0])
    client.batch([("CONFIG", "SET", "maxmemory-policy", "allkeys-random"), ("CONFIG", "SET", "maxmemory", used // 2)])
    for n in range(10_000):
        client.call("SET", f"new:{n % 10}", n)
        if n % 10 == 0 and b":0" in client.call("EXISTS", "large"):
            break
    else:
        raise StallError("the large key was not evicted")
    client.call("CONFIG", "SET", "maxmemory", 0)


def one(*words):
    return lambda client: client.call(*words)


def operations():
    yield Operation("nothing", one("PING"), lambda client: time.sleep(0.5))
    for name, filled in TYPES.items():
        yield Operation(f"DEL of a {name}", filled, one("DEL", "large"), judged=True)
    yield Operation("UNLINK of a sorted set", SORTED, one("UNLINK", "large"), judged=True)
    yield Operation("SET over a hash", HASHES, one("SET", "large", 1), judged=True)
    yield Operation("RENAME over a set", SETS, lambda c: c.batch([("SET", "small", 1), ("RENAME", "small", "large")]),
                    judged=True)
    for name, filled in TYPES.items():
        yield Operation(f"expiry of a {name}", filled, expire, judged=True)
    yield Operation("eviction of a hash", HASHES, evict, judged=True)
    yield Operation("FLUSHALL of keys", keys, one("FLUSHALL"), judged=True)
    yield Operation("FLUSHALL of keys that expire", keys_with_times, one("FLUSHALL"), judged=True)
    yield Operation("SWAPDB with keys", keys, one("SWAPDB", 0, 1))
    yield Operation("SWAPDB with keys that expire", keys_with_times, one("SWAPDB", 0, 1))
    yield Operation("expiry of all keys at once", expiring_keys, until_expired("GET", "key:1"))
    yield Operation("expiry of all fields at once", expiring_fields(1), until_expired("HGET", "large", "field:1"),
                    needs="HPEXPIREAT")
    yield Operation("expiry of half the fields", expiring_fields(2), until_expired("HLEN", "large"),
                    needs="HPEXPIREAT")
    yield Operation("ZREMRANGEBYRANK of half", SORTED, one("ZREMRANGEBYRANK", "large", 0, ELEMENTS // 2))
    yield Operation("LPOP of all", LISTS, one("LPOP", "large", ELEMENTS))
    yield Operation("SPOP of all", SETS, one("SPOP", "large", ELEMENTS))
    yield Operation("ZPOPMIN of all", SORTED, one("ZPOPMIN", "large", ELEMENTS))
    yield Operation("HGETDEL of all", HASHES, lambda client: client.call(
        "HGETDEL", "large", "FIELDS", ELEMENTS, *(f"field:{n}" for n in range(ELEMENTS))), needs="HGETDEL")


def longest(target, operation):
    """One measurement: the longest wait of any probe, and of the least disturbed connection, in milliseconds."""
    for pid in target.pids:
        prefer(pid)
    client = Client(target.port)
    try:
        operation.fill(client)
        time.sleep(AFTER_SECONDS)
        with probing(target.port) as waits:
            operation.run(client)
            time.sleep(AFTER_SECONDS)
        return {"longest_ms": max(waits) * 1e3, "least_ms": min(waits) * 1e3}
    finally:
        client.close()


@contextmanager
def probing(port, run=None):
    """Probes the server while the block runs; the list that it yields has each connection's longest wait at the end."""
    here, there = Pipe()
    process, waits = Process(target=run or probe, args=(port, there), daemon=True), []
    process.start()
    try:
        here.recv()
        yield waits
        here.send("stop")
        waits += here.recv()
    finally:
        process.terminate()
        process.join()


def probe(port, pipe):
    prefer(os.getpid())
    gc.disable()
    with selectors.EpollSelector() as selector:
        connections = [Probe(port) for _ in range(PROBES)]
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        pipe.send("ready")
        while not pipe.poll():
            probe_once(selector, connections)
        pipe.send([connection.longest for connection in connections])


def probe_once(selector, connections):
    for connection in connections:
        connection.ask()
    waiting = len(connections)
    while waiting:
        for key, _ in selector.select():
            key.data.take()
            waiting -= 1


def prefer(pid):
    """A process whose waits are measured waits for nobody else's, where that may be asked for."""
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            os.setpriority(os.PRIO_PROCESS, int(task), -20)
        except PermissionError:
            return


class Probe:
    """A connection that reads a key that is not there: one request at a time."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.longest, self.since = 0.0, 0.0

    def ask(self):
        self.since = time.perf_counter()
        self.socket.sendall(b"GET probe\r\n")

    def take(self):
        self.socket.recv(64)
        self.longest = max(self.longest, time.perf_counter() - self.since)
