import { describe, expect, test } from "vitest";
import {
  HEARTBEAT,
  type Listener,
  LOST,
  news,
  ScriptedServer,
} from "../testing/scripted-server.ts";

describe("a network that does not stream", () => {
  /** Answers polls, and holds streams back. */
  async function fallBack(): Promise<{ server: ScriptedServer; a: Listener }> {
    const server = new ScriptedServer();
    const a = server.subscribe(5n);
    await server.clock.advance(20);
    await server.clock.advance(10_000);
    expect(server.open.map((call) => call.request.waitMs)).toEqual([undefined, 1]);
    await server.last.say(HEARTBEAT);
    return { server, a };
  }

  test("is polled beside the silent stream, which ends when the poll is answered first", async () => {
    const { server, a } = await fallBack();
    expect(server.open).toEqual([server.last]);
    expect(a.heard).toEqual(["live"]);
    await server.feed.close();
    expect(server.clock.sleeperCount).toBe(0);
  });

  test("is asked again from where the last poll left each volume, and paced", async () => {
    const { server, a } = await fallBack();
    await server.last.end();
    const polls = () => server.calls.filter((call) => call.request.waitMs !== undefined);
    await server.clock.advance(100);
    expect(polls()).toHaveLength(2);
    const poll = polls()[1];
    expect(poll?.request).toMatchObject({ waitMs: 25_000, volumes: [{ lsn: 5n }] });
    await poll?.say(news(a.volumeId, 5n, 6n), HEARTBEAT);
    await poll?.end();
    // It has not applied it yet: to be told the same again at once would help nobody.
    await server.clock.advance(100);
    expect(polls()[2]?.request.volumes).toEqual([{ volumeId: a.volumeId, lsn: 6n }]);
    expect(a.heard).toEqual(["live", "5→6"]);
    await server.feed.close();
  });

  test("a volume that cannot resync is not polled for ever faster", async () => {
    const { server, a } = await fallBack();
    await server.last.end();
    const before = server.calls.length;
    for (let ms = 0; ms < 30_000; ms += 100) {
      for (const call of server.open) {
        if (call.request.waitMs === undefined) continue;
        await call.say({ kind: "resync", volumeId: a.volumeId }, HEARTBEAT);
        await call.end();
      }
      await server.clock.advance(100);
    }
    expect(server.calls.length - before).toBeLessThan(40);
    await server.feed.close();
  });

  test("a server that comes back while it is polled is streamed from soon after", async () => {
    const server = new ScriptedServer();
    const a = server.subscribe(5n);
    let isUp = false;
    for (let ms = 0; ms < 30_000; ms += 50) {
      const polls = server.open.filter((call) => call.request.waitMs !== undefined);
      isUp ||= ms > 5_000 && polls.length > 0;
      for (const call of server.open) {
        if (isUp) await call.say(HEARTBEAT);
        else await call.fail(LOST);
      }
      await server.clock.advance(50);
    }
    expect(a.heard).toEqual(["live"]);
    expect(server.open.map((call) => call.request.waitMs)).toEqual([undefined]);
    await server.feed.close();
  });

  test("the poll ends when the stream is answered first after all", async () => {
    const server = new ScriptedServer();
    const a = server.subscribe(5n);
    await server.clock.advance(20);
    const stream = server.last;
    await server.clock.advance(10_000);
    await stream.say(HEARTBEAT);
    expect(server.open).toEqual([stream]);
    expect(a.heard).toEqual(["live"]);
    await server.feed.close();
  });

  test("is tried again with a stream now and then; when that answers, the polls end", async () => {
    const { server, a } = await fallBack();
    await server.clock.advance(1_000);
    const trial = server.last;
    expect(trial.request.waitMs).toBeUndefined();
    await server.clock.advance(10_000);
    expect(trial.isOpen).toBe(false);
    const trials = () => server.calls.filter((call) => call.request.waitMs === undefined).length;
    const before = trials();
    for (let second = 0; second < 3600; second++) {
      await server.clock.advance(1_000);
      for (const call of server.open)
        if (call.request.waitMs !== undefined) await call.say(HEARTBEAT);
    }
    expect(trials() - before).toBeGreaterThan(5);
    expect(trials() - before).toBeLessThan(16);
    while (server.open.every((call) => call.request.waitMs !== undefined)) {
      await server.clock.advance(1_000);
      for (const call of server.open)
        if (call.request.waitMs !== undefined) await call.say(HEARTBEAT);
    }
    const stream = server.open.find((call) => call.request.waitMs === undefined);
    await stream?.say(HEARTBEAT);
    expect(server.open).toEqual([stream]);
    expect(a.heard).toEqual(["live"]);
    await server.feed.close();
  });
});
