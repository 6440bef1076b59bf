"""Tables for people, and the same as JSON."""

import json

# Below this share of a core the process under test waited for others.
SATURATED = 0.9

COLUMNS = (
    ("ops/s", "ops_per_second", "{:,.0f}", 1),
    ("p50 µs", "p50_us", "{:,.0f}", 1),
    ("p99 µs", "p99_us", "{:,.0f}", 1),
    ("p99.9 µs", "p99_9_us", "{:,.0f}", 1),
    ("CPU µs/op", "cpu_us_per_op", "{:.3f}", 1),
    ("busy", "busy", "{:.2f}", 1),
    ("RSS MB", "rss_bytes", "{:.1f}", 1e-6),
    ("gen. µs/op", "generator_us_per_op", "{:.3f}", 1),
    ("others", "others_share", "{:.0%}", 1),
)
NAME_WIDTH = 19
WIDTH = 10


def print_machine(machine):
    print(f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, {machine['date']}")
    print(f"commit {machine['commit'][:12]}{' with uncommitted changes' if machine['uncommitted_changes'] else ''}")
    for name, version in machine["versions"].items():
        print(f"  {name}: {version or 'not there'}")
    if machine["load_average"] > 0.7:
        print(f"The machine is busy (load average {machine['load_average']:.1f}): expect noise.")


def print_scenario(title, loads):
    print(f"\n{title}")
    print(row("", "", [name for name, *_ in COLUMNS]))
    for label, result in loads.items():
        print_load(label, result)


def print_load(label, result):
    for side in ("ours", "peer"):
        if side in result:
            median = result[side]["median"]
            print(row(label, result[side]["name"] + mark(median), cells(median)))
            label = ""
    if "ratios" in result:
        print(row("", "ratio", [ratio(result["ratios"].get(key)) for _, key, *_ in COLUMNS]))


def mark(median):
    return "" if median["busy"] >= SATURATED else " *"


def cells(median):
    return [pattern.format(median[key] * factor) for _, key, pattern, factor in COLUMNS]


def ratio(value):
    return "" if value is None else f"{value:.2f} ×"


def row(label, name, columns):
    return f"  {label:<20} {name:<{NAME_WIDTH + 2}}" + "".join(f"{cell:>{WIDTH + 1}}" for cell in columns)


def print_notes():
    print("\nMedians of the rounds. CPU µs/op: user and system time of all processes under test together.")
    print(f"* used less than {SATURATED:.0%} of its core: the generator, or the servers behind, were the limit;")
    print("  then compare CPU µs/op rather than ops/s and latencies.")
    print("others: the share of the machine that other processes used meanwhile; theirs is the noise in all columns.")


def print_across(name, result):
    print(f"\n{name}")
    for side in ("ours", "peer"):
        for figure, value in result.get(side, {}).items():
            print(f"  {side:<6} {figure.replace('_', ' '):<28} {value:>16,.2f}")


def print_fanout(pipeline, result):
    print(f"\nfanout: PUBLISH of 32 B to 1,000 subscribers, pipeline {pipeline}")
    for name in ("ours", "peer"):
        if name in result:
            side = result[name]
            print(f"  {name:<{NAME_WIDTH}} {side['deliveries_per_second']:12,.0f} deliveries/s,"
                  f" {side['cpu_us_per_delivery']:6.2f} µs of CPU each")


def print_stalls_head():
    print("\nstalls: the longest wait of other clients, in ms; and on the connection that was least disturbed")
    print(f"  {'1 M elements or keys':<{NAME_WIDTH + 12}} {'ringtail-server':>20} {'redis-server':>20}")


def print_stall(name, result):
    sides = [f"{side['longest_ms']:9.2f} ({side['least_ms']:8.2f})" if side else ""
             for side in (result.get("ours"), result.get("peer"))]
    print(f"  {name:<{NAME_WIDTH + 12}} {sides[0]:>20} {sides[1]:>20}")


def print_memory(result):
    print(f"\nmemory: {result['title']}")
    for name in ("ours", "peer"):
        if name in result:
            side = result[name]
            print(f"  {side['name']:<{NAME_WIDTH}} RSS {side['rss_bytes'] / 1e6:8.1f} MB, empty"
                  f" {side['empty_bytes'] / 1e6:5.1f} MB, {side['bytes_per_key']:6.1f} B a key")
    if "ratio" in result:
        print(f"  {'ratio':<{NAME_WIDTH}} {result['ratio']:.2f} ×")


def print_store(nanoseconds):
    print("\nstore alone, in process (criterion)")
    for name, value in nanoseconds.items():
        print(f"  {name:<24} {value:8.1f} ns")


def print_bars(bars):
    if bars:
        print("\nWhat it must reach")
        for bar in bars:
            print(bar)


def save(path, results):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\nsaved as {path}")
