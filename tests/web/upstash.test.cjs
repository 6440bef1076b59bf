// @upstash/redis, unmodified, against the HTTP door. RINGTAIL_HTTP is its address, RINGTAIL_TOKEN a token that is let in.
const assert = require("node:assert");
const { test } = require("node:test");

const { Redis } = require("@upstash/redis");

const [url, token] = [process.env.RINGTAIL_HTTP, process.env.RINGTAIL_TOKEN];
const redis = new Redis({ url, token, enableTelemetry: false, retry: false });

test("strings, numbers and objects come back as they went", async () => {
  assert.equal(await redis.set("up:s", "héllo \u{1f98a}"), "OK");
  assert.equal(await redis.get("up:s"), "héllo \u{1f98a}");
  await redis.set("up:o", { a: [1, null, "x"] }, { ex: 100 });
  assert.deepEqual(await redis.get("up:o"), { a: [1, null, "x"] });
  assert.ok((await redis.ttl("up:o")) > 90);
  assert.equal(await redis.get("up:none"), null);
  assert.equal(await redis.set("up:s", "x", { nx: true }), null);
  assert.equal(await redis.incrby("up:n", 5), 5);
  assert.deepEqual(await redis.mget("up:n", "up:none"), [5, null]);
});

test("hashes, lists, sets and sorted sets", async () => {
  await redis.del("up:h", "up:l", "up:set", "up:z");
  assert.equal(await redis.hset("up:h", { f: "v", n: 1 }), 2);
  assert.deepEqual(await redis.hgetall("up:h"), { f: "v", n: 1 });
  assert.equal(await redis.rpush("up:l", "a", "b", "c"), 3);
  assert.deepEqual(await redis.lrange("up:l", 0, -1), ["a", "b", "c"]);
  assert.equal(await redis.sadd("up:set", "m"), 1);
  assert.equal(await redis.sismember("up:set", "m"), 1);
  assert.equal(await redis.zadd("up:z", { score: 1.5, member: "m" }), 1);
  assert.equal(await redis.zscore("up:z", "m"), 1.5);
  assert.deepEqual(await redis.zrange("up:z", 0, -1, { withScores: true }), ["m", 1.5]);
});

test("pipelines and transactions", async () => {
  const pipeline = redis.pipeline();
  pipeline.set("up:p", "1").incr("up:p").get("up:p");
  assert.deepEqual(await pipeline.exec(), ["OK", 2, 2]);
  const transaction = redis.multi();
  transaction.set("{up}a", "1").incr("{up}a").lpush("{up}l", "x");
  assert.equal((await transaction.exec())[1], 2);
  // The SDK puts these into two pipelines by itself, one that reads and one that writes; either may come first.
  const reads = [redis.get("up:p"), redis.get("up:none")];
  const writes = [redis.incr("{up}a"), redis.incr("{up}a")];
  assert.deepEqual(await Promise.all([...reads, ...writes]), [2, null, 3, 4]);
});

test("scripts and scans", async () => {
  assert.deepEqual(await redis.eval("return {KEYS[1], ARGV[1]}", ["up:k"], ["v"]), ["up:k", "v"]);
  const script = redis.createScript("return redis.call('GET', KEYS[1])");
  assert.equal(await script.exec(["up:s"], []), "héllo \u{1f98a}");
  let [cursor, found] = ["0", []];
  do {
    const [next, keys] = await redis.scan(cursor, { match: "up:*", count: 100 });
    [cursor, found] = [String(next), found.concat(keys)];
  } while (cursor !== "0");
  assert.ok(found.includes("up:s"));
});

test("errors are told", async () => {
  await redis.set("up:w", "x");
  await assert.rejects(redis.lpush("up:w", "x"), /WRONGTYPE/);
  const stranger = new Redis({ url, token: "no such token", enableTelemetry: false, retry: false });
  await assert.rejects(stranger.get("up:w"), /WRONGPASS/);
});
