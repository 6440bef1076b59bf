"""Django's own cache backend and django-redis: a site's cache, its sessions, and locks."""

import threading

import django
from django.conf import settings

settings.configure(CACHES={}, SESSION_ENGINE="django.contrib.sessions.backends.cache")
django.setup()

from django.core.cache.backends.redis import RedisCache as CoreCache  # noqa: E402
from django_redis.cache import RedisCache as DjangoRedis  # noqa: E402


def uses_a_cache(cache):
    cache.set("k", {"name": "value", "n": [1, 2]}, 60)
    assert cache.get("k") == {"name": "value", "n": [1, 2]}
    assert cache.get("missing", "default") == "default"
    assert cache.add("k", 1) is False and cache.add("new", 1, 60) is True
    assert cache.incr("new", 5) == 6 and cache.decr("new") == 5
    cache.set_many({"a": 1, "b": b"\x00\xff", "c": "ü"}, 60)
    assert cache.get_many(["a", "b", "c", "d"]) == {"a": 1, "b": b"\x00\xff", "c": "ü"}
    assert cache.touch("a", 600) is True and cache.touch("d") is False
    cache.delete_many(["a", "b"])
    assert not cache.has_key("a") and cache.has_key("c")
    assert cache.delete("c") is True and cache.delete("c") is False
    assert cache.get_or_set("computed", lambda: 42, 60) == 42
    cache.set("gone", 1, 0)
    assert cache.get("gone") is None


def test_django_core(url):
    cache = CoreCache(url, {})
    uses_a_cache(cache)
    cache.clear()
    assert cache.get("k") is None


def test_django_redis(url):
    cache = DjangoRedis(url, {"OPTIONS": {"CLIENT_CLASS": "django_redis.client.DefaultClient"}})
    uses_a_cache(cache)
    cache.set("lives", 1, timeout=None)
    assert cache.ttl("lives") is None and cache.expire("lives", 100) and 0 < cache.ttl("lives") <= 100
    assert cache.persist("lives") and cache.ttl("lives") is None
    assert sorted(cache.keys("l*")) == ["lives"] and list(cache.iter_keys("li*")) == ["lives"]
    assert cache.delete_pattern("*") > 0 and cache.keys("*") == []


def test_django_redis_locks(url):
    cache = DjangoRedis(url, {})
    counted, errors = [], []

    def work():
        try:
            with cache.lock("lock", timeout=10, blocking_timeout=10):
                n = cache.get("n", 0)
                cache.set("n", n + 1, 60)
                counted.append(n)
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not errors and sorted(counted) == list(range(8))


def test_sessions(url):
    from django.contrib.sessions.backends.cache import SessionStore

    settings.CACHES = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": url}}
    from django.core.cache import caches

    caches.settings = caches.configure_settings(None)
    if hasattr(caches._connections, "default"):
        delattr(caches._connections, "default")
    session = SessionStore()
    session["user"] = 7
    session.save()
    again = SessionStore(session.session_key)
    assert again["user"] == 7
    again.flush()
    assert SessionStore(session.session_key).get("user") is None
