"""What durability costs and how fast it is: the log, backups, restarts and replicas, each beside redis-server's.

Files are in the bench's temporary directory (TMPDIR), so it is that disk that is synced.
"""

import gc
import os
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import contenders
from drive import DriveError, call, encoded
from measure import finish, preload, start
from processes import rss_of
from quiet import watching
from stalls import prefer, probing

EVERY_CORE = frozenset(range(os.cpu_count() or 1))
LAST_CORE = frozenset({max(EVERY_CORE)})
# Pipelines and value sizes whose throughput with a log is compared with that without.
LOGGED = ((64, 32), (16, 256), (1, 256))
VALUE = 64
# SETs a second while a backup is written or a replica has its first sync: far from what would fill a core.
STEADY_RATE = 10_000
# SETs a second, in batches of 64, that a replica follows on the core that it shares with the generator.
FOLLOWED_RATE = 150_000
# From one probe to the next, and how long they go on before and after a backup.
PROBE_SECONDS = 0.0002
AROUND_SECONDS = 2.0
POLL_SECONDS = 0.01
PATIENCE_SECONDS = 300
MEBI = 1 << 20


@dataclass(frozen=True)
class Sizes:
    """How much there is to be written and loaded."""

    keys: int = 5_000_000
    synced_keys: int = 1_000_000
    synced_value: int = 1000
    # First syncs, and as many windows without one.
    syncs: int = 3


QUICK = Sizes(keys=100_000, synced_keys=20_000, syncs=1)


@dataclass(frozen=True)
class Maker:
    """Starts one kind of server, with a directory of its own for what it keeps."""

    lab: contenders.Lab
    directory: Path

    @contextmanager
    def start(self, options=(), cores=contenders.TESTED):
        with self.program(self.lab, cores, [str(option) for option in options]) as target:
            until(target.port, b"\nloading:0", "INFO", "persistence")
            yield target

    def loaded(self, options, cores, keys):
        """Seconds until a server that is started with these options has all keys."""
        begun = time.perf_counter()
        with self.start(options, cores) as target:
            took = time.perf_counter() - begun
            if call(target.port, "DBSIZE") != keys:
                raise DriveError(f"not all keys are there again: {call(target.port, 'DBSIZE')} of {keys}")
        return took


class Ringtail(Maker):
    def program(self, lab, cores, options):
        return contenders.ringtail_server(lab, len(cores), cores, options)

    def logs(self, when):
        return () if when == "off" else ("--dir", self.directory, "--log", when, "--log-growth", "0")

    def backups(self):
        return ("--dir", self.directory, "--log", "off")

    def from_backup(self):
        return ("--backup", self.directory / "backup.rtb")


class Redis(Maker):
    def program(self, lab, cores, options):
        return contenders.redis_server(lab, cores, ["--repl-diskless-sync-delay", "0", *options])

    def logs(self, when):
        return () if when == "off" else ("--dir", self.directory, "--appendonly", "yes", "--appendfsync", when,
                                         "--auto-aof-rewrite-percentage", "0")

    def backups(self):
        return ("--dir", self.directory)

    from_backup = backups


