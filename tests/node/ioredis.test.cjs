// ioredis against every kind of target.
//
// RINGTAIL_TARGETS is a JSON array of {name, port, ca, password, pool}; the Rust
// test that runs this suite starts them.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const { describe, it, before, after } = require("node:test");
const Redis = require("ioredis");

for (const target of JSON.parse(process.env.RINGTAIL_TARGETS)) {
  const options = (more) => ({
    host: "127.0.0.1",
    port: target.port,
    password: target.password ?? undefined,
    tls: target.ca ? { ca: fs.readFileSync(target.ca) } : undefined,
    ...more,
  });

  describe(target.name, () => {
    let redis;
    before(async () => {
      redis = new Redis(options());
      await redis.flushall();
    });
    after(() => redis.quit());

    it("sets and gets", async () => {
      assert.equal(await redis.set("greeting", "hello world"), "OK");
      assert.equal(await redis.get("greeting"), "hello world");
      assert.equal(await redis.get("missing"), null);
      assert.equal(await redis.set("greeting", "x", "NX"), null);
      assert.equal(await redis.set("greeting", "x", "EX", 100, "GET"), "hello world");
      assert.ok((await redis.ttl("greeting")) > 90);
    });

    it("keeps bytes as they are", async () => {
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      await redis.set(bytes, bytes);
      assert.deepEqual(await redis.getBuffer(bytes), bytes);
      const big = Buffer.alloc(5 << 20, bytes);
      await redis.set("big", big);
      assert.deepEqual(await redis.getBuffer("big"), big);
    });

    it("works with many keys at once", async () => {
      const values = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`m:${i}`, `v${i}`]));
      assert.equal(await redis.mset(values), "OK");
      assert.deepEqual(await redis.mget(Object.keys(values)), Object.values(values));
      assert.equal(await redis.exists(Object.keys(values)), 300);
      assert.equal(await redis.del(Object.keys(values)), 300);
    });

    it("works with lists and hashes", async () => {
      assert.equal(await redis.rpush("list", "a", "b", "c"), 3);
      assert.deepEqual(await redis.lrange("list", 0, -1), ["a", "b", "c"]);
      assert.deepEqual(await redis.lpop("list", 2), ["a", "b"]);
      assert.equal(await redis.hset("hash", { name: "Ada", born: 1815 }), 2);
      assert.deepEqual(await redis.hgetall("hash"), { name: "Ada", born: "1815" });
      assert.equal(await redis.hincrby("hash", "born", 1), 1816);
    });

    it("answers pipelines in order", async () => {
      const pipeline = redis.pipeline();
      for (let i = 0; i < 500; i++) pipeline.set(`p:${i}`, i).get(`p:${i}`);
      pipeline.lpush("p:1", "wrong type");
      const replies = await pipeline.exec();
      assert.equal(replies.length, 1001);
      for (let i = 0; i < 500; i++) assert.deepEqual(replies[2 * i + 1], [null, String(i)]);
      assert.match(replies[1000][0].message, /^WRONGTYPE/);
    });

    it("pipelines by itself what is asked at once", async () => {
      const auto = new Redis(options({ enableAutoPipelining: true }));
      await Promise.all(Array.from({ length: 200 }, (_, i) => auto.set(`auto:${i}`, i)));
      const got = await Promise.all(Array.from({ length: 200 }, (_, i) => auto.get(`auto:${i}`)));
      assert.deepEqual(got, Array.from({ length: 200 }, (_, i) => String(i)));
      await auto.quit();
    });

    it("scans", async () => {
      const names = Array.from({ length: 500 }, (_, i) => `scan:${i}`);
      await redis.mset(Object.fromEntries(names.map((name) => [name, "v"])));
      const found = new Set();
      for await (const keys of redis.scanStream({ match: "scan:*", count: 50 })) keys.forEach((k) => found.add(k));
      assert.deepEqual(found, new Set(names));
    });

    it("keeps databases apart", async () => {
      const three = new Redis(options({ db: 3 }));
      await redis.set("where", "zero");
      assert.equal(await three.get("where"), null);
      await three.set("where", "three");
      assert.equal(await redis.get("where"), "zero");
      assert.equal(await three.get("where"), "three");
      await three.quit();
    });

    it("connects by URL, with a name", async () => {
      const password = target.password ? `:${target.password}@` : "";
      const url = `${target.ca ? "rediss" : "redis"}://${password}127.0.0.1:${target.port}/2`;
      const named = new Redis(url, { connectionName: "suite", tls: options().tls });
      assert.equal(await named.client("GETNAME"), "suite");
      assert.match(await named.client("INFO"), / db=2 /);
      await named.quit();
    });

    it("is told what went wrong", async () => {
      await assert.rejects(redis.call("NOSUCH", "a"), /unknown command 'NOSUCH', with args beginning with: 'a'/);
      await assert.rejects(redis.call("GET"), /wrong number of arguments for 'get' command/);
      assert.equal(await redis.rename("greeting", "elsewhere"), "OK");
    });

    it("refuses a wrong password", async () => {
      if (!target.password) return;
      const wrong = new Redis(options({ password: "wrong", retryStrategy: null, lazyConnect: true, maxRetriesPerRequest: 0 }));
      wrong.on("error", () => {});
      await assert.rejects(wrong.connect().then(() => wrong.get("k")), /WRONGPASS|NOAUTH|closed/i);
      wrong.disconnect();
    });

    it("reconnects after its connection was killed", async () => {
      const victim = new Redis(options({ retryStrategy: () => 10 }));
      const id = await victim.client("ID");
      assert.equal(await redis.client("KILL", "ID", id), 1);
      await victim.set("after", "kill");
      assert.equal(await victim.get("after"), "kill");
      await victim.quit();
    });

    describe("as a subscriber", { skip: target.pool && "of one server" }, () => {
      let subscriber;
      before(() => {
        subscriber = redis.duplicate();
      });
      after(() => subscriber.quit());

      const next = (event) => new Promise((resolve) => subscriber.once(event, (...args) => resolve(args)));

      it("gets messages of channels and patterns", async () => {
        assert.equal(await subscriber.subscribe("news", "more"), 2);
        const message = next("message");
        assert.equal(await redis.publish("news", "hello"), 1);
        assert.deepEqual(await message, ["news", "hello"]);
        assert.equal(await subscriber.psubscribe("n*"), 3);
        const byPattern = next("pmessage");
        assert.equal(await redis.publish("nothing", "there"), 1);
        assert.deepEqual(await byPattern, ["n*", "nothing", "there"]);
        assert.equal(await subscriber.unsubscribe("news", "more"), 1);
        assert.equal(await subscriber.punsubscribe(), 0);
        assert.equal(await redis.publish("news", "nobody"), 0);
      });

      it("gets messages of shard channels", async () => {
        assert.equal(await subscriber.ssubscribe("shard"), 1);
        const message = next("smessage");
        assert.equal(await redis.spublish("shard", "hello"), 1);
        assert.deepEqual(await message, ["shard", "hello"]);
        assert.equal(await subscriber.sunsubscribe("shard"), 0);
      });

      it("is told of keys that expire", async () => {
        await redis.config("SET", "notify-keyspace-events", "Ex");
        await subscriber.subscribe("__keyevent@0__:expired");
        const message = next("message");
        await redis.set("short", "lived", "PX", 20);
        assert.deepEqual(await message, ["__keyevent@0__:expired", "short"]);
        await subscriber.unsubscribe();
        await redis.config("SET", "notify-keyspace-events", "");
      });

      it("works as any client once it is subscribed to nothing", async () => {
        assert.equal(await subscriber.ping(), "PONG");
      });
    });
  });
}
