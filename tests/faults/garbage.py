"""A member that has gone mad: lets a connection be opened, and then answers each request with what is no reply.

    garbage.py SEED HOST PORT       "ready" is printed once it listens
"""

import random
import socket
import sys
import threading

ANSWERS = [
    lambda chance: b"\x00" + chance.randbytes(chance.randrange(1, 200)),
    lambda chance: b"?" + chance.randbytes(20) + b"\r\n",
    lambda chance: b"$-7\r\n",
    lambda chance: b"$99999999999999999999\r\n",
    lambda chance: b"*3\r\n:1\r\n%garbage\r\n",
    lambda chance: b"$3\r\nabcdef\r\n",
    # The beginning of a reply, and then nothing more.
    lambda chance: b"$100\r\nabc",
]


def serve(connection, chance):
    with connection:
        while request := connection.recv(1 << 16):
            greeting = b"SELECT" in request or b"PING" in request or b"HELLO" in request
            if greeting and request.count(b"*") == 1:
                connection.sendall(b"+OK\r\n")
                continue
            connection.sendall(chance.choice(ANSWERS)(chance))
            if chance.random() < 0.3:
                return


def tried(*args):
    try:
        serve(*args)
    except OSError:
        pass


def main():
    seed, host, port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    listener = socket.create_server((host, port), backlog=128)
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        seed += 1
        threading.Thread(target=tried, args=(connection, random.Random(seed)), daemon=True).start()


main()
