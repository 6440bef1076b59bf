"""What the proxy does over several members: transactions, requests of many keys, one member frozen, and what it adds at half load.

Members are three of Ringtail's servers, since transactions over several need their locks; twemproxy has three redis-servers.
"""

import json
import os
import signal
import socket
import subprocess
import time
from functools import partial
from multiprocessing import Process

from drive import DriveError, Exchange, bulk, call, drive, encoded, on_the_last_core

VALUE = b"v" * 32
# Keys whose owners are looked for.
LOOKED_AT = 600
# Different requests of each kind.
VARIETY = 40
MGET_KEYS = 100
WRITES = 4
# The load while a member is frozen, in requests a second: far from what would fill a core.
STEADY_RATE = 4000
FREEZE_SECONDS = 3.0
SETTLED_SECONDS = 0.1
WINDOWS = 12
WINDOW_SECONDS = 0.5


def keys_by_member(target):
    """Keys that each member has, by asking it."""
    names = [f"across:{number}" for number in range(LOOKED_AT)]
    for name in names:
        call(target.port, "SET", name, VALUE)
    held = [[name for name in names if call(port, "EXISTS", name) == b":1\r\n"] for port in target.behind_ports]
    if min(map(len, held)) < WRITES * 10:
        raise DriveError("a member has hardly any keys")
    return held


def transaction(names):
    request = encoded("MULTI") + b"".join(encoded("SET", name, VALUE) for name in names) + encoded("EXEC")
    return Exchange(request, b"+OK\r\n" + b"+QUEUED\r\n" * len(names) + b"*%d\r\n" % len(names) + b"+OK\r\n" * len(names))


def transactions(target, plan):
    """Rates and p99 of MULTI of 4 writes on one member and over three."""
    held = keys_by_member(target)
    one = [transaction(held[0][start:start + WRITES]) for start in range(VARIETY)]
    across = [transaction([held[part % 3][(start + part) % len(held[part % 3])] for part in range(WRITES)])
              for start in range(0, VARIETY * WRITES, WRITES)]
    result = {}
    # Few connections: transactions that want the same slots wait for each other, which is not what is asked here.
    for name, exchanges in (("one", one), ("across", across)):
        driven = on_the_last_core(drive, target.port, exchanges, plan.seconds, 8)
        result |= {f"{name}_per_second": driven.rate(), f"{name}_p99_us": driven.percentile(0.99)}
    result["rate_ratio"] = result["across_per_second"] / result["one_per_second"]
    result["p99_ratio"] = result["across_p99_us"] / result["one_p99_us"]
    return result


def many_keys(target, plan):
    """Keys a second by MGET of 100 and by single GETs, both at pipeline 1."""
    names = [f"many:{number}" for number in range(1000)]
    for name in names:
        call(target.port, "SET", name, VALUE)
    reply = b"*%d\r\n" % MGET_KEYS + bulk(VALUE) * MGET_KEYS
    mgets = [Exchange(encoded("MGET", *names[start:start + MGET_KEYS]), reply)
             for start in range(0, len(names) - MGET_KEYS, 20)]
    pids = target.pids
    single = loaded(plan, target.port, plan.seconds)["ops_per_second"]
    many = on_the_last_core(drive, target.port, mgets, plan.seconds, plan.connections, None, pids)
    keys = len(many.took) * MGET_KEYS
    return {"get_keys_per_second": single, "mget_keys_per_second": many.rate() * MGET_KEYS,
            "mget_cpu_us_per_key": many.cpu_seconds * 1e6 / keys}


def frozen(target, _plan):
    """p99 of requests to the others before a member is frozen, and from 100 ms after it."""
    held = keys_by_member(target)
    others = [Exchange(encoded("GET", name), bulk(VALUE)) for names in held[1:] for name in names]
    sufferer = Process(target=suffer, args=(target.port, held[0]), daemon=True)
    sufferer.start()
    try:
        return on_the_last_core(around_a_freeze, target, others)
    finally:
        sufferer.terminate()
        sufferer.join()
        os.kill(target.behind[0], signal.SIGCONT)


def around_a_freeze(target, others):
    freezer = Process(target=freeze_after, args=(FREEZE_SECONDS, target.behind[0]), daemon=True)
    begun = time.perf_counter()
    freezer.start()
    driven = drive(target.port, others, 2 * FREEZE_SECONDS, 20, STEADY_RATE)
    freezer.join()
    before = driven.percentile(0.99, begun + 0.5, begun + FREEZE_SECONDS)
    after = driven.percentile(0.99, begun + FREEZE_SECONDS + SETTLED_SECONDS)
    return {"before_p99_us": before, "after_p99_us": after, "ratio": after / before}


def freeze_after(seconds, pid):
    time.sleep(seconds)
    os.kill(pid, signal.SIGSTOP)


def suffer(port, names):
    """A client of the member that is to be frozen, at the same pace however it is answered."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for number in range(10**9):
            connection.sendall(encoded("GET", names[number % len(names)]))
            connection.recv(1 << 16)
            time.sleep(0.002)


def half_load(target, plan):
    """p99.9 through the proxy and directly, at half of the rate that the proxy does in all.

    On a machine with other work it moves by milliseconds from one second to the next, so each side has many short windows, in
    turn, and the one that was disturbed least counts.
    """
    rate = loaded(plan, target.port, plan.seconds)["ops_per_second"] / 2
    least = {"proxy": float("inf"), "direct": float("inf")}
    for _ in range(WINDOWS):
        for side, port in (("proxy", target.port), ("direct", target.behind_ports[0])):
            report = loaded(plan, port, WINDOW_SECONDS, "--rate", str(int(rate)), "--warmup", "0.1")
            least[side] = min(least[side], report["latency_us"]["p99_9"])
    return {"rate": rate, "proxy_p99_9_us": least["proxy"], "direct_p99_9_us": least["direct"],
            "added_us": least["proxy"] - least["direct"]}


def loaded(plan, port, seconds, *options, value_size=len(VALUE)):
    """What the generator reports of GETs, one at a time on each connection."""
    command = [plan.generator, "--addr", f"127.0.0.1:{port}", "--mix", "GET:1", "--keys", "1000", "--value-size",
               str(value_size), "--connections", str(plan.connections), "--seconds", str(seconds), *options]
    done = on_the_last_core(partial(subprocess.run, command, capture_output=True, text=True, check=False))
    if done.returncode != 0:
        raise DriveError(f"{done.stdout}{done.stderr}")
    return json.loads(done.stdout)
