"""Runs the generator against a running target and reads what it measured."""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from statistics import median

from processes import rss_bytes
from quiet import Others, Patience

# Those that are compared with the peer's.
RATIOS = ("ops_per_second", "p50_us", "p99_us", "p99_9_us", "cpu_us_per_op", "busy", "rss_bytes")
METRICS = (*RATIOS, "generator_us_per_op", "generator_busy", "others_share")

# A virtual machine that was paused charges the pause to whoever ran: such a measurement is made again.
ATTEMPTS = 3


class LoadError(Exception):
    """The load did not run, or a reply was wrong."""


@dataclass
class Plan:
    """How long and with what each measurement is made."""

    generator: str
    seconds: float
    warmup: float
    connections: int
    keys: int
    patience: Patience


def measure(plan, side, target, load):
    """One measurement: a dictionary of METRICS."""
    base = [plan.generator, "--addr", f"127.0.0.1:{target.port}", "--keys", str(load.keys or plan.keys),
            "--value-size", str(load.value_size)]
    if load.mix:
        base += ["--mix", load.mix]
    if target.cacert:
        base += ["--tls", "--cacert", target.cacert]
    finish(start(base + ["--preload-only"], side.generators[0]))
    timed = ["--no-preload", "--pipeline", str(load.pipeline), "--seconds", str(plan.seconds),
             "--warmup", str(plan.warmup), "--watch", ",".join(map(str, target.pids)),
             "--connections", str(plan.connections // len(side.generators))]
    for _ in range(ATTEMPTS):
        reports, others = run_quietly(plan.patience, target, base + timed, side.generators)
        if all(report["seconds"] < plan.seconds * 1.25 + 0.25 for report in reports):
            return combine(reports, rss_bytes(target.pids), others)
    raise LoadError(f"took {reports[0]['seconds']:.1f} s instead of {plan.seconds} s: this machine does not keep time")


def run_quietly(patience, target, command, cores_of_each):
    """Reports of the generators, and the share of the machine that others used meanwhile."""
    while True:
        patience.wait()
        since, others = time.monotonic(), Others(target.pids + target.behind)
        reports = run_generators(command, cores_of_each)
        share = others.share()
        if patience.accepts(share, since):
            return reports, share


def run_generators(command, cores_of_each):
    """Runs a generator for each set of cores at the same time."""
    running = [start([*command, "--seed", str(seed)], cores) for seed, cores in enumerate(cores_of_each)]
    return [finish(generator) for generator in running]


def preload(plan, target, keys, value_size, mix=None):
    """Fills a target with keys, nothing more."""
    command = [plan.generator, "--addr", f"127.0.0.1:{target.port}", "--preload-only", "--keys", str(keys),
               "--value-size", str(value_size)]
    if mix:
        command += ["--mix", mix]
    finish(start(command, frozenset(range(os.cpu_count() or 1))))


def start(command, cores):
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            preexec_fn=lambda: os.sched_setaffinity(0, cores))


def finish(generator):
    output, error = generator.communicate()
    report = json.loads(output) if output.startswith("{") else {}
    if generator.returncode != 0:
        raise LoadError("; ".join(report.get("error_texts", [])) or error.strip() or "the generator failed")
    # What takes elements away meets empty keys.
    if report["misses"] and "LPOP" not in " ".join(generator.args):
        raise LoadError(f"{report['misses']} of {report['ops']} replies missed a key that was written before")
    return report


def combine(reports, rss, others):
    """One result of generators that ran at the same time. CPU time per operation is the share of a core that was
    used, over all operations per second: exact for one generator, and right for several whose windows differ a bit."""
    rate = sum(report["ops_per_second"] for report in reports)
    busy = median(sum(process["busy"] for process in report["watched"]) for report in reports)
    latency = {name: max(report["latency_us"][name] for report in reports) for name in ("p50", "p99", "p99_9")}
    own = sum(report["generator"]["busy"] for report in reports)
    values = (rate, latency["p50"], latency["p99"], latency["p99_9"], busy * 1e6 / rate, busy, rss,
              own * 1e6 / rate, own / len(reports), others)
    return dict(zip(METRICS, values))


def medians(rounds):
    return {name: median(result[name] for result in rounds) for name in METRICS}
