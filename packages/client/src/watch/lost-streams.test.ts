import { GraftError, toLsn } from "@graft/core";
import type { SimulatedClock } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import type { RemoteEvent } from "../remote/remote.ts";
import { FAREWELL, HEARTBEAT, LOST, news, ScriptedServer } from "../testing/scripted-server.ts";

describe("a lost stream", () => {
  test("is opened again from where each volume is by then; they are not live meanwhile", async () => {
    const server = new ScriptedServer();
    const a = await server.subscribeLive(5n);
    await server.last.fail(LOST);
    expect(a.heard).toEqual(["stale"]);
    a.at = toLsn(8n);
    await server.clock.advance(100);
    expect(server.calls).toHaveLength(2);
    expect(server.last.request.volumes).toEqual([{ volumeId: a.volumeId, lsn: 8n }]);
    await server.last.say(news(a.volumeId, 8n, 9n), HEARTBEAT);
    expect(a.heard).toEqual(["stale", "8→9", "live"]);
    await server.feed.close();
  });

  test("of a server that is down is tried ever more rarely, also by new subscribers", async () => {
    const server = new ScriptedServer();
    const a = await server.subscribeLive(5n);
    const before = server.calls.length;
    for (let ms = 0; ms < 60_000; ms += 50) {
      for (const call of server.open) await call.fail(LOST);
      if (ms % 1000 === 0) server.subscribe(1n);
      await server.clock.advance(50);
    }
    const tries = server.calls.length - before;
    expect(tries).toBeGreaterThan(12);
    expect(tries).toBeLessThan(30);
    expect(a.heard).toEqual(["stale"]);
    await server.feed.close();
  });

  test("is noticed when it says nothing for two heartbeats", async () => {
    const server = new ScriptedServer();
    const a = await server.subscribeLive(5n);
    for (let beat = 0; beat < 5; beat++) {
      await server.clock.advance(29_000);
      await server.last.say(HEARTBEAT);
    }
    expect([server.calls.length, server.reconnectCount]).toEqual([1, 0]);
    await server.clock.advance(30_100);
    expect(server.reconnectCount).toBe(1);
    expect(a.heard).toEqual(["stale"]);
    expect(server.calls).toHaveLength(2);
    expect(server.open).toEqual([server.last]);
    await server.feed.close();
  });

  test("that is silent beside one that is not does not end their connection", async () => {
    const server = new ScriptedServer();
    const a = await server.subscribeLive(5n);
    const b = await server.subscribeLive(5n);
    const [, steady] = server.calls;
    for (let beat = 0; beat < 3; beat++) {
      await server.clock.advance(11_000);
      await steady?.say(HEARTBEAT);
    }
    expect([a.heard, b.heard]).toEqual([["stale"], []]);
    expect([server.calls.length, server.reconnectCount]).toEqual([3, 0]);
    await server.feed.close();
  });

  test.each([
    ["the monotonic clock stood still", (clock: SimulatedClock) => clock.jumpWall(3_600_000)],
    ["the wall clock was set ahead", (clock: SimulatedClock) => clock.jumpWall(11_000)],
  ])("is presumed after a sleep: %s", async (_name, jump) => {
    const server = new ScriptedServer();
    const a = await server.subscribeLive(5n);
    jump(server.clock);
    await server.clock.advance(5_000);
    expect([server.calls.length, server.reconnectCount]).toEqual([2, 1]);
    expect(server.open).toEqual([server.last]);
    expect(a.heard).toEqual(["stale"]);
    await server.feed.close();
  });

  test("is not presumed when the wall clock is set back, or a little ahead", async () => {
    const server = new ScriptedServer();
    await server.subscribeLive(5n);
    server.clock.jumpWall(-3_600_000);
    await server.clock.advance(5_000);
    server.clock.jumpWall(9_000);
    await server.clock.advance(5_000);
    expect(server.calls).toHaveLength(1);
    await server.feed.close();
  });

  test("of a server that drains is opened elsewhere at once", async () => {
    const server = new ScriptedServer();
    const a = await server.subscribeLive(5n);
    await server.last.say(FAREWELL);
    expect(a.heard).toEqual(["stale"]);
    await server.clock.advance(0);
    expect(server.calls).toHaveLength(2);
    await server.last.say(HEARTBEAT);
    expect(a.heard).toEqual(["stale", "live"]);
    await server.feed.close();
  });

  test("of a server that is draining already is not tried in a hurry", async () => {
    const server = new ScriptedServer();
    await server.subscribeLive(5n);
    const before = server.calls.length;
    for (let ms = 0; ms < 10_000; ms += 10) {
      for (const call of server.open) await call.say(FAREWELL);
      await server.clock.advance(10);
    }
    expect(server.calls.length - before).toBeLessThan(12);
    await server.feed.close();
  });

  test("waits as long as the server asks", async () => {
    const server = new ScriptedServer();
    await server.subscribeLive(5n);
    const details = { retryAfterMs: 8_000 };
    await server.last.fail(new GraftError("resource-exhausted", "too many watchers", { details }));
    await server.clock.advance(7_900);
    expect(server.calls).toHaveLength(1);
    await server.clock.advance(200);
    expect(server.calls).toHaveLength(2);
    await server.feed.close();
  });

  test("that was cut twice for its silence asks for heartbeats in time", async () => {
    const server = new ScriptedServer();
    await server.subscribeLive(5n);
    for (let cut = 0; cut < 2; cut++) {
      await server.clock.advance(4_000);
      await server.last.fail(LOST);
      await server.clock.advance(200);
      await server.last.say(HEARTBEAT);
    }
    expect(server.calls.map((call) => call.request.heartbeatMs)).toEqual([15_000, 15_000, 2_000]);
    await server.feed.close();
  });
});

