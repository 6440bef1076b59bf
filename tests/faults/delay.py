"""Holds each packet of netfilter queue 0 of this network namespace for a random time, so that packets come late and out of order.

    delay.py SEED MILLISECONDS      the longest time; "ready" is printed once the queue is bound

Speaks to the kernel's nfnetlink_queue itself, so that the tests need no package that has to be compiled.
"""

import heapq
import random
import select
import socket
import struct
import sys
import time

NETLINK_NETFILTER = 12
NLM_F_REQUEST = 1
PACKET, VERDICT, CONFIG = (3 << 8 | message for message in (0, 1, 2))
# The attributes of each kind of message.
PACKET_HEADER, VERDICT_HEADER = 1, 2
CONFIG_COMMAND, CONFIG_PARAMETERS, CONFIG_MOST = 1, 2, 3
BIND, COPY_META, ACCEPT = 1, 1, 1
HEADER = struct.Struct("=IHHII")
ATTRIBUTE = struct.Struct("=HH")


def attribute(kind, payload):
    size = ATTRIBUTE.size + len(payload)
    return ATTRIBUTE.pack(size, kind) + payload + bytes(-size % 4)


def message(kind, attributes):
    body = struct.pack(">BBH", socket.AF_UNSPEC, 0, 0) + attributes
    return HEADER.pack(HEADER.size + len(body), kind, NLM_F_REQUEST, 0, 0) + body


def attributes(body):
    while len(body) >= ATTRIBUTE.size:
        size, kind = ATTRIBUTE.unpack_from(body)
        if size < ATTRIBUTE.size:
            return
        yield kind & 0x3FFF, body[ATTRIBUTE.size : size]
        body = body[size + -size % 4 :]


def packets(received):
    """The numbers of the packets in what was received."""
    while len(received) >= HEADER.size:
        size, kind, *_ = HEADER.unpack_from(received)
        if kind == PACKET:
            for name, payload in attributes(received[HEADER.size + 4 : size]):
                if name == PACKET_HEADER:
                    yield struct.unpack_from(">I", payload)[0]
        received = received[size + -size % 4 :]


def bound():
    queue = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    queue.bind((0, 0))
    queue.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    queue.send(message(CONFIG, attribute(CONFIG_COMMAND, struct.pack(">BBH", BIND, 0, 0))))
    queue.send(message(CONFIG, attribute(CONFIG_PARAMETERS, struct.pack(">IB", 0, COPY_META))))
    queue.send(message(CONFIG, attribute(CONFIG_MOST, struct.pack(">I", 10_000))))
    return queue


def main():
    chance, longest = random.Random(int(sys.argv[1])), float(sys.argv[2]) / 1000
    queue, held = bound(), []
    print("ready", flush=True)
    while True:
        now = time.monotonic()
        while held and held[0][0] <= now:
            number = heapq.heappop(held)[1]
            queue.send(message(VERDICT, attribute(VERDICT_HEADER, struct.pack(">II", ACCEPT, number))))
        if select.select([queue], [], [], max(held[0][0] - now, 0) if held else None)[0]:
            try:
                received = queue.recv(1 << 16)
            except OSError:  # More packets than the socket holds: those are lost, as on a bad line.
                continue
            for number in packets(received):
                heapq.heappush(held, (time.monotonic() + chance.uniform(0, longest), number))


main()
