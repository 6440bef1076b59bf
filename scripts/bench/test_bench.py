"""Tests of what the bench computes: `python3 -m unittest discover scripts/bench`."""

import time
import unittest
from unittest.mock import patch

import bars
import generator
from bench import summarize
from measure import LoadError, combine, finish, start
from quiet import Others, Patience
from scenarios import Load, Scenario, Side


def report(rate, busy, p99=100.0):
    return {"ops_per_second": rate, "latency_us": {"p50": 10.0, "p99": p99, "p99_9": 200.0},
            "watched": [{"busy": busy / 2}, {"busy": busy / 2}], "generator": {"busy": 0.5}}


def result(**changes):
    return combine([report(100_000, 0.5)], 1_000_000, 0.0) | changes


def scenario(name, load):
    return Scenario(name, "", Side("ours", None), Side("peer", None), (load,))


def both_sides(name, ours, peer, bar=0.5):
    load = Load(16, bar=bar)
    tested = scenario(name, load)
    rounds = {(tested.ours, load): [ours], (tested.peer, load): [peer]}
    return bars.of_load(tested, load, summarize(tested, load, rounds))


class Measurements(unittest.TestCase):
    def test_processes_under_test_and_generators_are_summed(self):
        one = combine([report(100_000, 0.5)], 7, 0.0)
        self.assertAlmostEqual(one["cpu_us_per_op"], 5.0)
        self.assertAlmostEqual(one["generator_us_per_op"], 5.0)
        two = combine([report(100_000, 1.0, p99=300.0), report(100_000, 1.0)], 7, 0.0)
        self.assertAlmostEqual(two["ops_per_second"], 200_000)
        self.assertAlmostEqual(two["cpu_us_per_op"], 5.0)
        self.assertEqual((two["p99_us"], two["rss_bytes"]), (300.0, 7))

    def test_a_generator_that_fails_says_why(self):
        with self.assertRaisesRegex(LoadError, "no such thing"):
            finish(start(["sh", "-c", "echo no such thing >&2; exit 2"], {0}))
        with self.assertRaisesRegex(LoadError, "missed a key"):
            finish(start(["echo", '{"misses": 1, "ops": 2}'], {0}))


class Generators(unittest.TestCase):
    def test_what_they_print_is_read(self):
        self.assertEqual(generator.theirs('"test","rps","avg_latency_ms"\n"GET","20554.98","1.5"\n'), 20554.98)
        with self.assertRaisesRegex(LoadError, "Could not connect"):
            generator.theirs("Could not connect")
        self.assertEqual(generator.ours('{"targets": [{"total": {"misses": 0, "ops_per_second": 7.5}}]}'), 7.5)
        with self.assertRaisesRegex(LoadError, "3 of 9"):
            generator.ours('{"targets": [{"total": {"misses": 3, "ops": 9}}]}')

    def test_their_cpu_time_is_measured(self):
        output, used = generator.run(["sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done"])
        self.assertEqual(output, "done\n")
        self.assertGreater(used, 0.02)
        with self.assertRaisesRegex(LoadError, "no such server"):
            generator.run(["sh", "-c", "echo no such server >&2; exit 1"])

    def test_a_core_that_makes_more_requests_reaches_the_bar(self):
        rounds = {key: [{"ops_per_core_second": rate}] for key, rate in (("ours", 300.0), ("peer", 200.0))}
        self.assertEqual([bar.reached for bar in bars.of_generator(1, bars.of_rounds(rounds))], [True])
        self.assertEqual(bars.of_generator(1, {}), [])


class Quiet(unittest.TestCase):
    def test_own_processes_are_not_others(self):
        others = Others([])
        finish(start(["sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo '{\"misses\": 0}'"], {0}))
        child = others.own_seconds() - others.own
        self.assertGreater(child, 0.05)
        self.assertLessEqual(others.share(), 1.0)

    def test_patience_ends(self):
        patience = Patience(10)
        self.assertTrue(patience.accepts(0.0, time.monotonic()))
        self.assertFalse(patience.accepts(0.5, time.monotonic() - 20))
        self.assertTrue(patience.accepts(0.5, time.monotonic()))


class Bars(unittest.TestCase):
    def test_the_ratio_to_the_peer_is_judged(self):
        reached, = both_sides("server", result(cpu_us_per_op=4.0), result(cpu_us_per_op=10.0))
        missed, = both_sides("server", result(cpu_us_per_op=6.0), result(cpu_us_per_op=10.0))
        self.assertTrue(reached.reached)
        self.assertFalse(missed.reached)
        self.assertIn("MISSED", str(missed))
        self.assertIn("by 0.10", str(missed))

    def test_threads_are_judged_by_throughput_only_where_the_cores_suffice(self):
        ours, peer = result(ops_per_second=110.0, cpu_us_per_op=5.5), result(ops_per_second=100.0, cpu_us_per_op=5.0)
        with patch("os.cpu_count", return_value=2):
            throughput, capacity, p99 = both_sides("threads", ours, peer)
        self.assertEqual((throughput.reached, capacity.reached, p99.reached), (None, True, None))
        self.assertAlmostEqual(capacity.measured, 2 / 1.1)
        with patch("os.cpu_count", return_value=4):
            throughput, _, p99 = both_sides("threads", ours, peer)
        self.assertEqual((throughput.reached, p99.reached), (False, True))

    def test_http_is_judged_beside_its_own_protocol_and_beside_the_peer(self):
        rounds = {"ours": [{"get_share": 0.6, "batch_share": 0.2, "get_per_core_second": 5000.0}],
                  "peer": [{"get_per_core_second": 400.0}]}
        self.assertEqual([bar.reached for bar in bars.of_http(bars.of_rounds(rounds))], [True, False, True])
        alone = bars.of_http(bars.of_rounds(rounds | {"peer": []}))
        self.assertEqual([bar.reached for bar in alone], [True, False])

    def test_durability_is_judged_by_ours_and_by_ratios(self):
        rounds = {"ours": [{"longest_ms": 2.0, "extra_mib": 70.0, "seconds": 3.0, "restart_seconds": 1.0}],
                  "peer": [{"longest_ms": 9.0, "extra_mib": 500.0, "seconds": 6.0, "restart_seconds": 4.0}]}
        reached = [bar.reached for bar in bars.of_durable("backup", bars.of_rounds(rounds))]
        self.assertEqual(reached, [True, False, True, True])
        alone = bars.of_durable("backup", bars.of_rounds(rounds | {"peer": []}))
        self.assertEqual([bar.what for bar in alone], ["backup: longest wait of others", "backup: memory"])


if __name__ == "__main__":
    unittest.main()
