import { EventEmitter } from "node:events";
import { Readable } from "node:stream";
import { SimulatedClock } from "@graft/core/testing";
import { expect, test } from "vitest";
import { MetricsRegistry } from "../metrics.ts";
import { Admission } from "./admission.ts";
import { COMPRESSIONS } from "./compression.ts";
import { InFlight } from "./in-flight.ts";
import type { NodeRequest, NodeResponse } from "./node-handler.ts";
import { SlowRequests } from "./slow-requests.ts";

const MIB = 1024 * 1024;

/** A request that arrives as it is pushed to, and is worked on until it has come. */
function upload(size: number) {
  const body = new Readable({ read: () => undefined });
  const facts = { url: "/", headers: { "content-length": String(size) }, complete: false };
  const request = Object.assign(body, facts) as unknown as NodeRequest;
  const response = Object.assign(new EventEmitter(), {
    end: () => undefined,
    setHeader: () => undefined,
  }) as unknown as NodeResponse;
  body.on("error", () => response.emit("close")).resume();
  return { request, response };
}

test("four slow uploads hold all the room, until others ask for it", async () => {
  const clock = new SimulatedClock();
  const stopped = new AbortController();
  const inFlight = new InFlight({ callCountMax: 100, sizeMax: 128 * MIB }, new MetricsRegistry());
  const admission = new Admission({
    inFlight,
    slow: new SlowRequests(clock, stopped.signal, () => inFlight.takeCrowded()),
    clock,
    isCounted: () => true,
    usualSizes: new Map(),
    untakenMs: 1000,
  });
  const handler = admission.guard(() => undefined);
  const slow = Array.from({ length: 4 }, () => upload(32 * MIB));
  for (const { request, response } of slow) handler(request, response);
  /** They send more than the least that is asked of anybody. */
  const move = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second++) {
      for (const { request } of slow) if (!request.destroyed) request.push(new Uint8Array(10_000));
      await clock.advance(1000);
    }
  };
  await move(60);
  expect(slow.map(({ request }) => request.destroyed)).toEqual([false, false, false, false]);
  const ask = (): boolean => {
    const { request, response } = upload(8 * MIB);
    handler(request, response);
    return admission.refusalOf(request) === undefined;
  };
  expect(ask()).toBe(false);
  await move(5);
  expect(slow.map(({ request }) => request.destroyed)).toEqual([true, true, true, true]);
  expect(slow[0]?.request.errored?.message).toContain("while others wait for room");
  expect(ask()).toBe(true);
  stopped.abort();
});

test("what is unpacked for a caller that has left meanwhile is not counted", async () => {
  const metrics = new MetricsRegistry();
  const clock = new SimulatedClock();
  const admission = new Admission({
    inFlight: new InFlight({ callCountMax: 10, sizeMax: 10 * MIB }, metrics),
    slow: new SlowRequests(clock, AbortSignal.abort(), () => false),
    clock,
    isCounted: () => true,
    usualSizes: new Map(),
    untakenMs: 1000,
  });
  const unpacked = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
  const compression = admission.counted({
    ...COMPRESSIONS.zstd,
    decompress: () => unpacked.promise,
  });
  const body = new Readable({ read: () => undefined });
  const facts = { url: "/", headers: { "content-encoding": "zstd" }, complete: true };
  const request = Object.assign(body, facts) as unknown as NodeRequest;
  const response = Object.assign(new EventEmitter(), {
    end: () => undefined,
  }) as unknown as NodeResponse;
  let reading: Promise<Uint8Array> | undefined;
  const handler = admission.guard(() => {
    reading = compression.decompress(new Uint8Array(1), 32 * MIB);
  });
  handler(request, response);
  expect(metrics.render()).toContain("graft_calls_in_flight 1");
  response.emit("close");
  unpacked.resolve(new Uint8Array(2 * MIB));
  await reading;
  expect(metrics.render()).toContain("graft_calls_in_flight 0");
  expect(metrics.render()).toContain("graft_call_bytes_in_flight 0");
});
