"""Users by redis-py's acl_* methods. A pool has no users of its own."""

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

HASH = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"


@pytest.fixture
def admin(target, r):
    if target.pool or target.name == "redis-server":
        pytest.skip("no users, or an older Redis's texts")
    yield r
    r.acl_deluser("ann", "bob")


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def login(request, target):
    def connect(user, password):
        options = {"username": user, "password": password, "protocol": request.param}
        # A wrong password would be tried again, after a while each time.
        options["retry"] = Retry(NoBackoff(), 0)
        return target.client(decode_responses=True, **options)

    return connect


def test_setuser_and_getuser(admin):
    assert admin.acl_setuser(
        "ann",
        enabled=True,
        passwords=["+secret"],
        commands=["+get", "+mget", "-hset"],
        categories=["+@hash", "-@list"],
        keys=["cache:*", "objects:*"],
        channels=["news.*"],
        selectors=[("+set", "%W~cache2*"), ("+hget", "%R~cache3*")],
    )
    user = admin.acl_getuser("ann")
    assert set(user["flags"]) == {"on", "sanitize-payload"}
    assert user["passwords"] == [HASH]
    assert set(user["commands"]) >= {"+get", "+mget", "-hset"}
    assert set(user["categories"]) == {"-@all", "+@hash", "-@list"}
    assert user["keys"] == ["~cache:*", "~objects:*"] and user["channels"] == ["&news.*"]
    assert len(user["selectors"]) == 2
    assert admin.acl_setuser("ann", enabled=False, hashed_passwords=["-" + HASH], reset_keys=True)
    assert admin.acl_getuser("ann")["passwords"] == []
    assert admin.acl_getuser("nobody") is None


def test_lists(admin):
    admin.acl_setuser("bob", enabled=True, nopass=True)
    assert {"bob", "default"} <= set(admin.acl_users())
    assert "user bob on nopass sanitize-payload resetchannels -@all" in admin.acl_list()
    assert admin.acl_whoami() == "default"
    assert admin.acl_deluser("bob", "nobody") == 1
    assert "read" in admin.acl_cat() and "get" in admin.acl_cat("read")
    assert len(admin.acl_genpass()) == 64 and len(admin.acl_genpass(128)) == 32


def test_what_a_user_may_do(admin, login):
    admin.acl_setuser("ann", enabled=True, passwords=["+secret"], categories=["+@string"], keys=["app:*"])
    client = login("ann", "secret")
    assert client.set("app:1", "v") and client.get("app:1") == "v"
    with pytest.raises(redis.exceptions.NoPermissionError, match="No permissions to access a key"):
        client.get("other")
    with pytest.raises(redis.exceptions.NoPermissionError, match="User ann has no permissions to run the 'del'"):
        client.delete("app:1")
    assert admin.acl_dryrun("ann", "get", "app:1") == "OK"
    assert admin.acl_dryrun("ann", "get", "x") == "User ann has no permissions to access the 'x' key"
    with pytest.raises(redis.AuthenticationError):
        login("ann", "wrong").ping()


def test_log(admin, login):
    admin.acl_setuser("ann", enabled=True, nopass=True, commands=["+get"], keys=["app:*"])
    admin.acl_log_reset()
    client = login("ann", "any")
    for command in ("get other", "get other", "set app:1 v"):
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command(*command.split())
    log = admin.acl_log()
    found = [(entry["reason"], entry["object"], entry["count"]) for entry in log]
    assert found[:2] == [("command", "set", 1), ("key", "other", 2)]
    assert log[0]["username"] == "ann" and "ann" in str(log[0]["client-info"])
    assert admin.acl_log_reset() and admin.acl_log() == []
