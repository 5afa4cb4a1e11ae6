import { createVolumeId, toLsn } from "@graft/core";
import { settle } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import {
  HEARTBEAT,
  type Listener,
  LOST,
  news,
  ScriptedServer,
} from "../testing/scripted-server.ts";

describe("a feed", () => {
  test("opens one stream for what is subscribed within 20 ms, each from its LSN", async () => {
    const server = new ScriptedServer();
    const a = server.subscribe(5n);
    await server.clock.advance(15);
    const b = server.subscribe(undefined);
    expect(server.calls).toHaveLength(0);
    await server.clock.advance(5);
    expect(server.calls).toHaveLength(1);
    expect(server.last.request.volumes).toEqual([
      { volumeId: a.volumeId, lsn: 5n },
      { volumeId: b.volumeId },
    ]);
    await server.last.say(news(a.volumeId, 5n, 7n));
    expect(a.heard).toEqual(["5→7"]);
    await server.last.say(HEARTBEAT);
    expect([a.heard, b.heard]).toEqual([["5→7", "live"], ["live"]]);
    await server.feed.close();
  });

  test("opens further streams; the fourth takes over, and the others end once it answered", async () => {
    const server = new ScriptedServer();
    const gone = server.subscribe(1n);
    const first = await server.subscribeLive(5n);
    const others = [await server.subscribeLive(5n), await server.subscribeLive(5n)];
    gone.close();
    first.at = toLsn(6n);
    const last = server.subscribe(5n);
    await server.clock.advance(20);
    expect(server.open).toHaveLength(4);
    expect(server.last.request.volumes).toHaveLength(4);
    expect(server.last.request.volumes).toContainEqual({ volumeId: first.volumeId, lsn: 6n });
    expect(server.last.asks(gone.volumeId)).toBe(false);
    await server.last.say(HEARTBEAT);
    expect(server.open).toEqual([server.last]);
    expect([first, ...others].flatMap((listener) => listener.heard)).toEqual([]);
    expect(last.heard).toEqual(["live"]);
    await server.feed.close();
  });

  test("never has more than four streams, however fast subscriptions come", async () => {
    const server = new ScriptedServer();
    const listeners = [];
    for (let at = 0; at < 30; at++) {
      listeners.push(server.subscribe(1n));
      await server.clock.advance(21);
      expect(server.open.length).toBeLessThanOrEqual(4);
    }
    while (listeners.some((listener) => !listener.heard.includes("live"))) {
      for (const call of server.open) await call.say(HEARTBEAT);
      await server.clock.advance(1);
    }
    expect(server.open.length).toBeLessThanOrEqual(2);
    await server.feed.close();
  });

  test("asks for the volumes of a large stream again only when many more have come", async () => {
    const server = new ScriptedServer();
    let asked = 0;
    for (let at = 0; at < 1000; at++) {
      server.subscribe(1n);
      await server.clock.advance(21);
      expect(server.open.length).toBeLessThanOrEqual(4);
      for (const call of server.open) await call.say(HEARTBEAT);
      expect(server.open.length).toBeLessThanOrEqual(3);
      asked = server.calls.reduce((sum, { request }) => sum + request.volumes.length, 0);
    }
    // If everything was taken over each time, it would be 1000 · 1000 / 2 / 3.
    expect(asked).toBeLessThan(30_000);
    await server.feed.close();
  });

  test("watches 25 000 volumes on three streams", async () => {
    const server = new ScriptedServer();
    for (let at = 0; at < 25_000; at++) server.subscribe(1n);
    await server.clock.advance(20);
    expect(server.open.map((call) => call.request.volumes.length)).toEqual([10_000, 10_000, 5_000]);
    await server.feed.close();
  });

  test("that nobody listens to has no stream and no timer", async () => {
    const server = new ScriptedServer();
    const a = await server.subscribeLive(1n);
    const b = await server.subscribeLive(1n);
    a.close();
    await settle();
    expect(server.open).toHaveLength(1);
    b.close();
    await settle();
    expect([server.open.length, server.clock.sleeperCount]).toEqual([0, 0]);
    const again = await server.subscribeLive(1n);
    expect(again.heard).toEqual([]);
    await server.feed.close();
    expect([server.open.length, server.clock.sleeperCount]).toEqual([0, 0]);
    expect(() => server.subscribe(1n)).toThrow("closed");
  });

  test("tells nobody what it has already, and a volume that nobody wants to nobody", async () => {
    const server = new ScriptedServer();
    const [a, b] = [server.subscribe(5n), server.subscribe(5n)];
    await server.clock.advance(20);
    await server.last.say(HEARTBEAT);
    a.at = toLsn(6n);
    b.close();
    await server.last.say(news(a.volumeId, 5n, 6n), news(b.volumeId, 5n, 6n));
    expect([a.heard, b.heard]).toEqual([["live"], ["live"]]);
    await server.feed.close();
  });
});

