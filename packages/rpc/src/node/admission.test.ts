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

test("what is unpacked for a caller that has left meanwhile is not counted", async () => {
  const metrics = new MetricsRegistry();
  const clock = new SimulatedClock();
  const admission = new Admission({
    inFlight: new InFlight({ callCountMax: 10, sizeMax: 10 * MIB }, metrics),
    slow: new SlowRequests(clock, AbortSignal.abort()),
    clock,
    isCounted: () => true,
    usualSizes: new Map(),
  });
  const unpacked = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
  const compression = admission.counted({
    ...COMPRESSIONS.zstd,
    decompress: () => unpacked.promise,
  });
  const body = new Readable({ read: () => undefined });
  const facts = { url: "/", headers: { "content-encoding": "zstd" }, complete: true };
  const request = Object.assign(body, facts) as unknown as NodeRequest;
  const response = new EventEmitter() as unknown as NodeResponse;
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
