"""Tasks of Dramatiq."""

import os

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

broker = RedisBroker(url=os.environ["RINGTAIL_URL"])
dramatiq.set_broker(broker)
client = redis.Redis.from_url(os.environ["RINGTAIL_URL"])


@dramatiq.actor
def count(n):
    client.sadd("counted", n)