describe("a subscriber", () => {
  test("that throws hears no more; the others do", async () => {
    const server = new ScriptedServer();
    const volumeId = createVolumeId(server);
    const [a, b] = [server.subscribe(5n, volumeId), server.subscribe(5n, volumeId)];
    await server.clock.advance(20);
    await server.last.say(HEARTBEAT);
    a.throws = true;
    await server.last.say(news(volumeId, 5n, 6n), news(volumeId, 6n, 7n));
    expect([a.heard, b.heard]).toEqual([
      ["live", "internal"],
      ["live", "5→6", "6→7"],
    ]);
    await server.feed.close();
  });

  test("that joins a live volume is live at once, and pulls what it lacks", async () => {
    const server = new ScriptedServer();
    const first = await server.subscribeLive(5n);
    await server.last.say(news(first.volumeId, 5n, 8n));
    const behind = server.subscribe(6n, first.volumeId);
    const current = server.subscribe(8n, first.volumeId);
    const ahead = server.subscribe(9n, first.volumeId);
    expect(current.heard).toEqual([]);
    await settle();
    expect([behind.heard, current.heard, ahead.heard]).toEqual([
      ["resync", "live"],
      ["live"],
      ["live"],
    ]);
    expect(server.calls).toHaveLength(1);
    await server.feed.close();
  });

  test("that joins before the stream has answered pulls what was told before it came", async () => {
    const server = new ScriptedServer();
    const first = server.subscribe(5n);
    await server.clock.advance(20);
    const late = server.subscribe(3n, first.volumeId);
    await server.last.say(HEARTBEAT);
    expect([first.heard, late.heard]).toEqual([["live"], ["resync", "live"]]);
    await server.feed.close();
  });

  test("is asked for from the least LSN of those who share a volume", async () => {
    const server = new ScriptedServer();
    const volumeId = createVolumeId(server);
    for (const lsn of [7n, 4n, 9n]) server.subscribe(lsn, volumeId);
    await server.clock.advance(20);
    expect(server.last.request.volumes).toEqual([{ volumeId, lsn: 4n }]);
    server.subscribe(undefined, volumeId);
    await server.last.fail(LOST);
    await server.clock.advance(100);
    expect(server.calls).toHaveLength(2);
    expect(server.last.request.volumes).toEqual([{ volumeId }]);
    await server.feed.close();
  });

  test("may leave and come back inside what it is told", async () => {
    const server = new ScriptedServer();
    const a = await server.subscribeLive(5n);
    const again: Listener[] = [];
    a.onNews = () => {
      a.close();
      again.push(server.subscribe(6n, a.volumeId));
    };
    await server.last.say(news(a.volumeId, 5n, 6n));
    await server.clock.advance(20);
    await server.last.say(HEARTBEAT);
    expect(again[0]?.heard).toEqual(["live"]);
    await server.feed.close();
  });
});
