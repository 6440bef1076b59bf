"""A load of prebuilt requests whose replies are known to the byte, for what `ringtail-load` has no commands for: transactions,
requests of many keys, and a rate that is kept."""

import gc
import os
import selectors
import socket
import time
from dataclasses import dataclass, field

from fanout import cpu_seconds


class DriveError(Exception):
    """A reply was wrong, or did not come."""


# Nothing that is measured takes this long.
PATIENCE_SECONDS = 10


def encoded(*words):
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def bulk(value):
    return b"$%d\r\n%s\r\n" % (len(value), value)


def call(port, *words):
    """One request on a connection of its own; the first bytes of the reply."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(encoded(*words))
        return connection.recv(1 << 16)


@dataclass(frozen=True)
class Exchange:
    """A request and its reply."""

    request: bytes
    reply: bytes


@dataclass
class Driven:
    """What came of a load: when each request was sent, and how long its reply took, in seconds."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    sent: list = field(default_factory=list)
    took: list = field(default_factory=list)

    def rate(self):
        return len(self.took) / self.seconds

    def percentile(self, share, since=0.0, until=float("inf")):
        """In microseconds, of what was sent between these times."""
        within = sorted(took for sent, took in zip(self.sent, self.took) if since <= sent < until)
        if not within:
            raise DriveError("nothing was measured")
        return within[min(int(len(within) * share), len(within) - 1)] * 1e6


class Connection:
    def __init__(self, port, exchanges, turn):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.exchanges, self.turn = exchanges, turn
        self.since, self.waits, self.received = 0.0, False, b""

    def send(self):
        self.turn = (self.turn + 1) % len(self.exchanges)
        self.since, self.waits, self.received = time.perf_counter(), True, b""
        self.socket.sendall(self.exchanges[self.turn].request)

    def take(self):
        """How long the reply took, once all of it is there."""
        data = self.socket.recv(1 << 18)
        if not data:
            raise DriveError("the server closed a connection")
        self.received += data
        reply = self.exchanges[self.turn].reply
        if len(self.received) < len(reply) and not self.received.startswith(b"-"):
            return None
        if self.received != reply:
            raise DriveError(f"got {self.received[:100]!r} instead of {reply[:100]!r}")
        self.waits = False
        return time.perf_counter() - self.since


def drive(port, exchanges, seconds, connections=50, rate=None, pids=()):
    """Each connection sends a request, waits for its reply, and sends the next; with `rate`, all together send so many a second, and
    a request that finds no connection free counts from when it was due."""
    gc.collect()
    gc.disable()
    opened = [Connection(port, exchanges, turn * 7 % len(exchanges)) for turn in range(connections)]
    try:
        with selectors.EpollSelector() as selector:
            for connection in opened:
                selector.register(connection.socket, selectors.EVENT_READ, connection)
            driven, used = Driven(), cpu_seconds(pids)
            run(selector, opened, driven, seconds, rate)
            driven.cpu_seconds = cpu_seconds(pids) - used
        return driven
    finally:
        gc.enable()
        for connection in opened:
            connection.socket.close()


def run(selector, opened, driven, seconds, rate):
    begun = time.perf_counter()
    free, due = list(opened), 0
    while (now := time.perf_counter()) < begun + seconds:
        if rate is None:
            while free:
                free.pop().send()
        else:
            while free and begun + due / rate <= now:
                connection = free.pop()
                connection.send()
                connection.since, due = begun + due / rate, due + 1
        # At a rate it never sleeps: a timer's wake would be late by more than what is measured.
        gather(selector, driven, free, 0 if rate else PATIENCE_SECONDS)
    driven.seconds = time.perf_counter() - begun
    deadline = time.perf_counter() + PATIENCE_SECONDS
    while len(free) < len(opened):
        gather(selector, driven, free, PATIENCE_SECONDS)
        if time.perf_counter() > deadline:
            raise DriveError(f"{len(opened) - len(free)} replies never came")


def gather(selector, driven, free, patience):
    ready = selector.select(patience)
    if patience and not ready:
        raise DriveError("no reply comes")
    for key, _ in ready:
        took = key.data.take()
        if took is not None:
            driven.sent.append(key.data.since)
            driven.took.append(took)
            free.append(key.data)


def on_the_last_core(do, *arguments):
    """The first core belongs to what is measured."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(own)})
    try:
        return do(*arguments)
    finally:
        os.sched_setaffinity(0, own)
