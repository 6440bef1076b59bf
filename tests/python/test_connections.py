"""How redis-py connects: URLs, databases, pools, threads, asyncio, errors."""

import asyncio
import threading

import pytest
import redis
import redis.asyncio


def test_url_with_a_database(target):
    zero, three = (redis.Redis.from_url(target.url(db), decode_responses=True) for db in (0, 3))
    zero.flushall()
    zero.set("k", "zero")
    assert three.get("k") is None
    three.set("k", "three")
    assert (zero.get("k"), three.get("k")) == ("zero", "three")
    assert three.dbsize() == 1 and three.keys("*") == ["k"]
    three.flushdb()
    assert zero.get("k") == "zero"


def test_client_name_and_id(target):
    client = target.client(client_name="suite", decode_responses=True, single_connection_client=True)
    assert client.client_getname() == "suite"
    mine = client.client_id()
    assert [c["name"] for c in client.client_list() if int(c["id"]) == mine] == ["suite"]
    assert client.client_info()["name"] == "suite"


def test_wrong_password(target):
    if not target.password:
        pytest.skip("no password")
    with pytest.raises(redis.AuthenticationError):
        target.client(password="wrong").ping()
    with pytest.raises(redis.AuthenticationError):
        target.client(password=None).ping()


def test_user_default(target):
    if target.password:
        assert target.client(username="default").ping() is True


def test_untrusted_certificate(target):
    if not target.ca:
        pytest.skip("no TLS")
    with pytest.raises(redis.ConnectionError):
        redis.Redis(host="127.0.0.1", port=target.port, ssl=True, password=target.password).ping()


def test_threads_share_a_pool(target):
    client = target.client(max_connections=8, decode_responses=True)
    client.flushall()
    problems = []

    def work(name):
        try:
            for i in range(200):
                key = f"{name}:{i}"
                client.set(key, key)
                if client.get(key) != key:
                    problems.append(key)
                client.incr("shared")
        except Exception as error:  # a thread's failure must reach the test
            problems.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert problems == [] and client.get("shared") == "1600"


@pytest.mark.parametrize("protocol", [2, 3])
def test_asyncio(target, protocol):
    async def work():
        client = redis.asyncio.Redis(**target.options(protocol=protocol, decode_responses=True))
        await client.flushall()
        await asyncio.gather(*(client.set(f"a:{i}", i) for i in range(80)))
        assert await asyncio.gather(*(client.get(f"a:{i}") for i in range(80))) == [str(i) for i in range(80)]
        pipe = client.pipeline(transaction=False)
        pipe.hset("h", mapping={"a": 1, "b": 2}).hgetall("h")
        assert await pipe.execute() == [2, {"a": "1", "b": "2"}]
        assert {key async for key in client.scan_iter("a:*")} == {f"a:{i}" for i in range(80)}
        await client.aclose()

    asyncio.run(work())


def test_reconnects_after_its_connection_was_killed(target):
    client = target.client(decode_responses=True, max_connections=1)
    other = target.client()
    other.client_kill_filter(_id=client.client_id())
    client.set("after", "kill")
    assert client.get("after") == "kill"


def test_resp3_types(target):
    client = target.client(protocol=3, decode_responses=True)
    client.flushall()
    client.hset("h", "f", "v")
    assert client.execute_command("HGETALL", "h") == {"f": "v"}
    assert client.config_get("maxmemory")["maxmemory"].isdigit() if not target.pool else True


def test_keys_of_two_members_in_one_atomic_command(target):
    client = target.client(decode_responses=True)
    client.flushall()
    client.set("a", "1")
    assert client.rename("a", "b") is True
    assert client.mget("a", "b") == [None, "1"]
