#!/usr/bin/env python3
"""Measures Ringtail beside its peers: `make bench`, or `scripts/bench/bench.py --help`.

Each measurement starts Ringtail and its peer in turn, several times, and loads them with the same generator
(`ringtail-load`): the processes under test on core 0, everything else on core 1. CPU time is read from /proc over
exactly the measured window.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import across
import bars
import contenders
import door
import durable
import generator
import handshakes
import machine
import report
from contenders import Lab, Missing
from drive import DriveError
from fanout import FanoutError, deliver
from measure import RATIOS, LoadError, Plan, measure, medians, preload
from processes import StartError, rss_bytes
from quiet import Patience
from scenarios import (
    FANOUT_MESSAGES, FANOUT_PIPELINES, FANOUT_SUBSCRIBERS, MEMORIES, MEMORY_KEYS, MEMORY_VALUE, Load, Side, all_scenarios,
    stall_sides)
from stalls import StallError, longest, operations

ROOT = Path(__file__).resolve().parents[2]
BINARIES = ("ringtail", "ringtail-load", "ringtail-server", "ringtail-proxy", "ringtail-certs")
NAMES = ("server", "commands", "proxy", "tls", "threads", "across", "handshakes", "fanout", "stalls", "memory", "durable",
         "generator", "http", "store")


def main():
    options = parse()
    if not options.no_build:
        build()
    with tempfile.TemporaryDirectory(prefix="ringtail-bench-") as directory:
        bench = Bench(options, Path(directory))
        bench.run()
    return bench.finish()


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: two rounds of a second, no store")
    parser.add_argument("--rounds", type=int, help="rounds of each measurement (default 7)")
    parser.add_argument("--seconds", type=float, help="length of each measurement (default 2)")
    parser.add_argument("--keys", type=int, default=100_000, help="different keys (default 100000)")
    parser.add_argument("--connections", type=int, default=50, help="client connections (default 50)")
    parser.add_argument("--patience", type=float, default=0, metavar="SECONDS",
                        help="on a machine with others: how long, in all, to wait for quiet and repeat (default 0)")
    parser.add_argument("--only", action="append", choices=NAMES, metavar="SCENARIO",
                        help=f"measure this alone, may be repeated: {', '.join(NAMES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to save (default bench-results/DATE.json)")
    parser.add_argument("--no-build", action="store_true", help="use target/release as it is")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a bar is missed")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 7)
    options.seconds = options.seconds or (1 if options.quick else 2)
    options.only = options.only or [name for name in NAMES if name != "store" or not options.quick]
    return options


def target_directory():
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def build():
    command = ["cargo", "build", "--release"] + [word for name in BINARIES for word in ("--bin", name)]
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        sys.exit("bench: the build failed")


class Bench:
    """A run of the bench: what was measured, skipped and failed so far."""

    def __init__(self, options, directory):
        binaries = target_directory() / "release"
        self.options = options
        self.lab = Lab(directory, binaries)
        self.plan = Plan(str(binaries / "ringtail-load"), options.seconds, 0.2 if options.quick else 0.5,
                         options.connections, options.keys, Patience(options.patience))
        self.results = {"machine": machine.describe(ROOT, binaries), "settings": settings(options), "scenarios": {}}
        self.bars, self.skipped, self.failed = [], [], []

    def run(self):
        report.print_machine(self.results["machine"])
        for scenario in all_scenarios():
            if scenario.name in self.options.only:
                self.scenario(scenario)
        if any(name in self.options.only for name in ("server", "commands", "proxy", "tls", "threads")):
            report.print_notes()
        if "across" in self.options.only:
            self.beside("transactions", across.transactions, contenders.ringtail_pool)
            self.beside("many keys", across.many_keys, contenders.ringtail_pool, contenders.nutcracker)
            self.beside("frozen", across.frozen, contenders.ringtail_pool_on_one_core)
            self.beside("half load", across.half_load, contenders.ringtail_pool_on_one_core)
        if "handshakes" in self.options.only:
            self.beside("handshakes", handshakes.rates, tls_proxy, contenders.haproxy)
            self.beside("idle", self.idle, tls_proxy)
        if "fanout" in self.options.only:
            self.fanout()
        if "stalls" in self.options.only:
            self.stalls()
        if "memory" in self.options.only:
            self.memory()
        if "durable" in self.options.only:
            for name, most, measurement in durable.parts(durable.QUICK if self.options.quick else durable.Sizes()):
                self.beside(name, measurement, durable.ringtail, durable.redis, most)
        if "generator" in self.options.only:
            self.generator()
        if "http" in self.options.only:
            self.http()
        if "store" in self.options.only:
            self.store()

    def scenario(self, scenario):
        rounds = {(side, load): [] for side in scenario.sides for load in scenario.loads}
        able = list(scenario.sides)
        for number in range(self.options.rounds):
            for load in scenario.loads:
                progress(f"{scenario.name}: round {number + 1} of {self.options.rounds}, {load.label}")
                self.pair(scenario, able, load, rounds, number % 2 == 1)
        progress("")
        self.conclude(scenario, {load.label: summarize(scenario, load, rounds) for load in scenario.loads})

    def pair(self, scenario, able, load, rounds, swapped):
        """Both sides one right after the other, every second time in the other order: whatever else the machine
        does hits both alike. A side that has never worked is not tried again."""
        for side in sorted(able, key=scenario.sides.index, reverse=swapped):
            what = f"{scenario.name}, {side.name}, {load.label}"
            if not self.attempt(what, self.one, side, load, rounds[side, load]) and not rounds[side, load]:
                able.remove(side)

    def one(self, side, load, results):
        with side.start(self.lab) as target:
            results.append(measure(self.plan, side, target, load))

    def conclude(self, scenario, loads):
        self.results["scenarios"][scenario.name] = loads
        report.print_scenario(f"{scenario.name}: {scenario.title}", loads)
        for load in scenario.loads:
            if "ratios" in loads[load.label]:
                self.bars += bars.of_load(scenario, load, loads[load.label])

    def attempt(self, what, do, *arguments):
        """Whether `do` worked; what is missing is skipped, what breaks is a failure, and the bench goes on."""
        try:
            do(*arguments)
            return True
        except Missing as reason:
            self.skipped.append(f"{what}: {reason}")
        except (StartError, LoadError, FanoutError, StallError, DriveError, OSError, subprocess.CalledProcessError) as reason:
            self.failed.append(f"{what}: {reason}")
        return False

    def beside(self, name, measurement, ours, peer=None, most=None):
        """What `measurement` says of our side, and of the peer if there is one, in each round; of `most` at most."""
        rounds, count = {"ours": [], "peer": []}, min(self.options.rounds, most or self.options.rounds)
        for number in range(count):
            for key, start in (("ours", ours), ("peer", peer)):
                if start:
                    progress(f"{name}: round {number + 1} of {count}, {key}")
                    self.attempt(f"{name}, {key}", self.measure_beside, start, measurement, rounds[key])
        progress("")
        result = bars.of_rounds(rounds)
        self.results.setdefault("across", {})[name] = result | {"rounds": rounds}
        report.print_across(name, result)
        self.bars += bars.of_across(name, result) + bars.of_durable(name, result)

    def measure_beside(self, start, measurement, results):
        with start(self.lab) as target:
            results.append(measurement(target, self.plan))

    def idle(self, target, plan):
        """1,000 active clients of the generator, alone and beside many that say nothing."""
        many, side = replace(plan, connections=1000), Side("ringtail-proxy", None)

        def throughput():
            # The best of three: whatever else the machine does only takes away from it.
            return max(measure(many, side, target, Load(1))["ops_per_second"] for _ in range(3))
        return handshakes.idle(target, throughput)

    def fanout(self):
        """One message to many subscribers, of the server scenario's two sides."""
        self.results["fanout"] = {}
        server = all_scenarios()[0]
        for pipeline in FANOUT_PIPELINES:
            rounds = {"ours": [], "peer": []}
            for number in range(self.options.rounds):
                for key, side in (("ours", server.ours), ("peer", server.peer)):
                    progress(f"fanout: round {number + 1} of {self.options.rounds}, pipeline {pipeline}, {side.name}")
                    self.attempt(f"fanout, {side.name}", self.deliver, side, pipeline, rounds[key])
            progress("")
            result = bars.of_rounds(rounds)
            self.results["fanout"][pipeline] = result
            report.print_fanout(pipeline, result)
            self.bars += bars.of_fanout(pipeline, result)

    def deliver(self, side, pipeline, results):
        with side.start(self.lab) as target:
            results.append(deliver(target, FANOUT_SUBSCRIBERS, FANOUT_MESSAGES, pipeline))

    def stalls(self):
        """How long others wait while something large is dropped, each time by servers of their own."""
        self.results["stalls"] = {}
        report.print_stalls_head()
        for operation in operations():
            rounds = {"ours": [], "peer": []}
            for number in range(self.options.rounds):
                for key, side in stall_sides():
                    progress(f"stalls: round {number + 1} of {self.options.rounds}, {operation.name}, {side.name}")
                    self.attempt(f"stalls, {operation.name}, {side.name}", self.stall, side, operation, rounds[key])
            progress("")
            result = bars.of_rounds(rounds)
            self.results["stalls"][operation.name] = result | {"rounds": rounds}
            report.print_stall(operation.name, result)
            self.bars += bars.of_stall(operation, result)

    def stall(self, side, operation, results):
        with side.start(self.lab) as target:
            if not operation.is_known(target):
                raise Missing("a command that it does not have")
            results.append(longest(target, operation))

    def memory(self):
        """RSS of many small entries and of a large one, of the server scenario's two sides."""
        self.results["memory"] = {}
        for title, mix in MEMORIES:
            self.memory_of(title, mix)

    def memory_of(self, title, mix):
        result = {"title": title, "keys": MEMORY_KEYS, "value_size": MEMORY_VALUE}
        server = all_scenarios()[0]
        for key, side in (("ours", server.ours), ("peer", server.peer)):
            progress(f"memory, {title}: {side.name}")
            self.attempt(f"memory, {title}, {side.name}", self.fill, side, mix, key, result)
        progress("")
        if "ours" in result and "peer" in result:
            result["ratio"] = result["ours"]["rss_bytes"] / result["peer"]["rss_bytes"]
            self.bars += bars.of_memory(result)
        self.results["memory"][title] = result
        report.print_memory(result)

    def fill(self, side, mix, key, result):
        with side.start(self.lab) as target:
            empty = rss_bytes(target.pids)
            preload(self.plan, target, MEMORY_KEYS, MEMORY_VALUE, mix)
            full = rss_bytes(target.pids)
        result[key] = {"name": side.name, "empty_bytes": empty, "rss_bytes": full,
                       "bytes_per_key": (full - empty) / MEMORY_KEYS}

    def generator(self):
        """`ringtail bench` and redis-benchmark in turn, each time against the same redis-server."""
        self.results["generator"] = {}
        for pipeline in generator.PIPELINES:
            rounds = {"ours": [], "peer": []}
            for number in range(self.options.rounds):
                progress(f"generator: round {number + 1} of {self.options.rounds}, pipeline {pipeline}")
                order = ("ours", "peer") if number % 2 == 0 else ("peer", "ours")
                self.attempt(f"generator, pipeline {pipeline}", self.generate, order, pipeline, rounds)
            progress("")
            result = bars.of_rounds(rounds)
            self.results["generator"][pipeline] = result | {"rounds": rounds}
            report.print_across(f"generator, pipeline {pipeline}: ringtail bench (ours) and redis-benchmark (peer)", result)
            self.bars += bars.of_generator(pipeline, result)

    def generate(self, order, pipeline, rounds):
        with contenders.redis_server(self.lab) as target:
            generator.preload(target.port)
            for key in order:
                rounds[key].append(generator.measure(self.lab, key, target.port, pipeline, self.options.seconds))

    def http(self):
        """The proxy's HTTP door and a small web service, in turn."""
        rounds = {"ours": [], "peer": []}
        for number in range(self.options.rounds):
            for key, start, measurement in (("ours", door.proxy, door.of_proxy), ("peer", door.service, door.of_service)):
                progress(f"http: round {number + 1} of {self.options.rounds}, {key}")
                self.attempt(f"http, {key}", self.measure_beside, start, measurement, rounds[key])
        progress("")
        result = bars.of_rounds(rounds)
        self.results["http"] = result | {"rounds": rounds}
        report.print_across("http: the proxy's door (ours) and FastAPI before redis-server (peer)", result)
        self.bars += bars.of_http(result)

    def store(self):
        progress("store: cargo bench")
        nanoseconds = {}
        self.attempt("store", bench_store, nanoseconds)
        progress("")
        self.results["store"] = nanoseconds
        report.print_store(nanoseconds)
        self.bars += bars.of_store(nanoseconds)

    def finish(self):
        """Prints the verdicts, saves everything, and gives the exit code."""
        report.print_bars(self.bars)
        for what in self.skipped:
            print(f"skipped: {what}")
        for what in self.failed:
            print(f"FAILED: {what}")
        self.results |= {"bars": [bar.as_dict() for bar in self.bars], "skipped": self.skipped, "failed": self.failed}
        stamp = datetime.now().strftime("%Y-%m-%d-%H%M%S")
        report.save(self.options.json or ROOT / "bench-results" / f"{stamp}.json", self.results)
        missed = self.options.check and any(bar.reached is False for bar in self.bars)
        skipped_in_ci = self.skipped and os.environ.get("CI") == "true"
        return 1 if self.failed or missed or skipped_in_ci else 0


