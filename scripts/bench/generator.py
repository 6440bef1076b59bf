"""`ringtail bench` beside redis-benchmark, as generators: the same requests to the same redis-server, one thread each."""

import csv
import json
import os
import socket
import subprocess

from contenders import OTHERS, built, tool
from drive import encoded
from measure import LoadError

PIPELINES = (1, 16)
# Requests for each second that a measurement is to take, about.
PER_SECOND = {1: 60_000, 16: 500_000}
CLIENTS = 50
KEYS = 100_000
VALUE_SIZE = 256
PRELOAD_BATCH = 1_000


def preload(port):
    """Writes the keys of both generators, which have 16 bytes and names of their own."""
    value = b"x" * VALUE_SIZE
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for first in range(0, KEYS, PRELOAD_BATCH):
            numbers = range(first, first + PRELOAD_BATCH)
            connection.sendall(b"".join(encoded("SET", name % number, value) for number in numbers
                                        for name in ("key:%012d", "bench:s%09d")))
            missing = 2 * PRELOAD_BATCH * len(b"+OK\r\n")
            while missing:
                received = connection.recv(missing)
                if not received:
                    raise LoadError("redis-server closed the connection while it took the keys")
                missing -= len(received)


def measure(lab, key, port, pipeline, seconds):
    """One run of a generator: what it reached, and its CPU time for each request."""
    requests = int(seconds * PER_SECOND[pipeline])
    output, used = run(command(lab, key, port, pipeline, requests))
    rate = ours(output) if key == "ours" else theirs(output)
    return {"ops_per_second": rate, "cpu_us_per_op": used * 1e6 / requests, "busy": used * rate / requests,
            "ops_per_core_second": requests / used}


def command(lab, key, port, pipeline, requests):
    common = (pipeline, requests, CLIENTS)
    if key == "ours":
        flags = "--mix get --warmup 0 --json --pipeline {} --requests {} --clients {} --keys {} redis://127.0.0.1:{}"
        return [built(lab, "ringtail"), "bench", *flags.format(*common, KEYS, port).split()]
    flags = "-t get --csv -P {} -n {} -c {} -r {} -d {} -p {}"
    return [tool("redis-benchmark"), *flags.format(*common, KEYS, VALUE_SIZE, port).split()]


def run(words):
    """Its output, and its CPU time in seconds, with what it takes to start and to connect."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, OTHERS)) as process:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise LoadError(f"{words[0]}: {process.stderr.read().strip() or output.strip()}")
    return output, usage.ru_utime + usage.ru_stime


def ours(output):
    total = json.loads(output)["targets"][0]["total"]
    if total["misses"]:
        raise LoadError(f"{total['misses']} of {total['ops']} replies missed a key that was written before")
    return total["ops_per_second"]


def theirs(output):
    rows = list(csv.DictReader(output.splitlines()))
    if not rows or "rps" not in rows[0]:
        raise LoadError(f"redis-benchmark says: {output.strip()}")
    return float(rows[0]["rps"])
