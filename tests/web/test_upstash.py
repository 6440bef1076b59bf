"""upstash-redis, unmodified, against the HTTP door. RINGTAIL_HTTP is its address, RINGTAIL_TOKEN a token that is let in."""

import os

import pytest
from upstash_redis import Redis
from upstash_redis.errors import UpstashError

URL, TOKEN = os.environ["RINGTAIL_HTTP"], os.environ["RINGTAIL_TOKEN"]


@pytest.fixture(params=["base64", None], ids=["base64", "text"])
def redis(request):
    with Redis(url=URL, token=TOKEN, rest_encoding=request.param, rest_retries=0, allow_telemetry=False) as client:
        client.delete("py:s", "py:h", "py:l", "py:z", "py:n", "{py}a", "{py}b")
        yield client


def test_values(redis):
    assert redis.set("py:s", "héllo 🦊", ex=100) is True
    assert redis.get("py:s") == "héllo 🦊"
    assert 90 < redis.ttl("py:s") <= 100
    assert redis.get("py:none") is None
    assert redis.set("py:s", "x", nx=True) is False, "as the SDK has it"
    assert redis.incrby("py:n", 7) == 7
    assert redis.mget("py:n", "py:none") == ["7", None]


def test_structures(redis):
    assert redis.hset("py:h", values={"f": "v", "g": "w"}) == 2
    assert redis.hgetall("py:h") == {"f": "v", "g": "w"}
    assert redis.rpush("py:l", "a", "b") == 2
    assert redis.lrange("py:l", 0, -1) == ["a", "b"]
    assert redis.zadd("py:z", {"m": 1.5}) == 1
    assert redis.zscore("py:z", "m") == 1.5
    assert redis.zrange("py:z", 0, -1, withscores=True) == [("m", 1.5)]


def test_pipelines(redis):
    pipeline = redis.pipeline()
    pipeline.set("{py}a", "1").incr("{py}a").get("{py}a")
    assert pipeline.exec() == [True, 2, "2"]
    transaction = redis.multi()
    transaction.incr("{py}b").incr("{py}b")
    assert transaction.exec() == [1, 2]


def test_scripts(redis):
    assert redis.eval("return {KEYS[1], ARGV[1]}", keys=["py:k"], args=["v"]) == ["py:k", "v"]


def test_errors(redis):
    redis.set("py:s", "x")
    with pytest.raises(UpstashError, match="WRONGTYPE"):
        redis.lpush("py:s", "x")
    with Redis(url=URL, token="no such token", rest_retries=0) as stranger:
        with pytest.raises(UpstashError, match="WRONGPASS"):
            stranger.get("py:s")