@contextmanager
def made(kind, lab):
    directory = lab.directory / f"{kind.__name__.lower()}-{time.monotonic_ns()}"
    directory.mkdir()
    try:
        yield kind(lab, directory)
    finally:
        for path in sorted(directory.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()


ringtail, redis = partial(made, Ringtail), partial(made, Redis)


def parts(sizes):
    """Names of what is measured, with the most rounds that make sense, and how."""
    return (("log", 5, logged), ("log always", 5, always), ("backup", 1, partial(backup, sizes)),
            ("restart from log", 1, partial(restart_from_log, sizes)),
            ("first sync", 1, partial(first_sync, sizes)), ("replica", 5, replica))


def logged(maker, plan):
    """Throughput of SETs with `everysec`, and its share of that without a log."""
    result = {}
    for pipeline, value in LOGGED:
        rates = []
        for when in ("off", "everysec"):
            with fresh(maker, when) as target:
                report = loaded(plan, target, value, pipeline, 1.5 * plan.seconds)
                rates.append(report["ops_per_second"])
                result[f"p{pipeline}_{when}_cpu_us"] = report["watched"][0]["cpu_us_per_op"]
        off, everysec = rates
        result |= {f"p{pipeline}_off_per_second": off, f"p{pipeline}_share": everysec / off}
    return result


def always(maker, plan):
    with fresh(maker, "always") as target:
        report = loaded(plan, target, 256, 1, plan.seconds)
    return {"sets_per_second": report["ops_per_second"], "p99_us": report["latency_us"]["p99"]}


def backup(sizes, maker, plan):
    """A backup while others write: the longest wait of any, the memory that it takes, its time; and restarts that load it."""
    with maker.start(maker.backups(), EVERY_CORE) as target:
        preload(plan, target, sizes.keys, VALUE)
        with loading(plan, target, sizes.keys, VALUE):
            with probing(target.port, pinged) as before:
                time.sleep(AROUND_SECONDS)
            result = {"before_ms": max(before) * 1e3} | backed_up(target)
        keys = call(target.port, "DBSIZE")
    for name, cores in (("restart", EVERY_CORE), ("restart_on_one_core", contenders.TESTED)):
        result[f"{name}_seconds"] = maker.loaded(maker.from_backup(), cores, keys)
    return result


def backed_up(target):
    pid, = target.pids
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    resident = rss_of(pid)
    with watching() as late, probing(target.port, pinged) as waits:
        begun = time.perf_counter()
        call(target.port, "BGSAVE")
        until(target.port, b"rdb_bgsave_in_progress:0", "INFO", "persistence")
        took = time.perf_counter() - begun
    if figure(target.port, "persistence", "rdb_last_bgsave_status") != "ok":
        raise DriveError("the backup failed")
    # What a child and its parent have no longer in common; nothing where none is forked.
    copied = int(figure(target.port, "persistence", "rdb_last_cow_size"))
    extra = copied + rss_of(pid, "VmHWM:") - resident
    # What the machine itself was away for is in the longest wait, too.
    machine = {"machine_late_ms": max(late) * 1e3} if late else {}
    return {"longest_ms": max(waits) * 1e3, "extra_mib": extra / MEBI, "seconds": took} | machine


def restart_from_log(sizes, maker, plan):
    with maker.start(maker.logs("everysec"), EVERY_CORE) as target:
        preload(plan, target, sizes.keys, VALUE)
        keys = call(target.port, "DBSIZE")
    return {f"{name}_seconds": maker.loaded(maker.logs("everysec"), cores, keys)
            for name, cores in (("restart", EVERY_CORE), ("restart_on_one_core", contenders.TESTED))}


def first_sync(sizes, maker, plan):
    """First syncs of a large primary while it is written to, and what writers feel of them."""
    alone, beside, took = [], [], []
    with maker.start((), EVERY_CORE) as primary:
        preload(plan, primary, sizes.synced_keys, sizes.synced_value)
        steady = partial(load, plan, primary, sizes.synced_keys, sizes.synced_value)
        seconds = plan.seconds
        for _ in range(sizes.syncs):
            alone.append(finish(steady(seconds))["latency_us"]["p99"])
            with loading(plan, primary, sizes.synced_keys, sizes.synced_value):
                seconds = synced(maker, primary)
            generator = steady(seconds)
            took.append(synced(maker, primary))
            beside.append(finish(generator)["latency_us"]["p99"])
    megabytes = sizes.synced_keys * sizes.synced_value / 1e6
    return {"seconds": median(took), "mb_per_second": megabytes / median(took), "p99_alone_us": median(alone),
            "p99_beside_us": median(beside), "p99_moved": median(beside) / median(alone)}


def synced(maker, primary):
    """Seconds until a new replica has all."""
    with maker.start((), EVERY_CORE) as following:
        begun = time.perf_counter()
        follow(following, primary)
        return time.perf_counter() - begun


def follow(following, primary):
    call(following.port, "REPLICAOF", "127.0.0.1", primary.port)
    until(following.port, b"master_link_status:up", "INFO", "replication")


def replica(maker, plan):
    """CPU time of a primary for each SET, alone and with a replica that keeps up."""
    result = {}
    with fresh(maker) as primary:
        result["alone_cpu_us"] = followed(plan, primary)
    with fresh(maker) as primary, maker.start((), LAST_CORE) as following:
        follow(following, primary)
        result["cpu_us"] = followed(plan, primary)
        end = int(figure(primary.port, "replication", "master_repl_offset"))
        while int(figure(following.port, "replication", "slave_repl_offset")) < end:
            time.sleep(POLL_SECONDS)
        if figure(primary.port, "stats", "sync_full") != "1":
            raise DriveError("the replica did not keep up")
    return result


def followed(plan, primary):
    report = loaded(plan, primary, 32, 64, plan.seconds, "--rate", str(FOLLOWED_RATE))
    return report["watched"][0]["cpu_us_per_op"]


@contextmanager
def fresh(maker, when="off"):
    """A server whose directory is empty, with a log that is synced so often."""
    with made(type(maker), maker.lab) as own, own.start(own.logs(when)) as target:
        yield target


def loaded(plan, target, value, pipeline, seconds, *options):
    """What the generator reports of SETs from the last core."""
    plan.patience.wait()
    return finish(generator(plan, target, plan.keys, value, seconds, "--pipeline", str(pipeline), *options))


def load(plan, target, keys, value, seconds):
    """Begins SETs at a steady pace, one at a time on each connection."""
    return generator(plan, target, keys, value, seconds, "--no-preload", "--rate", str(STEADY_RATE))


def generator(plan, target, keys, value, seconds, *options):
    command = [plan.generator, "--addr", f"127.0.0.1:{target.port}", "--mix", "SET:1", "--keys", str(keys), "--value-size",
               str(value), "--connections", str(plan.connections), "--seconds", str(seconds), "--warmup",
               str(plan.warmup), "--watch", ",".join(map(str, target.pids)), *options]
    running = start(command, LAST_CORE)
    prefer(running.pid)
    return running


@contextmanager
def loading(plan, target, keys, value):
    """Steady SETs while the block runs."""
    running = load(plan, target, keys, value, PATIENCE_SECONDS)
    try:
        time.sleep(plan.warmup)
        yield
        if running.poll() is not None:
            finish(running)
            raise DriveError("the load has ended before its time")
    finally:
        running.kill()
        running.communicate()


def pinged(port, pipe):
    """Writes a small key again and again; the longest wait of each connection."""
    prefer(os.getpid())
    gc.disable()
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
    longest = [0.0] * len(connections)
    request = encoded("SET", "probe", "small")
    pipe.send("ready")
    while not pipe.poll():
        for at, connection in enumerate(connections):
            since = time.perf_counter()
            connection.sendall(request)
            connection.recv(64)
            longest[at] = max(longest[at], time.perf_counter() - since)
            time.sleep(PROBE_SECONDS)
    pipe.send(longest)


def until(port, wanted, *words):
    """Asks until the answer has what is wanted."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while wanted not in call(port, *words):
        if time.monotonic() > deadline:
            raise DriveError(f"{words} never said {wanted.decode()}")
        time.sleep(POLL_SECONDS)


def figure(port, section, name):
    """A field of INFO."""
    for line in call(port, "INFO", section).decode().splitlines():
        if line.startswith(f"{name}:"):
            return line.split(":", 1)[1]
    raise DriveError(f"INFO {section} has no {name}")
