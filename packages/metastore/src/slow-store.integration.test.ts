/** An object store that takes its time, under more load than a server can work on. */
import { createCommitId, type GraftError, isGraftError, toPageIndex } from "@graft/core";
import { systemClock as clock, systemRandom as random } from "@graft/core/node";
import { MemoryObjectStore } from "@graft/object-store";
import { FaultyObjectStore } from "@graft/object-store/testing";
import {
  createMetastoreClient,
  fromCommitRequest,
  getRetryAfterMs,
  MetricsRegistry,
  saysNothingWritten,
  silentLog,
} from "@graft/rpc";
import { createNodeTransport, startServer } from "@graft/rpc/node";
import { expect, test } from "vitest";
import { createTestMetastore, inlineCommitOf } from "./testing/test-metastore.ts";

const LIMIT = 32;
const CALLS = 600;
/** The store's answer comes after so long, ms. */
const SLOW_MS = 1000;

test("at a slow object store the work taken on is bounded: the rest is sent away, with when to come again", async () => {
  const store = new FaultyObjectStore(new MemoryObjectStore(), [], random, clock);
  await using on = createTestMetastore({ clock, random, store });
  const metrics = new MetricsRegistry();
  const inFlight = { callCountMax: LIMIT, sizeMax: 64 * 1024 * 1024 };
  const server = await startServer({ ...on, port: 0, metrics, inFlight, log: silentLog });
  const { transport, close } = createNodeTransport({ baseUrl: server.url, clock });
  try {
    const client = createMetastoreClient(transport);
    const data = crypto.getRandomValues(new Uint8Array(4096));
    const first = await inlineCommitOf(on, undefined, [{ index: toPageIndex(1), data }]);
    const message = fromCommitRequest(first);
    const fault = { kind: "latency", minMs: SLOW_MS, maxMs: SLOW_MS } as const;
    store.setRules({ fault, operations: ["create"] });
    // All race for LSN 1: one of those that were let in wins.
    const call = async (): Promise<GraftError | undefined> => {
      const commitId = fromCommitRequest({ ...first, commitId: createCommitId(random) }).commitId;
      try {
        await client.commit({ ...message, ...(commitId === undefined ? {} : { commitId }) });
        return undefined;
      } catch (error) {
        if (isGraftError(error)) return error;
        throw error;
      }
    };
    const startMs = clock.monotonicMs();
    const calls: Promise<GraftError | undefined>[] = [];
    for (let at = 0; at < CALLS; at++) {
      calls.push(call());
      if (at % 100 === 0) await clock.sleep(0);
    }
    while (clock.monotonicMs() - startMs < SLOW_MS) {
      expect(metrics.render()).toMatch(/graft_calls_in_flight ([0-9]|[12][0-9]|3[0-2])\n/);
      await clock.sleep(50);
    }
    const answers = await Promise.all(calls);
    const refused = answers.filter((error) => error?.code === "unavailable");
    const wins = answers.filter((error) => error === undefined);
    const losses = answers.filter((error) => error?.code === "rejected");
    expect(wins).toHaveLength(1);
    expect(refused.length + losses.length + 1).toBe(CALLS);
    expect(refused.length).toBeGreaterThanOrEqual(CALLS - 2 * LIMIT);
    for (const error of refused) {
      expect(error && saysNothingWritten(error)).toBe(true);
      expect(error && getRetryAfterMs(error)).toBeGreaterThanOrEqual(250);
    }
  } finally {
    close();
    await server.close();
  }
});
