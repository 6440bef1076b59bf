"""TLS clients that come and go, and those that stay and say nothing."""

import resource
import socket
import ssl
import time

from drive import DriveError, on_the_last_core
from fanout import cpu_seconds
from processes import rss_bytes

IDLE_CLIENTS = 10_000
# More than the clients, idle and active, and what else is open.
FILES = 20_000
SETTLE_SECONDS = 1.0


def context(target):
    made = ssl.create_default_context(cafile=target.cacert)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    return made


def connected(made, port, session=None):
    plain = socket.create_connection(("127.0.0.1", port))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made.wrap_socket(plain, server_hostname="127.0.0.1", session=session)


def asked(connection):
    connection.sendall(b"*1\r\n$4\r\nPING\r\n")
    if connection.recv(64) != b"+PONG\r\n":
        raise DriveError("PING was not answered")


def rates(target, plan):
    """Handshakes a second of the server's core, full and resumed: by its CPU time, since a client costs more than it does."""
    result = {}
    for kind, resumed in (("full", False), ("resumed", True)):
        used = cpu_seconds(target.pids)
        count = on_the_last_core(shake_hands, target, plan.seconds, resumed)
        used = cpu_seconds(target.pids) - used
        if not used:
            raise DriveError("too few handshakes to measure")
        result[f"{kind}_per_core_second"] = count / used
    return result


def shake_hands(target, seconds, resumed):
    made, session, count = context(target), None, 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with connected(made, target.port, session) as connection:
            if connection.session_reused != (session is not None):
                raise DriveError("a session was not resumed")
            asked(connection)
            session = connection.session if resumed else None
        count += 1
    return count


def idle(target, throughput):
    """Bytes for each of 10,000 idle clients, and what 1,000 active ones reach beside them and without them.

    `throughput` measures the active ones' operations a second.
    """
    allow_files(FILES)
    made = context(target)
    with connected(made, target.port) as first:
        asked(first)
    # Before any load: what that leaves to the allocator would hide what the idle ones need.
    before, clients = rss_bytes(target.pids), []
    try:
        for _ in range(IDLE_CLIENTS):
            clients.append(connected(made, target.port))
            asked(clients[-1])
        time.sleep(SETTLE_SECONDS)
        each, beside = (rss_bytes(target.pids) - before) / IDLE_CLIENTS, throughput()
    finally:
        for client in clients:
            client.close()
    time.sleep(SETTLE_SECONDS)
    alone = throughput()
    return {"kib_each": each / 1024, "alone_per_second": alone, "beside_per_second": beside, "ratio": beside / alone}


def allow_files(count):
    """For this process and for those that it starts; those under test were started before and raise their own."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise DriveError(f"{count} files are needed, {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