def tls_proxy(lab):
    return contenders.ringtail_proxy(lab, tls=True)


def settings(options):
    names = ("rounds", "seconds", "keys", "connections")
    return {name: getattr(options, name) for name in names} | {"ratio": "10:1", "key_size": 12}


def summarize(scenario, load, rounds):
    """Medians of both sides, as far as they ran, and the ratios of the medians."""
    result = {}
    for key, side in (("ours", scenario.ours), ("peer", scenario.peer)):
        if rounds[side, load]:
            result[key] = {"name": side.name, "median": medians(rounds[side, load]), "rounds": rounds[side, load]}
    if len(result) == 2:
        ours, peer = result["ours"]["median"], result["peer"]["median"]
        result["ratios"] = {name: ours[name] / peer[name] for name in RATIOS if peer[name]}
    return result


def bench_store(nanoseconds):
    """Runs the store's own bench and reads criterion's medians; a bench is named by the last part of its id."""
    if not (ROOT / "dataserver" / "benches").is_dir():
        raise Missing("dataserver/benches is not there")
    subprocess.run(["cargo", "bench", "-p", "ringtail-dataserver"], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for estimates in sorted((target_directory() / "criterion").glob("**/new/estimates.json")):
        name = estimates.parents[1].name.upper()
        nanoseconds[name] = json.loads(estimates.read_text())["median"]["point_estimate"]


def progress(text):
    """One line on a terminal, replaced by the next."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
