// Frameworks of Node that keep their state in Redis, unmodified, each doing its real work.
// RINGTAIL_TARGETS is a JSON array of {name, port}; the Rust test that runs this suite starts them.
const assert = require("node:assert");
const { once } = require("node:events");
const { test } = require("node:test");

const { FlowProducer, Queue, QueueEvents, Worker } = require("bullmq");
const { RedisStore: SessionStore } = require("connect-redis");
const express = require("express");
const session = require("express-session");
const { rateLimit } = require("express-rate-limit");
const { RedisStore: LimitStore } = require("rate-limit-redis");
const { createClient } = require("redis");

const targets = JSON.parse(process.env.RINGTAIL_TARGETS);

async function connected(port, options = {}) {
  const client = createClient({ socket: { port, host: "127.0.0.1" }, ...options });
  await client.connect();
  return client;
}

/** Serves an application for as long as `work` takes. */
async function served(app, work) {
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await work(`http://127.0.0.1:${server.address().port}/`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

for (const { name, port } of targets) {
  test(`${name}: BullMQ runs jobs, retries, delays and flows`, { timeout: 60000 }, async () => {
    const connection = { host: "127.0.0.1", port, maxRetriesPerRequest: null };
    const admin = await connected(port);
    await admin.flushAll();
    const queue = new Queue("work", { connection });
    const events = new QueueEvents("work", { connection });
    await events.waitUntilReady();
    let failures = 0;
    const worker = new Worker(
      "work",
      async (job) => {
        if (job.name === "flaky" && failures++ < 2) throw new Error("not yet");
        if (job.name === "parent") return Object.values(await job.getChildrenValues()).reduce((a, b) => a + b, 0);
        await job.updateProgress(50);
        return job.data.n * 2;
      },
      { connection, concurrency: 4 },
    );
    const jobs = await queue.addBulk(Array.from({ length: 30 }, (_, n) => ({ name: "double", data: { n } })));
    const results = await Promise.all(jobs.map((job) => job.waitUntilFinished(events, 20000)));
    assert.deepStrictEqual(results, Array.from({ length: 30 }, (_, n) => n * 2));
    const flaky = await queue.add("flaky", { n: 21 }, { attempts: 3, backoff: { type: "fixed", delay: 50 } });
    assert.strictEqual(await flaky.waitUntilFinished(events, 20000), 42);
    const started = Date.now();
    const late = await queue.add("double", { n: 5 }, { delay: 300, priority: 1 });
    assert.strictEqual(await late.waitUntilFinished(events, 20000), 10);
    assert.ok(Date.now() - started >= 290);
    const flows = new FlowProducer({ connection });
    const flow = await flows.add({
      name: "parent",
      queueName: "work",
      children: [1, 2, 3].map((n) => ({ name: "double", queueName: "work", data: { n } })),
    });
    assert.strictEqual(await flow.job.waitUntilFinished(events, 20000), 12);
    const counts = await queue.getJobCounts("completed", "failed", "waiting", "active", "delayed");
    assert.deepStrictEqual(counts, { completed: 36, failed: 0, waiting: 0, active: 0, delayed: 0 });
    await queue.pause();
    const paused = await queue.add("double", { n: 1 });
    assert.strictEqual(await paused.getState(), "waiting");
    await queue.resume();
    assert.strictEqual(await paused.waitUntilFinished(events, 20000), 2);
    await queue.obliterate({ force: true });
    await Promise.all([worker.close(), events.close(), flows.close(), queue.close()]);
    await admin.flushAll();
    await admin.close();
  });

  test(`${name}: express-session keeps sessions by connect-redis`, { timeout: 20000 }, async () => {
    const client = await connected(port);
    await client.flushAll();
    const store = new SessionStore({ client, ttl: 60 });
    const app = express();
    app.use(session({ store, secret: "test", resave: false, saveUninitialized: false }));
    app.get("/", (request, response) => {
      request.session.visits = (request.session.visits ?? 0) + 1;
      response.send(String(request.session.visits));
    });
    await served(app, async (url) => {
      const first = await fetch(url);
      const cookie = first.headers.get("set-cookie").split(";")[0];
      assert.strictEqual(await first.text(), "1");
      for (const visits of ["2", "3"]) {
        assert.strictEqual(await (await fetch(url, { headers: { cookie } })).text(), visits);
      }
    });
    assert.strictEqual(await store.length(), 1);
    const [key] = await client.keys("sess:*");
    assert.ok((await client.ttl(key)) > 50);
    await store.clear();
    assert.strictEqual(await client.dbSize(), 0);
    await client.close();
  });

  test(`${name}: express-rate-limit counts by rate-limit-redis`, { timeout: 20000 }, async () => {
    const client = await connected(port);
    await client.flushAll();
    const store = new LimitStore({ sendCommand: (...args) => client.sendCommand(args) });
    const app = express();
    app.use(rateLimit({ windowMs: 60000, limit: 3, store }));
    app.get("/", (_, response) => response.send("ok"));
    await served(app, async (url) => {
      const codes = [];
      for (let i = 0; i < 5; i++) codes.push((await fetch(url)).status);
      assert.deepStrictEqual(codes, [200, 200, 200, 429, 429]);
    });
    await client.close();
  });

  for (const RESP of [2, 3]) {
    test(`${name}: node-redis over RESP${RESP}`, { timeout: 20000 }, async () => {
      const client = await connected(port, { RESP });
      await client.flushAll();
      const [set, sum, members] = await client.multi().set("k", "1").incr("k").sAdd("s", ["a", "b"]).exec();
      assert.deepStrictEqual([set, sum, members], ["OK", 2, 2]);
      const listener = client.duplicate();
      await listener.connect();
      const heard = new Promise((resolve) => listener.subscribe("news", resolve));
      while ((await client.publish("news", "hello")) === 0) await new Promise((r) => setTimeout(r, 5));
      assert.strictEqual(await heard, "hello");
      await client.zAdd("z", [{ score: 1.5, value: "one" }, { score: 2, value: "two" }]);
      assert.deepStrictEqual(await client.zRangeWithScores("z", 0, -1), [
        { value: "one", score: 1.5 },
        { value: "two", score: 2 },
      ]);
      assert.strictEqual(await client.eval("return ARGV[1] .. KEYS[1]", { keys: ["k"], arguments: ["a"] }), "ak");
      const popped = client.duplicate();
      await popped.connect();
      const waiting = popped.blPop("queue", 5);
      await client.rPush("queue", "job");
      assert.deepStrictEqual({ ...(await waiting) }, { key: "queue", element: "job" });
      await Promise.all([client.close(), listener.close(), popped.close()]);
    });
  }

  test(`${name}: node-redis caches on its own side, and hears of every change`, { timeout: 20000 }, async () => {
    const cached = await connected(port, { RESP: 3, clientSideCache: { ttl: 0, maxEntries: 0, evictPolicy: "LRU" } });
    const other = await connected(port);
    await other.flushAll();
    for (let i = 0; i < 50; i++) {
      await other.set("k", String(i));
      const deadline = Date.now() + 2000;
      while ((await cached.get("k")) !== String(i)) {
        assert.ok(Date.now() < deadline, `${i} never came`);
        // What is cached is answered without a turn of the event loop, in which invalidations come.
        await new Promise(setImmediate);
      }
    }
    await Promise.all([cached.close(), other.close()]);
  });
}
