"""Frameworks that keep their state in Redis, unmodified, each doing its real work.

RINGTAIL_TARGETS is a JSON array of {name, port}; the Rust test that runs this suite starts them.
"""

import json
import os

import pytest
import redis

TARGETS = json.loads(os.environ["RINGTAIL_TARGETS"])


@pytest.fixture(params=TARGETS, ids=[target["name"] for target in TARGETS])
def url(request):
    url = f"redis://127.0.0.1:{request.param['port']}/1"
    client = redis.Redis.from_url(url)
    client.flushall()
    yield url
    client.flushall()
    client.close()
