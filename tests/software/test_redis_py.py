"""redis-py's own tools: pipelines, transactions, locks, scripts, pub/sub and streams, sync and asyncio, RESP2 and RESP3."""

import asyncio
import threading
import time

import pytest
import redis
import redis.asyncio


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def r(request, url):
    with redis.Redis.from_url(url, protocol=request.param, decode_responses=True) as client:
        yield client


def test_pipeline_is_a_transaction(r):
    with r.pipeline() as pipe:
        assert pipe.set("a", 1).incr("a").lpush("l", "x").execute() == [True, 2, 1]
        pipe.incr("l").get("a")
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            pipe.execute()


def test_optimistic_locking(r):
    def add_one(pipe):
        value = int(pipe.get("n") or 0)
        time.sleep(0.001)
        pipe.multi()
        pipe.set("n", value + 1)

    def work():
        for _ in range(10):
            r.transaction(add_one, "n")

    threads = [threading.Thread(target=work) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert r.get("n") == "40"


def test_locks(r):
    lock = r.lock("lock", timeout=5)
    assert lock.acquire() and not r.lock("lock").acquire(blocking=False)
    assert lock.extend(5) and lock.reacquire() and lock.owned()
    lock.release()
    with pytest.raises(redis.exceptions.LockError):
        lock.release()


def test_scripts(r):
    script = r.register_script("redis.call('SET', KEYS[1], ARGV[1]) return {KEYS[1], redis.call('GET', KEYS[1]), 7}")
    assert script(keys=["k"], args=["v"]) == ["k", "v", 7]
    r.script_flush()
    assert script(keys=["k"], args=["w"]) == ["k", "w", 7]


def test_publish_and_subscribe(r):
    with r.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe("news")
        listener.psubscribe("n*")
        listener.get_message(timeout=1), listener.get_message(timeout=1)
        assert r.publish("news", "hello") == 2
        messages = []
        deadline = time.time() + 5
        while len(messages) < 2 and time.time() < deadline:
            message = listener.get_message(timeout=0.1)
            messages += [message] if message else []
        assert sorted(m["type"] for m in messages) == ["message", "pmessage"]
        assert {m["data"] for m in messages} == {"hello"}


def test_waiting(r):
    def push():
        time.sleep(0.1)
        r.rpush("queue", "job")

    thread = threading.Thread(target=push)
    thread.start()
    key, value = r.blpop(["other", "queue"], timeout=5)
    thread.join()
    assert (key, value) == ("queue", "job") and r.blpop("queue", timeout=0.05) is None


def test_streams_with_groups(r):
    ids = [r.xadd("s", {"n": i}) for i in range(3)]
    r.xgroup_create("s", "g", id="0")
    (_, entries), *_ = (lambda x: x.items() if isinstance(x, dict) else x)(r.xreadgroup("g", "me", {"s": ">"}))
    entries = entries[0] if entries and isinstance(entries[0], list) else entries
    assert [entry[0] for entry in entries] == ids
    assert r.xack("s", "g", *ids[:2]) == 2 and r.xpending("s", "g")["pending"] == 1


def test_asyncio(url):
    async def work():
        async with redis.asyncio.from_url(url, protocol=3, decode_responses=True) as client:
            await asyncio.gather(*(client.incr("n") for _ in range(100)))
            async with client.pipeline(transaction=True) as pipe:
                assert await pipe.get("n").set("done", 1).execute() == ["100", True]
            async with client.pubsub() as listener:
                await listener.subscribe("c")
                # subscribe() only sends: the subscription is in force from its confirmation on.
                async for message in listener.listen():
                    if message["type"] == "subscribe":
                        await client.publish("c", "m")
                    else:
                        return message["data"]

    assert asyncio.run(asyncio.wait_for(work(), 20)) == "m"
