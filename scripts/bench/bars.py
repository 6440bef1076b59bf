"""Whether what was measured reaches what it must."""

import os
from dataclasses import asdict, dataclass
from statistics import median

from scenarios import (
    ACROSS_BARS, DURABLE_BARS, FANOUT_BAR, HTTP_BATCH_BAR, HTTP_GET_BAR, HTTP_SERVICE_BAR, MEMORY_BAR, MGET_BAR, PEER_BAR,
    STALL_BAR_MS, STORE_BARS, THREADS_BAR, THREADS_P99_BAR)


@dataclass(frozen=True)
class Bar:
    what: str
    measured: float
    bar: float
    at_least: bool = False
    unit: str = "×"
    spread: tuple | None = None
    # Why the figure can't be judged on this machine.
    unjudged: str | None = None

    @property
    def reached(self):
        if self.unjudged:
            return None
        return self.measured >= self.bar if self.at_least else self.measured <= self.bar

    def as_dict(self):
        return asdict(self) | {"reached": self.reached}

    def __str__(self):
        sign = "≥" if self.at_least else "≤"
        text = f"{self.what}: {self.measured:.2f} {self.unit} (bar {sign} {self.bar:g} {self.unit}"
        if self.spread:
            text += f"; rounds {self.spread[0]:.2f} to {self.spread[1]:.2f}"
        if self.unjudged:
            return f"  not judged  {text}; {self.unjudged})"
        if self.reached:
            return f"  reached     {text})"
        return f"  MISSED      {text}; by {abs(self.measured - self.bar):.2f} {self.unit})"


def of_load(scenario, load, result):
    """The bars of one load of a scenario whose both sides were measured."""
    where = f"{scenario.name}, {load.label}"
    if scenario.name == "threads":
        return of_threads(where, result)
    if load.bar is None:
        return []
    return [Bar(f"{where}: CPU for each operation", result["ratios"]["cpu_us_per_op"], load.bar,
                spread=spread(result, "cpu_us_per_op"))]


def of_threads(where, result):
    """With fewer than four cores the generator takes what the second worker would have, so only the capacity that
    follows from CPU time can be told."""
    cores = os.cpu_count() or 1
    unjudged = None if cores >= 4 else f"workers and generator compete for {cores} cores"
    by_cpu = 2 / result["ratios"]["cpu_us_per_op"]
    return [
        Bar(f"{where}: ops/s", result["ratios"]["ops_per_second"], THREADS_BAR, at_least=True, unjudged=unjudged,
            spread=spread(result, "ops_per_second")),
        Bar(f"{where}: capacity by CPU time (2 cores / CPU for each operation)", by_cpu, THREADS_BAR, at_least=True),
        Bar(f"{where}: p99", result["ratios"]["p99_us"], THREADS_P99_BAR, unjudged=unjudged,
            spread=spread(result, "p99_us")),
    ]


def spread(result, metric):
    """The lowest and highest ratio of two neighbouring measurements."""
    pairs = zip(result["ours"]["rounds"], result["peer"]["rounds"])
    ratios = [ours[metric] / peer[metric] for ours, peer in pairs if peer[metric]]
    return (min(ratios), max(ratios)) if ratios else None


def of_rounds(rounds):
    """Medians of both sides, as far as they ran, and our ratio to the peer's."""
    sides = {key: {name: median(one[name] for one in results) for name in results[0]}
             for key, results in rounds.items() if results}
    if len(sides) == 2:
        sides["ratios"] = {name: sides["ours"][name] / sides["peer"][name] for name in sides["ours"]
                           if sides["peer"].get(name)}
    return sides


def of_fanout(pipeline, result):
    if "ratios" not in result:
        return []
    return [Bar(f"fanout, pipeline {pipeline}: deliveries/s", result["ratios"]["deliveries_per_second"], FANOUT_BAR,
                at_least=True)]


def of_stall(operation, result):
    if not operation.judged or "ours" not in result:
        return []
    return [Bar(f"stalls, {operation.name}", result["ours"]["longest_ms"], STALL_BAR_MS, unit="ms")]


def of_across(name, result):
    """The bars of what is measured on our side alone, of MGET and of handshakes beside the peer's."""
    ours, ratios = result.get("ours"), result.get("ratios", {})
    if not ours:
        return []
    made = [Bar(f"{name}: {what}", ours[figure], bar, at_least, unit)
            for figure, what, bar, at_least, unit in ACROSS_BARS.get(name, ())]
    if name == "many keys":
        share = ours["mget_keys_per_second"] / ours["get_keys_per_second"]
        made.append(Bar("many keys: keys/s by MGET of 100 to those by single GETs", share, MGET_BAR, at_least=True))
    judged = [figure for figure in ratios if figure == "mget_keys_per_second" or figure.endswith("_per_core_second")]
    made += [Bar(f"{name}: {figure.replace('_', ' ')}, to the peer's", ratios[figure], PEER_BAR, at_least=True)
             for figure in judged]
    return made


def of_durable(name, result):
    """The bars of our figures and of their ratios to the peer's."""
    return [Bar(f"{name}: {what}", result[of][figure], bar, at_least, unit)
            for of, figure, what, bar, at_least, unit in DURABLE_BARS.get(name, ()) if figure in result.get(of, {})]


def of_generator(pipeline, result):
    """What a core generates, which the server that both load may keep them from."""
    if "ratios" not in result:
        return []
    return [Bar(f"generator, pipeline {pipeline}: requests for a second of a core, to redis-benchmark's",
                result["ratios"]["ops_per_core_second"], PEER_BAR, at_least=True)]


def of_http(result):
    """What a second of the proxy's core answers by HTTP, to what it does by RESP, and to what a web service does."""
    ours, ratios = result.get("ours", {}), result.get("ratios", {})
    return [Bar(f"http: {what}, by CPU time", figures[figure], bar, at_least=True)
            for figures, figure, what, bar in (
                (ours, "get_share", "GETs to those by RESP, pipeline 1", HTTP_GET_BAR),
                (ours, "batch_share", "GETs by 100 in a POST to those by RESP, pipeline 100", HTTP_BATCH_BAR),
                (ratios, "get_per_core_second", "GETs to those of FastAPI on redis-py", HTTP_SERVICE_BAR))
            if figure in figures]


def of_memory(result):
    return [Bar(f"memory, {result['title']}: RSS", result["ratio"], MEMORY_BAR)]


def of_store(nanoseconds):
    return [Bar(f"store, {name}", nanoseconds[name], bar, unit="ns")
            for name, bar in STORE_BARS.items() if name in nanoseconds]
