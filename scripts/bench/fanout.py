"""PUBLISH to many subscribers: deliveries a second, and the server's CPU time for each."""

import os
import selectors
import socket
import time

MESSAGE = b"x" * 32
PUBLISH = b"*3\r\n$7\r\nPUBLISH\r\n$7\r\nchannel\r\n$32\r\n" + MESSAGE + b"\r\n"
DELIVERED = len(b"*3\r\n$7\r\nmessage\r\n$7\r\nchannel\r\n$32\r\n") + len(MESSAGE) + 2
TICKS = os.sysconf("SC_CLK_TCK")


class FanoutError(Exception):
    """A message did not come."""


def deliver(target, subscribers, messages, pipeline):
    """One measurement: each batch of messages is read by all subscribers before the next is sent."""
    own = os.sched_getaffinity(0)
    # The server has the first core for itself.
    os.sched_setaffinity(0, {max(own)})
    try:
        return deliver_here(target, subscribers, messages, pipeline)
    finally:
        os.sched_setaffinity(0, own)


def deliver_here(target, subscribers, messages, pipeline):
    with selectors.EpollSelector() as selector:
        listeners = [subscribed(target.port) for _ in range(subscribers)]
        for listener in listeners:
            selector.register(listener, selectors.EVENT_READ)
        with socket.create_connection(("127.0.0.1", target.port)) as publisher:
            since, used = time.monotonic(), cpu_seconds(target.pids)
            publish(publisher, selector, subscribers, messages, pipeline)
            seconds, used = time.monotonic() - since, cpu_seconds(target.pids) - used
        for listener in listeners:
            listener.close()
    count = subscribers * messages
    return {"deliveries_per_second": count / seconds, "cpu_us_per_delivery": used * 1e6 / count}


def subscribed(port):
    listener = socket.create_connection(("127.0.0.1", port))
    listener.sendall(b"SUBSCRIBE channel\r\n")
    listener.recv(200)
    listener.setblocking(False)
    return listener


def publish(publisher, selector, subscribers, messages, pipeline):
    buffer, received, sent = bytearray(1 << 20), 0, 0
    while sent < messages:
        batch = min(pipeline, messages - sent)
        publisher.sendall(PUBLISH * batch)
        sent += batch
        while received < sent * subscribers * DELIVERED:
            ready = selector.select(5)
            if not ready:
                raise FanoutError(f"{received} of {sent * subscribers * DELIVERED} bytes came")
            for key, _ in ready:
                received += key.fileobj.recv_into(buffer)
        replies = b""
        while replies.count(b"\n") < batch:
            replies += publisher.recv(65536)


def cpu_seconds(pids):
    return sum(sum(map(int, stat(pid)[11:13])) for pid in pids) / TICKS


def stat(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rsplit(")", 1)[1].split()
