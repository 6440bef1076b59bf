"""Strings, lists, hashes and keys, as programs use them."""

import time

import pytest
import redis


def test_strings(r):
    assert r.set("greeting", "hello world") is True
    assert r.get("greeting") == "hello world"
    assert r.get("missing") is None
    assert r.set("greeting", "again", nx=True) is None
    assert r.set("greeting", "again", xx=True, get=True) == "hello world"
    assert r.append("greeting", "!") == 6 and r.strlen("greeting") == 6
    assert r.getrange("greeting", 0, 4) == "again"
    assert r.setrange("greeting", 5, "?") == 6 and r.get("greeting") == "again?"
    assert r.getdel("greeting") == "again?" and not r.exists("greeting")


def test_counters(r):
    assert [r.incr("n"), r.incr("n", 10), r.decr("n", 4)] == [1, 11, 7]
    assert r.incrbyfloat("f", 1.5) == 1.5 and r.incrbyfloat("f", -0.25) == 1.25
    r.set("word", "x")
    with pytest.raises(redis.ResponseError, match="value is not an integer or out of range"):
        r.incr("word")


def test_many_keys_at_once(r):
    values = {f"key:{i}": f"value {i}" for i in range(500)}
    assert r.mset(values) is True
    assert r.mget(list(values)) == list(values.values())
    assert r.mget(["key:1", "missing", "key:2"]) == ["value 1", None, "value 2"]
    assert r.exists(*values) == 500 and r.touch("key:1", "missing") == 1
    assert r.delete(*list(values)[:200]) == 200 and r.unlink(*list(values)[200:]) == 300
    assert r.dbsize() == 0


def test_empty_and_binary_values(target):
    client = target.client()
    everything = bytes(range(256))
    assert client.set(everything, everything) and client.get(everything) == everything
    assert client.set("empty", "") and client.get("empty") == b""
    assert client.hset("hash", everything, everything) in (0, 1)
    assert client.hget("hash", everything) == everything
    client.delete(everything, "empty", "hash")


def test_big_values(target):
    client = target.client()
    value = bytes(range(256)) * 40_000
    assert client.set("big", value) and client.get("big") == value
    assert client.mget(["big", "big"]) == [value, value]
    client.delete("big")


def test_expiry(r):
    r.set("k", "v", ex=100)
    assert 99 <= r.ttl("k") <= 100 and 99_000 <= r.pttl("k") <= 100_000
    assert r.expire("k", 50, gt=True) is False and r.expire("k", 50, lt=True) is True
    assert r.persist("k") is True and r.ttl("k") == -1
    assert r.expireat("k", int(time.time()) + 1000) is True
    assert r.getex("k", persist=True) == "v" and r.ttl("k") == -1
    r.set("gone", "v", px=50)
    deadline = time.monotonic() + 5
    while r.exists("gone"):
        assert time.monotonic() < deadline
    assert r.get("gone") is None and r.ttl("gone") == -2


def test_lists(r):
    assert r.rpush("queue", "a", "b", "c") == 3 and r.lpush("queue", "z") == 4
    assert r.lrange("queue", 0, -1) == ["z", "a", "b", "c"]
    assert r.lpop("queue") == "z" and r.rpop("queue", 2) == ["c", "b"]
    assert r.linsert("queue", "before", "a", "0") == 2 and r.lindex("queue", -1) == "a"
    assert r.lpos("queue", "a") == 1 and r.lset("queue", 0, "x") is True
    assert r.lrem("queue", 0, "x") == 1 and r.llen("queue") == 1
    assert r.lmove("queue", "queue", "LEFT", "RIGHT") == "a"
    assert r.ltrim("queue", 1, 0) is True and not r.exists("queue")


def test_hashes(r):
    assert r.hset("user", mapping={"name": "Ada", "born": 1815}) == 2
    assert r.hgetall("user") == {"name": "Ada", "born": "1815"}
    assert r.hget("user", "name") == "Ada" and r.hmget("user", "born", "died") == ["1815", None]
    assert r.hincrby("user", "born", 1) == 1816 and r.hincrbyfloat("user", "height", 1.65) == 1.65
    assert r.hsetnx("user", "name", "Bob") in (0, False) and r.hexists("user", "name")
    assert r.hlen("user") == 3 and r.hstrlen("user", "name") == 3
    assert set(r.hkeys("user")) == {"name", "born", "height"} and "Ada" in r.hvals("user")
    assert r.hrandfield("user") in ("name", "born", "height")
    assert r.hdel("user", "name", "born", "height") == 3 and r.hgetall("user") == {}


def test_scan_iterators(r):
    names = {f"item:{i}" for i in range(1000)}
    r.mset({name: "v" for name in names} | {"other": "v"})
    assert set(r.scan_iter("item:*", count=50)) == names
    assert set(r.scan_iter(_type="hash")) == set()
    r.hset("h", mapping={name: "v" for name in names})
    assert dict(r.hscan_iter("h", count=50)) == {name: "v" for name in names}
    assert set(r.keys("item:*")) == names


def test_types_and_renames(r):
    r.set("{t}s", "v")
    r.rpush("{t}l", "v")
    assert (r.type("{t}s"), r.type("{t}l"), r.type("none")) == ("string", "list", "none")
    assert r.rename("{t}s", "{t}new") is True and r.renamenx("{t}new", "{t}l") in (0, False)
    assert r.copy("{t}new", "{t}copy") is True and r.get("{t}copy") == "v"
    assert r.randomkey() in ("{t}new", "{t}l", "{t}copy")
    with pytest.raises(redis.ResponseError, match="no such key"):
        r.rename("{t}none", "{t}x")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        r.get("{t}l")


def test_pipelines(r):
    pipe = r.pipeline(transaction=False)
    for i in range(1000):
        pipe.set(f"p:{i}", i).get(f"p:{i}")
    assert pipe.execute() == [answer for i in range(1000) for answer in (True, str(i))]
    pipe.get("p:1").incr("p:1").lpush("p:1", "x").get("p:1")
    answers = pipe.execute(raise_on_error=False)
    assert answers[0] == "1" and answers[1] == 2 and isinstance(answers[2], redis.ResponseError)
    assert answers[3] == "2"


def test_server(r):
    info = r.info()
    assert info["redis_version"].startswith("7.") and int(info["arch_bits"]) == 64
    assert info["loading"] == 0 and "used_memory" in info and info["cluster_enabled"] == 0
    assert r.ping() is True and r.echo("hi") == "hi"
    seconds, micros = r.time()
    assert abs(seconds - time.time()) < 60 and 0 <= micros < 1_000_000
    assert r.command_count() > 100
    assert r.memory_usage("none") is None
    with pytest.raises(redis.ResponseError, match="unknown command"):
        r.execute_command("NOSUCH", "a")
