"""What redis-py makes of messages: subscriptions, keyspace notifications, client-side caching."""

import asyncio
import time

import pytest
import redis
import redis.asyncio
from redis.cache import CacheConfig
from redis.connection import CacheProxyConnection


@pytest.fixture(autouse=True)
def alone(target):
    if target.pool:
        pytest.skip("of one server")


def messages(pubsub, count):
    """The next messages, without confirmations."""
    found, deadline = [], time.monotonic() + 5
    while len(found) < count and time.monotonic() < deadline:
        message = pubsub.get_message(ignore_subscribe_messages=True, timeout=0.2)
        if message:
            found.append((message["type"], message["pattern"], message["channel"], message["data"]))
    return found


def test_channels_and_patterns(r):
    with r.pubsub() as pubsub:
        pubsub.subscribe("news")
        pubsub.psubscribe("n?ws")
        pubsub.ssubscribe("shard")
        assert [pubsub.get_message(timeout=5)["data"] for _ in range(3)] == [1, 2, 1]
        assert r.publish("news", "hello") == 2
        assert r.spublish("shard", "there") == 1
        assert messages(pubsub, 3) == [
            ("message", None, "news", "hello"),
            ("pmessage", "n?ws", "news", "hello"),
            ("smessage", None, "shard", "there"),
        ]
        assert r.pubsub_channels() == ["news"] and r.pubsub_numpat() == 1
        assert r.pubsub_numsub("news", "none") == [("news", 1), ("none", 0)]
        pubsub.unsubscribe()
        pubsub.punsubscribe()
        pubsub.sunsubscribe()
        left = [pubsub.get_message(timeout=5)["type"] for _ in range(3)]
        assert left == ["unsubscribe", "punsubscribe", "sunsubscribe"]
    assert r.publish("news", "nobody") == 0


def test_a_thread_handles_messages(r):
    got = []
    with r.pubsub() as pubsub:
        pubsub.subscribe(**{"jobs": lambda message: got.append(message["data"])})
        thread = pubsub.run_in_thread(sleep_time=0.01)
        while r.publish("jobs", "first") == 0:
            time.sleep(0.01)
        r.publish("jobs", "second")
        deadline = time.monotonic() + 5
        while len(got) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        thread.stop()
        thread.join()
    assert got == ["first", "second"]


def test_health_checks_between_messages(target):
    client = target.client(health_check_interval=1, decode_responses=True)
    with client.pubsub() as pubsub:
        pubsub.subscribe("news")
        pubsub.get_message(timeout=5)
        time.sleep(1.1)
        assert pubsub.get_message(timeout=0.1) is None
        client.publish("news", "hello")
        assert messages(pubsub, 1) == [("message", None, "news", "hello")]


def test_keyspace_notifications(r):
    r.config_set("notify-keyspace-events", "KEA")
    try:
        with r.pubsub() as pubsub:
            pubsub.psubscribe("__key*@0__:*")
            pubsub.get_message(timeout=5)
            r.set("k", "v", px=30)
            events = [(channel, data) for _, _, channel, data in messages(pubsub, 6)]
        assert events == [
            ("__keyspace@0__:k", "set"),
            ("__keyevent@0__:set", "k"),
            ("__keyspace@0__:k", "expire"),
            ("__keyevent@0__:expire", "k"),
            ("__keyspace@0__:k", "expired"),
            ("__keyevent@0__:expired", "k"),
        ]
    finally:
        r.config_set("notify-keyspace-events", "")


def test_asyncio(target):
    async def run():
        client = redis.asyncio.Redis(**target.options(decode_responses=True))
        async with client.pubsub() as pubsub:
            await pubsub.subscribe("news")
            await pubsub.get_message(timeout=5)
            assert await client.publish("news", "hello") == 1
            message = await pubsub.get_message(timeout=5)
            assert (message["channel"], message["data"]) == ("news", "hello")
        await client.aclose()

    asyncio.run(run())


def eventually(check):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if check():
            return True
        time.sleep(0.01)
    return False


def test_client_side_caching(target, monkeypatch):
    # It wants a server that calls itself 7.4, though what it uses is in Redis since 6.0.
    monkeypatch.setattr(CacheProxyConnection, "MIN_ALLOWED_VERSION", "6.0.0")
    other = target.client(decode_responses=True)
    other.flushall()
    cached = target.client(
        protocol=3, decode_responses=True, cache_config=CacheConfig(), single_connection_client=True
    )
    other.mset({"k": "1", "l": "1"})
    assert cached.get("k") == "1" and cached.mget("k", "l") == ["1", "1"]
    cache = cached.get_cache()
    assert cache.size == 2
    reads = other.info("stats")["keyspace_hits"]
    assert cached.get("k") == "1"
    assert other.info("stats")["keyspace_hits"] == reads, "answered from the cache"
    other.set("k", "2")
    assert eventually(lambda: cached.get("k") == "2")
    other.delete("k")
    assert eventually(lambda: cached.get("k") is None)
    other.set("k", "3")
    assert eventually(lambda: cached.get("k") == "3")
    other.flushall()
    assert eventually(lambda: cached.get("k") is None)
    cached.close()
