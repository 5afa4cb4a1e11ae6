import type { Clock } from "@graft/core";
import { SimulatedClock, settle } from "@graft/core/testing";
import type { StreamSink, WatchEvent } from "@graft/rpc";
import { describe, expect, test } from "vitest";
import { WatchPump } from "./watch-pump.ts";
import { WatchStream } from "./watch-stream.ts";

const HEARTBEAT: WatchEvent = { kind: "heartbeat", draining: false };

/** A reader that takes as much as it is told to. */
class Reader implements StreamSink {
  readonly taken: Uint8Array[] = [];
  isSlow = false;
  #resume: () => void = () => undefined;

  send(envelope: Uint8Array): boolean {
    this.taken.push(envelope);
    return !this.isSlow;
  }

  onDrain(listener: () => void): void {
    this.#resume = listener;
  }

  drain(): void {
    this.isSlow = false;
    this.#resume();
  }
}

/** Streams that say a heartbeat when it is due, and what is put in between. */
function setUp(count: number) {
  const simulated = new SimulatedClock();
  let sleepCount = 0;
  const clock: Clock = {
    nowMs: () => simulated.nowMs(),
    monotonicMs: () => simulated.monotonicMs(),
    sleep: (ms, signal) => {
      sleepCount++;
      return simulated.sleep(ms, signal);
    },
  };
  const news: WatchEvent[] = [];
  const told = new Map<WatchStream, number>();
  const pump = new WatchPump({
    clock,
    next: (stream) => {
      const at = told.get(stream) ?? 0;
      const event = news[at];
      if (event !== undefined) told.set(stream, at + 1);
      return event ?? (stream.isDue() ? HEARTBEAT : undefined);
    },
  });
  const leave = new AbortController();
  const request = { volumes: [], heartbeatMs: 1000, omitPages: false };
  const readers = Array.from({ length: count }, () => {
    const stream = new WatchStream(request, clock);
    const reader = new Reader();
    const done = pump.run(stream, reader, leave.signal);
    return { stream, reader, done };
  });
  return { readers, news, leave, clock: simulated, sleeps: () => sleepCount };
}

describe("a pump", () => {
  test("encodes an event once for all who get it, however many they are", async () => {
    const { readers, news, leave, clock } = setUp(200);
    // Sixty-four have their turn at once.
    for (let turn = 0; turn < 10; turn++) await clock.advance(1);
    news.push({ kind: "heartbeat", draining: true });
    for (const { stream } of readers) stream.onWake();
    for (let turn = 0; turn < 10; turn++) await clock.advance(1);
    const last = readers.map(({ reader }) => reader.taken.at(-1));
    expect(readers.every(({ reader }) => reader.taken.length === 2)).toBe(true);
    expect(new Set(last).size).toBe(1);
    leave.abort();
    await Promise.all(readers.map(({ done }) => done));
  });

  test("tells one stream with much to say a part in each turn, and others in between", async () => {
    const { readers, news, leave, clock, sleeps } = setUp(2);
    for (let turn = 0; turn < 10; turn++) await clock.advance(1);
    for (let at = 0; at < 1000; at++) news.push({ kind: "heartbeat", draining: true });
    for (const { stream } of readers) stream.onWake();
    const [one, other] = readers.map(({ reader }) => reader);
    if (one === undefined || other === undefined) throw new Error("there are two");
    // How many the first one has had when the other is told something.
    const leads: number[] = [];
    const send = other.send.bind(other);
    other.send = (envelope) => {
      leads.push(one.taken.length - other.taken.length);
      return send(envelope);
    };
    const before = sleeps();
    for (let turn = 0; turn < 40; turn++) await clock.advance(1);
    expect([one.taken.length, other.taken.length]).toEqual([1001, 1001]);
    expect(Math.max(...leads)).toBeLessThanOrEqual(64);
    expect(sleeps() - before).toBeGreaterThan(2000 / 64 - 2);
    leave.abort();
    await Promise.all(readers.map(({ done }) => done));
  });

  test("sends nothing to a slow reader, and spends nothing on it, until it has taken what came", async () => {
    const { readers, leave, clock, sleeps } = setUp(1);
    const [one] = readers;
    if (one === undefined) throw new Error("there is one");
    one.reader.isSlow = true;
    await clock.advance(1);
    expect(one.reader.taken).toHaveLength(1);
    const before = sleeps();
    for (let second = 0; second < 60; second++) {
      one.stream.onWake();
      await clock.advance(1000);
    }
    expect(one.reader.taken).toHaveLength(1);
    expect(sleeps() - before).toBeLessThan(100);
    one.reader.drain();
    await settle();
    await clock.advance(1);
    expect(one.reader.taken).toHaveLength(2);
    leave.abort();
    await one.done;
  });

  test("leaves no timer behind when its reader leaves", async () => {
    const { readers, leave, clock } = setUp(3);
    await clock.advance(1);
    expect(clock.sleeperCount).toBe(3);
    leave.abort();
    await Promise.all(readers.map(({ done }) => done));
    expect(clock.sleeperCount).toBe(0);
  });
});
