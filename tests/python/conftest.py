"""redis-py against every kind of target.

RINGTAIL_TARGETS is a JSON array of {name, port, ca, password, pool}; the Rust
test that runs this suite starts them.
"""

import json
import os

import pytest
import redis

TARGETS = json.loads(os.environ["RINGTAIL_TARGETS"])


class Target:
    """Where a server listens, and how clients of every kind reach it."""

    def __init__(self, spec):
        self.name, self.port = spec["name"], spec["port"]
        self.ca, self.password, self.pool = spec["ca"], spec["password"], spec["pool"]

    def options(self, **more):
        options = {"host": "127.0.0.1", "port": self.port, "password": self.password, "socket_timeout": 10}
        if self.ca:
            options |= {"ssl": True, "ssl_ca_certs": self.ca}
        return options | more

    def client(self, **more):
        return redis.Redis(**self.options(**more))

    def url(self, db=0):
        scheme = "rediss" if self.ca else "redis"
        user = f":{self.password}@" if self.password else ""
        tls = f"?ssl_ca_certs={self.ca}" if self.ca else ""
        return f"{scheme}://{user}127.0.0.1:{self.port}/{db}{tls}"


@pytest.fixture(params=TARGETS, ids=[target["name"] for target in TARGETS])
def target(request):
    return Target(request.param)


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def r(request, target):
    client = target.client(protocol=request.param, decode_responses=True)
    client.flushall()
    yield client
    client.close()