describe("a server that refuses", () => {
  test.each(["unauthenticated", "permission-denied"] as const)(
    "the stream as %s is told so to all, and asked no more",
    async (code) => {
      const server = new ScriptedServer();
      const a = await server.subscribeLive(5n);
      await server.last.fail(new GraftError(code, "your token has expired"));
      expect(a.heard).toEqual([code]);
      await server.clock.advance(600_000);
      expect(server.calls).toHaveLength(1);
      expect(server.clock.sleeperCount).toBe(0);
      await server.subscribeLive(1n);
      await server.feed.close();
    },
  );

  test("one volume ends that one", async () => {
    const server = new ScriptedServer();
    const [a, b] = [server.subscribe(5n), server.subscribe(5n)];
    await server.clock.advance(20);
    const error = new GraftError("permission-denied", "not yours");
    await server.last.say({ kind: "end", volumeId: a.volumeId, error }, HEARTBEAT);
    await server.last.say(news(b.volumeId, 5n, 6n));
    expect([a.heard, b.heard]).toEqual([["permission-denied"], ["live", "5→6"]]);
    await server.clock.advance(60_000);
    expect(server.calls.slice(1).some((call) => call.asks(a.volumeId))).toBe(false);
    await server.feed.close();
  });

  test("one volume for now asks again for that one, ever more rarely", async () => {
    const server = new ScriptedServer();
    const [a, b] = [server.subscribe(5n), server.subscribe(5n)];
    await server.clock.advance(20);
    const steady = server.last;
    await steady.say(HEARTBEAT);
    const end: RemoteEvent = { kind: "end", volumeId: a.volumeId, error: LOST };
    await steady.say(end);
    expect([a.heard, b.heard]).toEqual([["live", "stale"], ["live"]]);
    for (let ms = 0; ms < 20_000; ms += 50) {
      for (const call of server.open) if (call !== steady) await call.say(end, HEARTBEAT);
      if (ms % 10_000 === 0) await steady.say(HEARTBEAT);
      await server.clock.advance(50);
    }
    expect(server.calls.length).toBeGreaterThan(5);
    expect(server.calls.length).toBeLessThan(14);
    expect(b.heard).toEqual(["live"]);
    while (server.last === steady || !server.last.isOpen) await server.clock.advance(100);
    await server.last.say(HEARTBEAT);
    expect(a.heard).toEqual(["live", "stale", "live"]);
    await server.feed.close();
  });
});
